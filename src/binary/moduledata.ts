/**
 * `runtime.moduledata`: the linker's record of where everything is in a Go program. Even a stripped binary has it,
 * because the runtime needs it.
 *
 * It has no magic number and its fields move between releases. So it is found by its first word, the address of the
 * pclntab, and a layout is believed only when the tables it names are exactly the pclntab's own, its pc range is the
 * function table's, and what must be in order is in order. Follows `type moduledata` in runtime/symtab.go; Go before 1.5
 * has none and is refused.
 */
import { FormatError, hex, type VirtualAddress, virtualAddress } from "../base/index.js";
import type { GoVersion } from "./build-info.js";
import type { ElfFile } from "./elf.js";
import type { ImageReader } from "./image.js";
import type { PclntabFormat, PclntabHeader } from "./pclntab-format.js";

/** A byte range of the image. */
export interface AddressRange {
  readonly address: VirtualAddress;
  readonly size: number;
}

/** Where the linker keeps the types that programs can make at run time, nearly all of them unnamed: pointers, slices, … */
export type TypeLinks =
  /** Offsets from `types`, 4 bytes each (go1.8 to go1.26). */
  | { readonly kind: "offsets"; readonly range: AddressRange }
  /** The descriptors themselves, one behind the other (go1.27 and later). */
  | { readonly kind: "descriptors"; readonly range: AddressRange };

/** Where the method tables of interface values are that the compiler foresaw. */
export type ItabLinks =
  /** Their addresses (go1.8 to go1.26). */
  | { readonly kind: "addresses"; readonly range: AddressRange }
  /** The tables themselves, one behind the other (go1.27 and later). */
  | { readonly kind: "records"; readonly range: AddressRange };

export interface Moduledata {
  readonly address: VirtualAddress;
  /** Base of all text offsets: what `_func` entries, type methods and the like are relative to. */
  readonly text: VirtualAddress;
  readonly etext: VirtualAddress;
  /** First function's entry; end of the last one. */
  readonly minpc: VirtualAddress;
  readonly maxpc: VirtualAddress;
  /** All of pclntab before go1.16, its parts after. */
  readonly nameTable: AddressRange;
  readonly unitTable: AddressRange;
  readonly fileTable: AddressRange;
  readonly pcTable: AddressRange;
  readonly functionTable: AddressRange;
  readonly noptrdata: VirtualAddress;
  readonly enoptrdata: VirtualAddress;
  readonly data: VirtualAddress;
  readonly edata: VirtualAddress;
  readonly bss: VirtualAddress;
  readonly ebss: VirtualAddress;
  readonly noptrbss: VirtualAddress;
  readonly enoptrbss: VirtualAddress;
  /** Run-time type descriptors; type offsets are relative to `types`. Undefined before go1.7. */
  readonly types: VirtualAddress | undefined;
  readonly etypes: VirtualAddress | undefined;
  /** Undefined before go1.18. */
  readonly rodata: VirtualAddress | undefined;
  /** Base of funcdata offsets (go1.18 and later). */
  readonly gofunc: VirtualAddress | undefined;
  /** Not checked here, as the two ranges matter to nobody but who follows them. Undefined before go1.8. */
  readonly typeLinks: TypeLinks | undefined;
  readonly itabLinks: ItabLinks | undefined;
}

/** Places of fields, in words of 8 bytes; a slice takes three. */
interface ModuledataLayout {
  /** First release with this layout; it holds until the next one's. */
  readonly since: number;
  readonly formats: readonly PclntabFormat[];
  /** `minpc maxpc text etext noptrdata enoptrdata data edata bss ebss noptrbss enoptrbss` begin here. */
  readonly minpc: number;
  readonly types: number | undefined;
  readonly etypes: number | undefined;
  readonly rodata: number | undefined;
  readonly gofunc: number | undefined;
  readonly textSections: number | undefined;
}

const layout = (
  since: number,
  formats: readonly PclntabFormat[],
  minpc: number,
  [types, etypes, rodata, gofunc, textSections]: readonly (number | undefined)[],
): ModuledataLayout => ({ since, formats, minpc, types, etypes, rodata, gofunc, textSections });

/**
 * Newest first. FACT(go1.19..go1.27): as in runtime/symtab.go of each release; go1.5 to go1.18 from their sources.
 * 1.20 added covctrs, 1.26 epclntab, 1.27 typedesclen and the itab range.
 */
const LAYOUTS: readonly ModuledataLayout[] = [
  layout(27, ["go1.20"], 20, [37, 39, 42, 43, 45]),
  layout(26, ["go1.20"], 20, [37, 38, 39, 40, 42]),
  layout(20, ["go1.20"], 20, [37, 38, 39, 40, 41]),
  layout(18, ["go1.18"], 20, [35, 36, 37, 38, 39]),
  layout(16, ["go1.16"], 20, [35, 36, undefined, undefined, 37]),
  layout(8, ["go1.2"], 10, [25, 26, undefined, undefined, 27]),
  layout(7, ["go1.2"], 10, [25, 26]),
  layout(5, ["go1.2"], 10, []),
];

/** Up to and including the itab links of the longest layout, that of go1.26. */
const MODULEDATA_WORDS = 51;
const MODULEDATA_SIZE = MODULEDATA_WORDS * 8;
const SCAN_CHUNK = 2 ** 20;
/** LIMIT: programs for machines without long jumps have several text sections; a handful. */
const MAX_TEXT_SECTIONS = 1024;

/** Every place in writable data whose file bytes are the eight bytes of `value`. */
export function findPointersInFile(elf: ElfFile, value: VirtualAddress): VirtualAddress[] {
  const needle = Buffer.alloc(8);
  needle.writeBigUInt64LE(BigInt(value));
  const moduleSection = elf.findSection(".go.module");
  const areas =
    moduleSection !== undefined
      ? [{ start: moduleSection.virtualAddress, size: moduleSection.size }]
      : elf.segments
          .filter((segment) => segment.type === "load" && segment.writable)
          .map((segment) => ({ start: segment.virtualAddress, size: segment.fileSize }));
  const places: VirtualAddress[] = [];
  for (const { start, size } of areas) {
    for (let base = 0; base < size; base += SCAN_CHUNK) {
      const bytes = elf.readVirtual(virtualAddress(start + base), Math.min(SCAN_CHUNK + 7, size - base));
      for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + 1))
        if ((start + base + at) % 8 === 0) places.push(virtualAddress(start + base + at));
    }
  }
  return places;
}

/** What a moduledata must agree with. */
export interface PclntabIdentity {
  readonly address: VirtualAddress;
  readonly header: PclntabHeader;
}

function readRecord(image: ImageReader, address: VirtualAddress): Buffer | undefined {
  try {
    return image.read(address, MODULEDATA_SIZE);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/** FACT(go1.27): typedesclen stands behind `types`, the itabs' offset and size behind `etypes`; before, slices behind textsectmap. */
function readLinks(
  word: (index: number) => number,
  fields: ModuledataLayout,
): Pick<Moduledata, "typeLinks" | "itabLinks"> {
  const range = (address: number, size: number): AddressRange => ({ address: virtualAddress(address), size });
  if (fields.since >= 27 && fields.types !== undefined && fields.etypes !== undefined) {
    const types = word(fields.types);
    const [itabOffset, itabSize] = [word(fields.etypes + 1), word(fields.etypes + 2)];
    return {
      typeLinks: { kind: "descriptors", range: range(types, word(fields.types + 1)) },
      itabLinks: { kind: "records", range: range(types + itabOffset, itabSize) },
    };
  }
  if (fields.textSections === undefined) return { typeLinks: undefined, itabLinks: undefined };
  const [types, itabs] = [fields.textSections + 3, fields.textSections + 6];
  return {
    typeLinks: { kind: "offsets", range: range(word(types), 4 * word(types + 1)) },
    itabLinks: { kind: "addresses", range: range(word(itabs), 8 * word(itabs + 1)) },
  };
}

/** The moduledata that starts at `address`, or the reason why there is none. */
function parseModuledata(
  image: ImageReader,
  address: VirtualAddress,
  { address: pclntab, header }: PclntabIdentity,
  fields: ModuledataLayout,
): Moduledata | string {
  const bytes = readRecord(image, address);
  if (bytes === undefined) return "its segment ends too early";
  const word = (index: number): number => bytes.readUInt32LE(index * 8) + bytes.readUInt32LE(index * 8 + 4) * 2 ** 32;
  const pointer = (index: number): VirtualAddress => virtualAddress(word(index));
  const optional = (index: number | undefined): VirtualAddress | undefined =>
    index === undefined ? undefined : pointer(index);
  const slice = (index: number, elementSize: number): AddressRange => ({
    address: pointer(index),
    size: word(index + 1) * elementSize,
  });
  const ordered = (...values: readonly number[]): boolean =>
    values.every((value, index) => index === 0 || value >= (values[index - 1] ?? 0));

  const split = header.format !== "go1.2";
  const columnSize = header.format === "go1.2" || header.format === "go1.16" ? 8 : 4;
  const functionTable = slice(split ? 13 : 0, 1);
  const ftab = slice(split ? 16 : 3, 2 * columnSize);
  const tables = split
    ? { nameTable: slice(1, 1), unitTable: slice(4, 4), fileTable: slice(7, 1), pcTable: slice(10, 1) }
    : { nameTable: functionTable, unitTable: functionTable, fileTable: functionTable, pcTable: functionTable };
  const expected: readonly (readonly [string, AddressRange, number])[] = [
    ["function names", tables.nameTable, header.nameTable],
    ["compilation units", tables.unitTable, header.unitTable],
    ["file names", tables.fileTable, header.fileTable],
    ["pc-value tables", tables.pcTable, header.pcTable],
    ["functions", functionTable, split ? header.functionTable : 0],
  ];
  if (word(0) !== pclntab) return "its first word is not the pclntab's address";
  for (const [name, range, offset] of expected)
    if (range.address !== pclntab + offset || !Number.isSafeInteger(range.address + range.size))
      return `its table of ${name} is not the pclntab's`;
  if (ftab.address !== pclntab + header.functionTable || ftab.size !== (header.functionCount + 1) * 2 * columnSize)
    return "its function table is not the pclntab's";

  const at = fields.minpc;
  const [minpc, maxpc, text, etext] = [pointer(at), pointer(at + 1), pointer(at + 2), pointer(at + 3)];
  if (!ordered(text, minpc, maxpc)) return "its pc range is not in order";
  if (header.textStart !== 0 && header.textStart !== text) return "its text start is not the pclntab's";
  if (etext < minpc || etext > 2 ** 47) return "its text end is not after its text start";
  for (const start of [4, 6, 8, 10])
    if (!ordered(word(at + start), word(at + start + 1))) return "a data range is not in order";
  const types = optional(fields.types);
  const etypes = optional(fields.etypes);
  if (types !== undefined && etypes !== undefined && (types === 0 || types > etypes))
    return "its type range is not in order";
  const rodata = optional(fields.rodata);
  const gofunc = optional(fields.gofunc);
  if (rodata === 0 || gofunc === 0) return "it has no read-only data";
  if (fields.textSections !== undefined) {
    const [sections, count, capacity] = [
      word(fields.textSections),
      word(fields.textSections + 1),
      word(fields.textSections + 2),
    ];
    if (sections === 0 || count === 0 || count !== capacity || count > MAX_TEXT_SECTIONS)
      return "its text sections make no sense";
    if (count > 1 && header.format !== "go1.2" && header.format !== "go1.16")
      throw new FormatError("moduledata", fields.textSections * 8, `text in ${count} sections is not understood`);
  }
  return {
    address,
    text,
    etext,
    minpc,
    maxpc,
    ...tables,
    functionTable,
    noptrdata: pointer(at + 4),
    enoptrdata: pointer(at + 5),
    data: pointer(at + 6),
    edata: pointer(at + 7),
    bss: pointer(at + 8),
    ebss: pointer(at + 9),
    noptrbss: pointer(at + 10),
    enoptrbss: pointer(at + 11),
    types,
    etypes,
    rodata,
    gofunc,
    ...readLinks(word, fields),
  };
}

/** The layouts to try: the version's own first, then the others that go with the pclntab, newest first. */
function layoutsFor(version: GoVersion, format: PclntabFormat): readonly ModuledataLayout[] {
  const fitting = LAYOUTS.filter((candidate) => candidate.formats.includes(format));
  const own = fitting.find((candidate) => candidate.since <= version.minor);
  return own === undefined ? fitting : [own, ...fitting.filter((candidate) => candidate !== own)];
}

/**
 * The moduledata at one of `places`. `firstAndLast` are the function table's first and last pc, relative to the text
 * where the table's are: they must be moduledata's minpc and maxpc. Throws a FormatError that names the last reason.
 *
 * A release newer than the table is read with the newest layout that passes every check; if none does, it is refused.
 */
export function findModuledata(
  image: ImageReader,
  places: readonly VirtualAddress[],
  pclntab: PclntabIdentity,
  version: GoVersion,
  firstAndLast: readonly [number, number],
): Moduledata {
  const relative = pclntab.header.format === "go1.18" || pclntab.header.format === "go1.20";
  let reason = `nothing points to the pclntab at ${hex(pclntab.address)}`;
  for (const place of places) {
    for (const fields of layoutsFor(version, pclntab.header.format)) {
      const parsed = parseModuledata(image, place, pclntab, fields);
      if (typeof parsed === "string") {
        reason = `the record at ${hex(place)} is none: ${parsed}`;
        continue;
      }
      const base = relative ? parsed.text : 0;
      if (parsed.minpc === base + firstAndLast[0] && parsed.maxpc === base + firstAndLast[1]) return parsed;
      reason = `the record at ${hex(place)} is none: its pc range is not the function table's`;
    }
  }
  throw new FormatError("moduledata", places[0] ?? 0, `${reason} (${version.text})`);
}
