/**
 * Reads an ELF file's headers (System V ABI, ELF-64, little endian) and has elfinfo parse them.
 *
 * elfinfo loads every string, symbol and relocation table it finds, one entry at a time, and trusts all counts. So it
 * never sees the file: it gets an image of nothing but the checked headers, in which no section has a type it would
 * follow. Section names are looked up here, because its search is quadratic.
 */
import type { ELF, ELFSection, ELFSegment } from "elfinfo";
// The whole package takes twice as long to load as its parser.
import { readElf } from "elfinfo/dist/src/parser.js";
import { FormatError, UnmeasurableError } from "../base/index.js";
import type { ByteSource } from "./source.js";

export type Machine = "amd64" | "arm64";

const HEADER_SIZE = 64;
const PROGRAM_HEADER_SIZE = 56;
const SECTION_HEADER_SIZE = 64;
/** Section header field with the type, and a type that makes elfinfo look no further (SHT_PROGBITS). */
const SH_TYPE = 4;
const OPAQUE_TYPE = 1;
/** e_phnum when the real count is in section header 0; no program a person runs has that many. */
const PN_XNUM = 0xffff;

/** LIMIT: linked programs have some dozens of either; a count above these is damage. */
const MAX_SECTIONS = 16_384;
const MAX_SEGMENTS = 1_024;
/** LIMIT: section names; some kilobytes in real files. */
const MAX_NAME_TABLE = 2 ** 24;

const MACHINES: ReadonlyMap<number, Machine> = new Map([
  [62, "amd64"],
  [183, "arm64"],
]);

export interface RawSection {
  readonly name: string;
  readonly type: number;
  readonly header: ELFSection;
}

/** Parsed headers; numbers are not yet checked against each other or the file, except that the tables are inside it. */
export interface ElfHeaders {
  readonly machine: Machine;
  readonly type: "executable" | "shared";
  readonly sections: readonly RawSection[];
  readonly segments: readonly ELFSegment[];
}

const notElf = (source: ByteSource, hint: string): UnmeasurableError =>
  new UnmeasurableError("not-elf", `${source.path}: not an ELF file`, { hint });

const unsupported = (source: ByteSource, what: string): UnmeasurableError =>
  new UnmeasurableError("unsupported-machine", `${source.path}: ${what}`, {
    hint: "gospect measures 64-bit little-endian programs for x86-64 and arm64",
  });

function readHeader(source: ByteSource): Buffer {
  const start = source.read(0, Math.min(source.size, HEADER_SIZE));
  if (start.subarray(0, 4).toString("latin1") !== "\x7fELF") {
    const script = start.subarray(0, 2).toString("latin1") === "#!";
    throw notElf(
      source,
      script
        ? "a script has no machine code of its own: name the program that runs it"
        : "name an executable file, or a running process with --pid",
    );
  }
  if (start.length < HEADER_SIZE)
    throw new FormatError("ELF header", start.length, `${source.path} ends inside its ELF header`);
  if (start[4] !== 2) throw unsupported(source, "not a 64-bit ELF file");
  if (start[5] !== 1) throw unsupported(source, "not a little-endian ELF file");
  if (start[6] !== 1) throw new FormatError("ELF header", 6, `version ${start[6]} is unknown`);
  if (start.readUInt16LE(0x34) !== HEADER_SIZE)
    throw new FormatError("ELF header", 0x34, `header size ${start.readUInt16LE(0x34)}, expected ${HEADER_SIZE}`);
  return start;
}

interface Table {
  readonly what: string;
  /** Where the ELF header states the table's offset, entry size and entry count. */
  readonly offsetField: number;
  readonly entrySizeField: number;
  readonly countField: number;
  readonly entrySize: number;
  readonly maximum: number;
}

const PROGRAM_HEADERS: Table = {
  what: "program header table",
  offsetField: 0x20,
  entrySizeField: 0x36,
  countField: 0x38,
  entrySize: PROGRAM_HEADER_SIZE,
  maximum: MAX_SEGMENTS,
};
const SECTION_HEADERS: Table = {
  what: "section header table",
  offsetField: 0x28,
  entrySizeField: 0x3a,
  countField: 0x3c,
  entrySize: SECTION_HEADER_SIZE,
  maximum: MAX_SECTIONS,
};

function readTable(source: ByteSource, header: Buffer, table: Table): Buffer {
  const count = header.readUInt16LE(table.countField);
  if (count === 0) return Buffer.alloc(0);
  const entrySize = header.readUInt16LE(table.entrySizeField);
  if (entrySize !== table.entrySize)
    throw new FormatError(
      "ELF header",
      table.entrySizeField,
      `${table.what}: entry size ${entrySize}, expected ${table.entrySize}`,
    );
  if (count === PN_XNUM || count > table.maximum)
    throw new FormatError(
      "ELF header",
      table.countField,
      `${table.what}: ${count} entries are more than gospect reads`,
    );
  const offset = Number(header.readBigUInt64LE(table.offsetField));
  const size = count * entrySize;
  if (offset < HEADER_SIZE || offset + size > source.size)
    throw new FormatError(
      "ELF header",
      table.offsetField,
      `${table.what}: ${count} entries at 0x${offset.toString(16)} are outside the file of ${source.size} bytes`,
    );
  return source.read(offset, size);
}

/** The only bytes elfinfo gets to see: header, program headers, section headers, each where the header now says. */
function headersImage(header: Buffer, programHeaders: Buffer, sectionHeaders: Buffer): Buffer {
  // The trailing byte is for elfinfo, which takes a file of exactly one header's size for too small.
  const image = Buffer.concat([header, programHeaders, sectionHeaders, Buffer.alloc(1)]);
  image.writeBigUInt64LE(BigInt(HEADER_SIZE), PROGRAM_HEADERS.offsetField);
  image.writeBigUInt64LE(BigInt(HEADER_SIZE + programHeaders.length), SECTION_HEADERS.offsetField);
  for (let at = HEADER_SIZE + programHeaders.length; at + SECTION_HEADER_SIZE < image.length; at += SECTION_HEADER_SIZE)
    image.writeUInt32LE(OPAQUE_TYPE, at + SH_TYPE);
  return image;
}

async function parseImage(image: Buffer): Promise<ELF> {
  let position = 0;
  const take = (length: number, at?: number): Buffer => {
    const from = at ?? position;
    if (from + length > image.length) throw new RangeError(`read of ${length} bytes at ${from} is outside the headers`);
    if (at === undefined) position += length;
    return image.subarray(from, from + length);
  };
  const result = await readElf(
    {
      open: async () => {},
      close: async () => {},
      size: () => image.length,
      read: async (length, at) => take(length, at),
      view: async (length, at) => {
        const bytes = take(length, at);
        return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      },
    },
    { readSymbolData: false },
  );
  if (!result.success || result.elf === undefined)
    throw new FormatError("ELF header", 0, result.errors.join("; ") || "unreadable headers");
  return result.elf;
}

/** The section name table, empty where the file names no such table. */
function readNameTable(source: ByteSource, header: Buffer, sections: readonly ELFSection[]): Buffer {
  const index = header.readUInt16LE(0x3e);
  if (index === 0 || sections.length === 0) return Buffer.alloc(0);
  const section = sections[index];
  if (section === undefined)
    throw new FormatError("ELF header", 0x3e, `section name table ${index} of ${sections.length} sections`);
  if (section.size > MAX_NAME_TABLE)
    throw new FormatError("section name table", 0, `${section.size} bytes are more than gospect reads`);
  return source.read(section.offset, section.size);
}

function nameAt(names: Buffer, position: number): string {
  if (names.length === 0) return "";
  const end = position < names.length ? names.indexOf(0, position) : -1;
  if (end < 0) throw new FormatError("section name table", position, "section name outside the table");
  return names.toString("utf8", position, end);
}

/**
 * Reads and checks the headers. Throws UnmeasurableError (`not-elf`, `unsupported-machine`, `not-executable`) for files
 * of another sort and FormatError for damaged ones.
 */
export async function readElfHeaders(source: ByteSource): Promise<ElfHeaders> {
  const header = readHeader(source);
  const machine = MACHINES.get(header.readUInt16LE(0x12));
  if (machine === undefined) throw unsupported(source, `ELF machine ${header.readUInt16LE(0x12)} is not supported`);
  const type = header.readUInt16LE(0x10);
  if (type !== 2 && type !== 3)
    throw new UnmeasurableError("not-executable", `${source.path}: neither a program nor a shared library`, {
      hint: "an object file or a core dump can't be measured",
    });

  const programHeaders = readTable(source, header, PROGRAM_HEADERS);
  const sectionHeaders = readTable(source, header, SECTION_HEADERS);
  const elf = await parseImage(headersImage(header, programHeaders, sectionHeaders));
  const names = readNameTable(source, header, elf.sections);
  return {
    machine,
    type: type === 2 ? "executable" : "shared",
    segments: elf.segments,
    sections: elf.sections.map((section, index) => ({
      name: nameAt(names, section.nameix),
      type: sectionHeaders.readUInt32LE(index * SECTION_HEADER_SIZE + SH_TYPE),
      header: section,
    })),
  };
}
