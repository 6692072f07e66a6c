/**
 * Finds a Go program's pclntab and moduledata, which only together make sense: the one has the functions, the other
 * knows where text begins.
 *
 * By section name where there is one (`.gopclntab`, `.data.rel.ro.gopclntab`), else by magic number in the loaded
 * segments: external linkers merge the section away. Each candidate must parse, have a sorted function table and be
 * named by a moduledata that agrees with it; nothing less is believed, because a wrong text base means probes at wrong
 * places.
 */
import { FormatError, messageOf, UnmeasurableError, type VirtualAddress, virtualAddress } from "../base/index.js";
import type { GoVersion } from "./build-info.js";
import type { ElfFile, ElfSegment } from "./elf.js";
import { type ImageReader, plainImage, RelocatedImage } from "./image.js";
import { inlineTableNumbers } from "./inline-tree.js";
import { findModuledata, findPointersInFile, type Moduledata } from "./moduledata.js";
import { Pclntab } from "./pclntab.js";
import { PCLNTAB_HEADER_SIZE, PCLNTAB_MAGICS, parsePclntabHeader } from "./pclntab-format.js";
import { readFunctionTable } from "./pclntab-records.js";

const SECTION_NAMES = [".gopclntab", ".data.rel.ro.gopclntab"] as const;
const SCAN_CHUNK = 2 ** 22;
/** What all magic numbers have in common: everything but the first byte, and the padding behind. */
const MAGIC_TAIL = Buffer.from([0xff, 0xff, 0xff, 0, 0]);

export interface GoTables {
  readonly pclntab: Pclntab;
  readonly moduledata: Moduledata;
  /** The memory in which both were found: with relocations applied where the file's own bytes do not show them. */
  readonly image: ImageReader;
}

/** Addresses in one segment whose bytes parse as a pclntab header. */
function scanSegment(elf: ElfFile, segment: ElfSegment): VirtualAddress[] {
  const found: VirtualAddress[] = [];
  for (let base = 0; base < segment.fileSize; base += SCAN_CHUNK) {
    const size = Math.min(SCAN_CHUNK + PCLNTAB_HEADER_SIZE, segment.fileSize - base);
    const bytes = elf.readVirtual(virtualAddress(segment.virtualAddress + base), size);
    for (let at = bytes.indexOf(MAGIC_TAIL); at >= 0; at = bytes.indexOf(MAGIC_TAIL, at + 1)) {
      const start = at - 1;
      const address = segment.virtualAddress + base + start;
      if (start < 0 || start >= SCAN_CHUNK || address % 8 !== 0) continue;
      if (PCLNTAB_MAGICS.includes(bytes.readUInt32LE(start)) && parses(bytes.subarray(start)))
        found.push(virtualAddress(address));
    }
  }
  return found;
}

function parses(bytes: Buffer): boolean {
  try {
    parsePclntabHeader(bytes.subarray(0, PCLNTAB_HEADER_SIZE));
    return true;
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}

function findCandidates(elf: ElfFile): VirtualAddress[] {
  const named = SECTION_NAMES.flatMap((name) => elf.findSection(name)?.virtualAddress ?? []);
  if (named.length > 0) return named;
  return elf.loads.flatMap((segment) => scanSegment(elf, segment));
}

function readTablesAt(
  image: ImageReader,
  address: VirtualAddress,
  version: GoVersion,
  places: readonly VirtualAddress[],
): GoTables {
  const header = parsePclntabHeader(image.read(address, PCLNTAB_HEADER_SIZE));
  const table = readFunctionTable(image, address, header);
  const first = table.entries[0] ?? 0;
  const last = table.entries[header.functionCount] ?? 0;
  const moduledata = findModuledata(image, places, { address, header }, version, [first, last]);
  const inlineTables = inlineTableNumbers(header.format, version.minor);
  return { pclntab: new Pclntab({ image, address, header, moduledata, inlineTables }, table), moduledata, image };
}

/**
 * Reads both tables. Throws UnmeasurableError (`no-pclntab`) when the file has none, FormatError when no moduledata agrees
 * with the one it has.
 */
export function readGoTables(elf: ElfFile, version: GoVersion): GoTables {
  const candidates = findCandidates(elf);
  const failures: FormatError[] = [];
  const attempt = (image: ImageReader, placesOf: (address: VirtualAddress) => readonly VirtualAddress[]) => {
    for (const address of candidates) {
      try {
        return readTablesAt(image, address, version, placesOf(address));
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        failures.push(error);
      }
    }
    return undefined;
  };
  const plain = attempt(plainImage(elf), (address) => findPointersInFile(elf, address));
  if (plain !== undefined) return plain;
  if (candidates.length > 0 && elf.positionIndependent) {
    // Some linkers leave zeros where the loader will write pointers.
    const image = new RelocatedImage(elf);
    const relocated = attempt(image, (address) => image.placesOf(address));
    if (relocated !== undefined) return relocated;
  }
  const failure = failures.at(-1);
  if (failure !== undefined)
    throw new FormatError(failure.structure, failure.offset, `the Go tables of ${elf.path} are damaged`, {
      cause: failure,
      hint: messageOf(failure),
    });
  throw new UnmeasurableError("no-pclntab", `${elf.path} has no table of Go functions`, {
    hint: "was it built by the Go toolchain (gc)? gccgo and TinyGo programs can only be measured as C functions",
  });
}
