/**
 * What the Go linker recorded about a build: Go version, main package, modules, build settings.
 *
 * The record is a 32-byte header behind `\xff Go buildinf:`. Since Go 1.18 two length-prefixed strings follow it; before,
 * it held pointers to two Go string headers. Specification: package debug/buildinfo of the Go library.
 */
import { Cursor, FormatError, type VirtualAddress, virtualAddress } from "../base/index.js";
import type { ElfFile } from "./elf.js";
import { type ImageReader, plainImage, RelocatedImage } from "./image.js";
import { findRuntimeVersion } from "./runtime-version.js";

export interface GoVersion {
  /** As the linker wrote it: `go1.27.4`, `go1.22.1 X:rangefunc`, `devel go1.28-0a1b2c3 …`. */
  readonly text: string;
  readonly major: number;
  readonly minor: number;
}

export interface GoModule {
  readonly path: string;
  /** Empty or `(devel)` for a module built from its own checkout. */
  readonly version: string;
}

export interface BuildInfo {
  readonly goVersion: string;
  /** Import path of the main package; empty when the build recorded no modules (GO111MODULE=off, other build systems). */
  readonly path: string;
  readonly mainModule: GoModule | undefined;
  /** `-buildmode`, `CGO_ENABLED`, `vcs.revision`…, in the linker's order. */
  readonly settings: ReadonlyMap<string, string>;
}

const MAGIC = Buffer.from("\xff Go buildinf:", "latin1");
const HEADER_SIZE = 32;
const ALIGNMENT = 16;
const FLAG_BIG_ENDIAN = 1;
const FLAG_INLINE_STRINGS = 2;
/** The linker puts 16 marker bytes around the module text, so that it can be found without symbols. */
const MODULE_MARKER = 16;

/** LIMIT: the version text; tens of bytes in real files. */
const MAX_VERSION_BYTES = 4_096;
/** LIMIT: the module text; some ten kilobytes for programs of hundreds of modules. */
const MAX_MODULE_BYTES = 2 ** 24;
/** How much of a segment the search for the header reads at once. */
const SCAN_CHUNK = 2 ** 20;

/** The version's numbers; undefined when the text names no Go release, as with builds from a bare checkout. */
export function parseGoVersion(text: string): GoVersion | undefined {
  const match = /\bgo(\d{1,4})\.(\d{1,4})(?!\d)/.exec(text);
  if (match === null) return undefined;
  return { text, major: Number(match[1]), minor: Number(match[2]) };
}

type HeaderForm = "inline" | "pointers";

function formOfHeader(header: Buffer): HeaderForm | undefined {
  const pointerSize = header[14];
  const flags = header[15] ?? 0;
  if (flags === FLAG_INLINE_STRINGS) return "inline";
  if (pointerSize === 8 && (flags & FLAG_BIG_ENDIAN) === 0) return "pointers";
  return undefined;
}

/** Address of the header in `size` bytes of memory image at `start`. */
function findHeader(elf: ElfFile, start: VirtualAddress, size: number): VirtualAddress | undefined {
  for (let done = 0; done < size; done += SCAN_CHUNK) {
    // A header that begins in this chunk may end in the next one.
    const bytes = elf.readVirtual(virtualAddress(start + done), Math.min(SCAN_CHUNK + HEADER_SIZE, size - done));
    for (let at = bytes.indexOf(MAGIC); at >= 0; at = bytes.indexOf(MAGIC, at + 1)) {
      // Programs that read build info themselves hold the magic as a constant, elsewhere than on a header's boundary.
      const aligned = (start + done + at) % ALIGNMENT === 0;
      if (aligned && at + HEADER_SIZE <= bytes.length && formOfHeader(bytes.subarray(at)) !== undefined)
        return virtualAddress(start + done + at);
    }
  }
  return undefined;
}

function locate(elf: ElfFile): VirtualAddress | undefined {
  const section = elf.findSection(".go.buildinfo");
  if (section !== undefined && section.virtualAddress !== 0) {
    const address = findHeader(elf, section.virtualAddress, section.size);
    if (address !== undefined) return address;
  }
  // The linker writes it to initialized data in every build mode; without the section only its alignment betrays it.
  for (const segment of elf.loads) {
    if (!segment.writable || segment.executable) continue;
    const address = findHeader(elf, segment.virtualAddress, segment.fileSize);
    if (address !== undefined) return address;
  }
  return undefined;
}

/** A length-prefixed string at `address`, and the address after it. */
function readInlineString(elf: ElfFile, address: VirtualAddress, limit: number): [Buffer, VirtualAddress] {
  const load = elf.findLoad(address);
  const left = load === undefined ? 0 : load.virtualAddress + load.fileSize - address;
  const cursor = new Cursor(elf.readVirtual(address, Math.max(0, Math.min(10, left))), "Go build info", 0, address);
  const length = cursor.uleb128();
  if (length > limit) cursor.fail(`a string of ${length} bytes`);
  const start = virtualAddress(address + cursor.position);
  return [elf.readVirtual(start, length), virtualAddress(start + length)];
}

/** The Go string whose header a pointer at `address` leads to; empty for a nil pointer. */
function readPointedString(image: ImageReader, address: VirtualAddress, limit: number): Buffer {
  const pointer = new Cursor(image.read(address, 8), "Go build info", 0, address).u64AsNumber();
  if (pointer === 0) return Buffer.alloc(0);
  const cursor = new Cursor(image.read(virtualAddress(pointer), 16), "Go build info", 0, pointer);
  const data = cursor.u64AsNumber();
  const length = cursor.u64AsNumber();
  if (length > limit) cursor.fail(`a string of ${length} bytes`);
  return length === 0 ? Buffer.alloc(0) : image.read(virtualAddress(data), length);
}

function readStrings(elf: ElfFile, header: VirtualAddress): { version: string; modules: Buffer } {
  if (formOfHeader(elf.readVirtual(header, HEADER_SIZE)) === "pointers") {
    const image = elf.positionIndependent ? new RelocatedImage(elf) : plainImage(elf);
    return {
      version: readPointedString(image, virtualAddress(header + 16), MAX_VERSION_BYTES).toString("utf8"),
      modules: readPointedString(image, virtualAddress(header + 24), MAX_MODULE_BYTES),
    };
  }
  const [version, next] = readInlineString(elf, virtualAddress(header + HEADER_SIZE), MAX_VERSION_BYTES);
  const [modules] = readInlineString(elf, next, MAX_MODULE_BYTES);
  return { version: version.toString("utf8"), modules };
}

function stripMarkers(modules: Buffer): string {
  const marked = modules.length >= 2 * MODULE_MARKER + 1 && modules[modules.length - MODULE_MARKER - 1] === 0x0a;
  return marked ? modules.toString("utf8", MODULE_MARKER, modules.length - MODULE_MARKER) : "";
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["a", "\x07"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["v", "\v"],
]);

/** Undoes Go's quoting, with which settings hold spaces, quotes and line breaks. */
function unquote(text: string): string {
  if (/^`[^`]*`$/.test(text)) return text.slice(1, -1);
  if (!/^"(?:[^"\\]|\\.)*"$/.test(text)) return text;
  return text.slice(1, -1).replace(/\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|.)/g, (_, sequence: string) => {
    if (sequence.length === 1) return ESCAPES.get(sequence) ?? sequence;
    const code = Number.parseInt(sequence.slice(1), 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
  });
}

const SETTING = /^("(?:[^"\\]|\\.)*"|`[^`]*`|[^=]*)=(.*)$/;

/** Parses the module text; lines of kinds not kept here (dependencies, replacements) are skipped. */
function parseModules(goVersion: string, text: string): BuildInfo {
  let path = "";
  let mainModule: GoModule | undefined;
  const settings = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [kind, first = "", second = ""] = line.split("\t");
    if (kind === "path") path = first;
    else if (kind === "mod") mainModule = { path: first, version: second };
    else if (kind === "build") {
      const match = SETTING.exec(line.slice("build\t".length));
      if (match === null) throw new FormatError("Go build info", 0, `setting without a value: ${line}`);
      settings.set(unquote(match[1] ?? ""), unquote(match[2] ?? ""));
    }
  }
  return { goVersion, path, mainModule, settings };
}

/**
 * The build info of a Go binary. Where it was taken out, only the release, as far as the runtime tells it; undefined without
 * either: the file is no Go binary. FormatError when it is damaged.
 */
export function findBuildInfo(elf: ElfFile): BuildInfo | undefined {
  const header = locate(elf);
  if (header === undefined) {
    const release = findRuntimeVersion(elf);
    return release === undefined ? undefined : parseModules(release, "");
  }
  const { version, modules } = readStrings(elf, header);
  return parseModules(version, stripMarkers(modules));
}
