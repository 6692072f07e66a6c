/**
 * An ELF program or library: what is in the file and where it will be in memory. Turns addresses into file bytes and
 * file offsets. Works from segments alone where a file has no sections.
 *
 * Follows the System V ABI for ELF-64. Symbols, notes and debug data are read by others, from here.
 */
import type { ELFSection, ELFSegment } from "elfinfo";
import { type FileOffset, FormatError, fileOffset, hex, type VirtualAddress, virtualAddress } from "../base/index.js";
import { decompressLegacySection, decompressSection } from "./compression.js";
import { type Machine, type RawSection, readElfHeaders } from "./elf-headers.js";
import type { ByteSource } from "./source.js";

export type { Machine } from "./elf-headers.js";

export type ElfSegmentType = "load" | "dynamic" | "interpreter" | "note" | "tls" | "other";

export interface ElfSegment {
  readonly type: ElfSegmentType;
  /** PF_X | PF_W | PF_R. */
  readonly flags: number;
  readonly executable: boolean;
  readonly writable: boolean;
  readonly virtualAddress: VirtualAddress;
  readonly fileOffset: FileOffset;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly alignment: number;
}

export interface ElfSection {
  /** Place in the section header table, as symbols refer to it. */
  readonly index: number;
  /** Empty where the file has no names. */
  readonly name: string;
  /** SHT_*. */
  readonly type: number;
  /** SHF_*. */
  readonly flags: number;
  /** 0 for what is not loaded. */
  readonly virtualAddress: VirtualAddress;
  readonly fileOffset: FileOffset;
  /** In the file; compressed sections are larger once read. */
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly entrySize: number;
  readonly alignment: number;
  readonly compressed: boolean;
}

export const SHT_SYMTAB = 2;
export const SHT_NOTE = 7;
const SHT_NOBITS = 8;
const SHF_COMPRESSED = 0x800;
/** Where the ELF header has `e_entry`. */
const ENTRY_POINT = 0x18;

/**
 * LIMIT: segments may share a page in the file, but hardly all their bytes; bounds what a search through the memory image
 * reads, by the file's size.
 */
const MAX_LOADED_SHARE = 2;

const PF_X = 1;
const PF_W = 2;
const SEGMENT_TYPES: readonly (ElfSegmentType | undefined)[] = [
  undefined,
  "load",
  "dynamic",
  "interpreter",
  "note",
  undefined,
  undefined,
  "tls",
];

function checkedNumber(value: number | bigint, structure: string, what: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new FormatError(structure, 0, `${what} ${hex(value)} is out of range`);
  return number;
}

function parseSegment(header: ELFSegment): ElfSegment {
  const structure = `program header ${header.index}`;
  const type = SEGMENT_TYPES[header.type] ?? "other";
  const address = checkedNumber(header.vaddr, structure, "address");
  const memorySize = checkedNumber(header.memsz, structure, "memory size");
  const fileSize = checkedNumber(header.filesz, structure, "file size");
  checkedNumber(address + memorySize, structure, "end address");
  if (type === "load" && fileSize > memorySize)
    throw new FormatError(structure, 0, `file size ${fileSize} exceeds memory size ${memorySize}`);
  return {
    type,
    flags: header.flags,
    executable: (header.flags & PF_X) !== 0,
    writable: (header.flags & PF_W) !== 0,
    virtualAddress: virtualAddress(address),
    fileOffset: fileOffset(checkedNumber(header.offset, structure, "offset")),
    fileSize,
    memorySize,
    alignment: checkedNumber(header.align, structure, "alignment"),
  };
}

function parseSection({ name, type, header }: RawSection): ElfSection {
  const structure = `section header ${header.index}`;
  const number = (field: keyof ELFSection & ("addr" | "flags" | "offset" | "size" | "entsize" | "addralign")): number =>
    checkedNumber(header[field], structure, field);
  const flags = number("flags");
  return {
    index: header.index,
    name,
    type,
    flags,
    virtualAddress: virtualAddress(number("addr")),
    fileOffset: fileOffset(number("offset")),
    size: number("size"),
    link: header.link,
    info: header.info,
    entrySize: number("entsize"),
    alignment: number("addralign"),
    // A flag above 2^31 would make `&` see another number.
    compressed: Math.floor(flags / SHF_COMPRESSED) % 2 === 1 || name.startsWith(".zdebug_"),
  };
}

/** Throws a FormatError unless the loaded segments, given in address order, can come from a file of that size. */
function checkLoads(loads: readonly ElfSegment[], size: number): void {
  let total = 0;
  let memoryEnd = 0;
  for (const load of loads) {
    const fileEnd = load.fileOffset + load.fileSize;
    if (fileEnd > size)
      throw new FormatError(
        "program headers",
        0,
        `loaded bytes end at ${hex(fileEnd)}, the file at ${hex(size)}: it is truncated`,
      );
    if (load.virtualAddress < memoryEnd)
      throw new FormatError("program headers", 0, `loaded segments overlap at ${hex(load.virtualAddress)}`);
    memoryEnd = load.virtualAddress + load.memorySize;
    total += load.fileSize;
  }
  if (total > size * MAX_LOADED_SHARE)
    throw new FormatError("program headers", 0, `segments load ${total} bytes of a file of ${size}`);
}

/** An open ELF file. It does not own its source. */
export class ElfFile {
  readonly source: ByteSource;
  readonly machine: Machine;
  readonly type: "executable" | "shared";
  readonly sections: readonly ElfSection[];
  readonly segments: readonly ElfSegment[];
  /** PT_LOAD segments, by address; they do not overlap. */
  readonly loads: readonly ElfSegment[];
  private readonly sectionsByName = new Map<string, ElfSection>();

  constructor(
    source: ByteSource,
    machine: Machine,
    type: "executable" | "shared",
    sections: readonly ElfSection[],
    segments: readonly ElfSegment[],
  ) {
    this.source = source;
    this.machine = machine;
    this.type = type;
    this.sections = sections;
    this.segments = segments;
    this.loads = segments
      .filter((segment) => segment.type === "load" && segment.memorySize > 0)
      .sort((a, b) => a.virtualAddress - b.virtualAddress);
    checkLoads(this.loads, source.size);
    for (const section of sections)
      if (section.name !== "" && !this.sectionsByName.has(section.name)) this.sectionsByName.set(section.name, section);
  }

  get path(): string {
    return this.source.path;
  }

  /** Loaded at an address of the kernel's choice: PIE programs and libraries. */
  get positionIndependent(): boolean {
    return this.type === "shared";
  }

  /** Lowest address of any PT_LOAD; 0 when nothing is loaded. */
  get imageBase(): VirtualAddress {
    return this.loads[0]?.virtualAddress ?? virtualAddress(0);
  }

  /** Of the first instruction of a program; 0 for a library that none begins with. */
  get entryPoint(): VirtualAddress {
    return virtualAddress(Number(this.source.read(ENTRY_POINT, 8).readBigUInt64LE()));
  }

  /** The first section of that name; `.debug_x` also finds an old compressed `.zdebug_x`. */
  findSection(name: string): ElfSection | undefined {
    const section = this.sectionsByName.get(name);
    if (section !== undefined || !name.startsWith(".debug_")) return section;
    return this.sectionsByName.get(`.z${name.slice(1)}`);
  }

  /** A section's bytes, decompressed; read anew at each call. FormatError for sections without bytes in the file. */
  sectionData(section: ElfSection): Buffer {
    const structure = section.name === "" ? `section ${section.index}` : section.name;
    if (section.type === SHT_NOBITS) throw new FormatError(structure, 0, "the section has no bytes in this file");
    const bytes = this.source.read(section.fileOffset, section.size);
    if (!section.compressed) return bytes;
    return section.name.startsWith(".zdebug_")
      ? decompressLegacySection(bytes, structure)
      : decompressSection(bytes, structure);
  }

  /** The PT_LOAD whose memory holds `address`. */
  findLoad(address: VirtualAddress): ElfSegment | undefined {
    return this.loads.find(
      (segment) => address >= segment.virtualAddress && address < segment.virtualAddress + segment.memorySize,
    );
  }

  /** Bytes as they are in the file before any relocation; FormatError where the file has none for the whole range. */
  readVirtual(address: VirtualAddress, length: number): Buffer {
    const segment = this.findLoad(address);
    const within = segment === undefined ? 0 : address - segment.virtualAddress;
    if (segment === undefined || length < 0 || within + length > segment.fileSize)
      throw new FormatError("memory image", address, `${length} bytes are not in ${this.path}`);
    return this.source.read(segment.fileOffset + within, length);
  }

  /**
   * Where a uprobe for the instruction at `address` goes. Undefined unless an executable segment has the instruction's
   * byte in the file: through section headers or other segments the answer could be a wrong place.
   */
  toFileOffset(address: VirtualAddress): FileOffset | undefined {
    const segment = this.findLoad(address);
    if (segment === undefined || !segment.executable) return undefined;
    const within = address - segment.virtualAddress;
    return within < segment.fileSize ? fileOffset(segment.fileOffset + within) : undefined;
  }
}

/**
 * Reads headers, sections and segments; nothing else. Throws UnmeasurableError (`not-elf`, `unsupported-machine`,
 * `not-executable`) for files of another sort, FormatError for damaged ones.
 */
export async function openElf(source: ByteSource): Promise<ElfFile> {
  const { machine, type, sections, segments } = await readElfHeaders(source);
  return new ElfFile(source, machine, type, sections.map(parseSection), segments.map(parseSegment));
}
