/**
 * Where the fields of a binary are that readers follow: the places worth damaging. Read from the undamaged base.
 */
import type { VirtualAddress } from "../../src/base/index.js";
import { type ElfFile, type GoBinary, memorySource, openElf, openGoSource } from "../../src/binary/index.js";
import { FUNCTION_RECORDS, PCLNTAB_MAGICS, parsePclntabHeader } from "../../src/binary/pclntab-format.js";
import type { Place } from "./mutation.js";
import { findUnpackedRegions, isUnpacked } from "./unpacked.js";

/** A field of a record: its offset and width in bytes. */
export type Field = readonly [offset: number, width: number];

/** Records of one shape, one behind the other. */
export interface Region {
  /** Regions of one kind are damaged as often as those of any other, however large they are. */
  readonly kind: string;
  readonly start: Place;
  readonly count: number;
  readonly stride: number;
  readonly fields: readonly Field[];
}

const words = (count: number, width: number): readonly Field[] =>
  Array.from({ length: count }, (_, index) => [index * width, width]);

const ELF_HEADER: readonly Field[] = [
  ...words(8, 1),
  [0x10, 2],
  [0x12, 2],
  [0x14, 4],
  [0x18, 8],
  [0x20, 8],
  [0x28, 8],
  ...words(6, 2).map(([offset, width]): Field => [0x34 + offset, width]),
];
const PROGRAM_HEADER: readonly Field[] = [
  [0, 4],
  [4, 4],
  [8, 8],
  [16, 8],
  [32, 8],
  [40, 8],
  [48, 8],
];
const SECTION_HEADER: readonly Field[] = [
  [0, 4],
  [4, 4],
  [8, 8],
  [16, 8],
  [24, 8],
  [32, 8],
  [40, 4],
  [44, 4],
  [48, 8],
  [56, 8],
];
const SYMBOL: readonly Field[] = [
  [0, 4],
  [4, 1],
  [5, 1],
  [6, 2],
  [8, 8],
  [16, 8],
];
const RELOCATION: readonly Field[] = [
  [0, 8],
  [8, 4],
  [12, 4],
  [16, 8],
];
const COMPRESSION_HEADER: readonly Field[] = [
  [0, 4],
  [8, 8],
  [16, 8],
];
const BYTE: readonly Field[] = [[0, 1]];

const bytesOf = (kind: string, anchor: string, offset: number, count: number): Region => ({
  kind,
  start: { anchor, offset },
  count,
  stride: 1,
  fields: BYTE,
});

function placeOf(elf: ElfFile, address: number): Place {
  const section = elf.sections.find(
    (one) => one.virtualAddress !== 0 && address >= one.virtualAddress && address < one.virtualAddress + one.size,
  );
  if (section === undefined) throw new Error(`no section holds 0x${address.toString(16)}`);
  return { anchor: section.name, offset: address - section.virtualAddress };
}

/** Where the units of `.debug_info` or `.debug_line` begin: each says how long it is. */
function unitStarts(bytes: Buffer): number[] {
  const starts: number[] = [];
  for (let at = 0; at + 4 <= bytes.length; at += 4 + bytes.readUInt32LE(at)) starts.push(at);
  return starts;
}

function* sectionRegions(elf: ElfFile): Generator<Region> {
  for (const section of elf.sections) {
    const { name, size, type } = section;
    if (name === "" || type === 8 || size === 0) continue;
    const records = (kind: string, stride: number, fields: readonly Field[]): Region => ({
      kind,
      start: { anchor: name, offset: 0 },
      count: Math.floor(size / stride),
      stride,
      fields,
    });
    if (name === ".symtab" || name === ".dynsym") yield records("symbols", 24, SYMBOL);
    if (name.startsWith(".rela")) yield records("relocations", 24, RELOCATION);
    if (name === ".dynamic") yield records("dynamic", 16, words(2, 8));
    if (name.startsWith(".note")) yield records("notes", 4, words(1, 4));
    if (name === ".note.stapsdt") yield bytesOf("notes", name, 0, size);
    if (name === ".go.buildinfo") {
      yield bytesOf("build info", name, 0, Math.min(size, 64));
      yield bytesOf("build info", name, 0, size);
    }
    if (!name.startsWith(".debug_")) continue;
    if (section.compressed) {
      yield { ...records("compressed", 24, COMPRESSION_HEADER), count: 1 };
      yield bytesOf("compressed", name, 24, size - 24);
      continue;
    }
    yield bytesOf(name, name, 0, size);
    yield bytesOf(name, name, 0, Math.min(32, size));
    if (size >= 32) yield { ...records(name, 32, words(8, 4)), count: 1 };
    if (name === ".debug_addr" || name === ".debug_ranges" || name === ".debug_loc")
      yield records(name, 8, words(1, 8));
    if (name !== ".debug_info" && name !== ".debug_line") continue;
    for (const offset of unitStarts(elf.sectionData(section))) {
      yield { kind: `${name} units`, start: { anchor: name, offset }, count: 1, stride: 16, fields: words(4, 4) };
      yield bytesOf(`${name} units`, name, offset, Math.min(64, size - offset));
    }
  }
}

function* goRegions({ elf, pclntab, moduledata }: GoBinary): Generator<Region> {
  const tables = placeOf(elf, moduledata.functionTable.address);
  const base = moduledata.nameTable.address;
  const at = (address: number, kind: string, count: number, stride: number, fields: readonly Field[]): Region => ({
    kind,
    start: placeOf(elf, address),
    count,
    stride,
    fields,
  });
  yield at(moduledata.address, "moduledata", 60, 8, words(1, 8));
  const search = elf.readVirtual((base - 4096 > elf.imageBase ? base - 4096 : base) as VirtualAddress, 4096);
  for (let offset = 0; offset + 72 <= search.length; offset += 8) {
    if (!PCLNTAB_MAGICS.includes(search.readUInt32LE(offset))) continue;
    const address = base - 4096 + offset;
    const header = parsePclntabHeader(search.subarray(offset));
    yield at(address, "pclntab header", 1, 72, [...words(8, 1), ...words(8, 8).map(([o, w]): Field => [8 + o, w])]);
    yield at(address + header.functionTable, "function table", header.functionCount, 8, words(2, 4));
    const functions = elf.readVirtual(moduledata.functionTable.address, moduledata.functionTable.size);
    const { size } = FUNCTION_RECORDS[header.format];
    for (let index = 0; index < header.functionCount; index++) {
      const record = functions.readUInt32LE(index * 8 + 4);
      const start = { anchor: tables.anchor, offset: tables.offset + record };
      // The counts of pcdata and funcdata, and what stands behind the record, word by word and byte by byte.
      yield { kind: "function records", start, count: 1, stride: 80, fields: words(size / 4 + 9, 4) };
      yield { kind: "function records", start, count: 1, stride: size, fields: words(size, 1) };
    }
    break;
  }
  for (const [kind, table] of [
    ["function names", moduledata.nameTable],
    ["file numbers", moduledata.unitTable],
    ["file names", moduledata.fileTable],
    ["pc-value tables", moduledata.pcTable],
  ] as const) {
    const { anchor, offset } = placeOf(elf, table.address);
    yield bytesOf(kind, anchor, offset, table.size);
  }
  if (moduledata.gofunc !== undefined) yield at(moduledata.gofunc, "inline trees", 4096, 4, words(1, 4));
  for (let index = 0; index < pclntab.functionCount; index++) {
    const { anchor, offset } = placeOf(elf, pclntab.entryOf(index));
    yield bytesOf("code", anchor, offset, Math.min(48, pclntab.endOf(index) - pclntab.entryOf(index)));
  }
}

/** A descriptor's common part, field by field; what its kind and its methods add behind it, word by word and byte by byte. */
const DESCRIPTOR: readonly Field[] = [
  ...words(2, 8),
  [16, 4],
  ...[20, 21, 22, 23].map((offset): Field => [offset, 1]),
  ...words(2, 8).map(([offset, width]): Field => [24 + offset, width]),
  ...words(2, 4).map(([offset, width]): Field => [40 + offset, width]),
  ...words(8, 8).map(([offset, width]): Field => [48 + offset, width]),
  ...words(16, 4).map(([offset, width]): Field => [48 + offset, width]),
  ...words(8, 2).map(([offset, width]): Field => [48 + offset, width]),
];
const ITAB: readonly Field[] = [...words(4, 8), [16, 4]];

function* typeRegions(binary: GoBinary): Generator<Region> {
  const { elf, moduledata } = binary;
  const types = binary.runtimeTypes();
  if (types === undefined) return;
  const at = (address: number, kind: string, count: number, stride: number, fields: readonly Field[]): Region => ({
    kind,
    start: placeOf(elf, address),
    count,
    stride,
    fields,
  });
  for (const address of types.types()) yield at(address, "type descriptors", 1, 112, DESCRIPTOR);
  for (const { address } of types.itabs()) yield at(address, "itabs", 1, 32, ITAB);
  for (const links of [moduledata.typeLinks, moduledata.itabLinks]) {
    if (links === undefined) continue;
    const width = links.kind === "addresses" ? 8 : 4;
    const { address, size } = links.range;
    if (size >= width) yield at(address, "type links", Math.floor(size / width), width, words(1, width));
  }
  if (moduledata.types !== undefined && moduledata.etypes !== undefined) {
    const { anchor, offset } = placeOf(elf, moduledata.types);
    yield bytesOf("type data", anchor, offset, moduledata.etypes - moduledata.types);
  }
}

/** All regions of an undamaged base. */
export async function findRegions(bytes: Buffer): Promise<ReadonlyMap<string, readonly Region[]>> {
  if (isUnpacked(bytes)) return groupByKind(findUnpackedRegions(bytes));
  const elf = await openElf(memorySource("base", bytes));
  const file = (kind: string, anchor: string, count: number, stride: number, fields: readonly Field[]): Region => ({
    kind,
    start: { anchor, offset: 0 },
    count,
    stride,
    fields,
  });
  const regions = [
    file("ELF header", "file", 1, 64, ELF_HEADER),
    file("program headers", "segments", elf.segments.length, 56, PROGRAM_HEADER),
    file("section headers", "sections", elf.sections.length, 64, SECTION_HEADER),
    ...sectionRegions(elf),
  ];
  if (elf.findSection(".go.buildinfo") !== undefined) {
    const binary = await openGoSource(memorySource("base", bytes));
    regions.push(...goRegions(binary), ...typeRegions(binary));
  }
  return groupByKind(regions);
}

function groupByKind(regions: readonly Region[]): ReadonlyMap<string, readonly Region[]> {
  const groups = new Map<string, Region[]>();
  for (const region of regions) {
    const group = groups.get(region.kind);
    if (group === undefined) groups.set(region.kind, [region]);
    else group.push(region);
  }
  return groups;
}
