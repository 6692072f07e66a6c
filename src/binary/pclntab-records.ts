/**
 * The parts of a pclntab that every question about a function begins with: the function table, which becomes typed arrays
 * at once, and each function's record, names and pc-value tables, which are read when asked for.
 *
 * Follows golang.org/s/go12symtab and, for later generations, runtime/symtab.go and cmd/link's pcln.go.
 */
import { FormatError, hex, type VirtualAddress, virtualAddress } from "../base/index.js";
import type { ImageReader } from "./image.js";
import type { InlineTableNumbers } from "./inline-tree.js";
import type { AddressRange, Moduledata } from "./moduledata.js";
import { FUNCTION_RECORDS, type FunctionRecordLayout, type PclntabHeader } from "./pclntab-format.js";

/** What a Pclntab reads from. */
export interface PclntabSource {
  readonly image: ImageReader;
  readonly address: VirtualAddress;
  readonly header: PclntabHeader;
  readonly moduledata: Moduledata;
  readonly inlineTables: InlineTableNumbers | undefined;
}

/** The sorted function table: entry offsets and where the records are. */
export interface FunctionTable {
  /** One more than there are functions: the last is the end of the text. Relative to the text from go1.18 on. */
  readonly entries: Float64Array;
  /** Relative to the function table. */
  readonly records: Uint32Array;
  /** Whether those ascend in steps of whole words, as the linker writes them. */
  readonly ascending: boolean;
}

/** The same bytes as 32-bit words; on the little-endian machines gospect runs on. A rest of up to three bytes is left out. */
function littleEndianWords(bytes: Buffer): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, Math.floor(bytes.length / 4));
}

/** Reads the function table; throws a FormatError unless it is sorted. */
export function readFunctionTable(image: ImageReader, address: VirtualAddress, header: PclntabHeader): FunctionTable {
  const { functionCount: count, functionTable } = header;
  const start = virtualAddress(address + functionTable);
  const step = FUNCTION_RECORDS[header.format].entrySize === 4 ? 1 : 2;
  const words = littleEndianWords(image.read(start, (count * 2 + 1) * step * 4));
  const entries = new Float64Array(count + 1);
  const records = new Uint32Array(count);
  let previous = 0;
  let previousRecord = -4;
  let ascending = true;
  for (let index = 0, at = 0; index <= count; index++, at += 2 * step) {
    const low = words[at] ?? 0;
    const entry = step === 1 ? low : low + (words[at + 1] ?? 0) * 2 ** 32;
    if (entry < previous) throw new FormatError("function table", at * 4, `entry ${index} is below the one before it`);
    entries[index] = previous = entry;
    if (index === count) break;
    const record = words[at + step] ?? 0;
    if (record <= previousRecord || record % 4 !== 0) ascending = false;
    records[index] = previousRecord = record;
  }
  return { entries, records, ascending };
}

/** In place of an offset: the function has none. */
export const NO_FUNCDATA = 0xffffffff;

/** Bytes of one table, read on first use. */
export class LazyTable {
  private loaded: Buffer | undefined;
  private readonly image: ImageReader;
  private readonly range: AddressRange;

  constructor(image: ImageReader, range: AddressRange) {
    this.image = image;
    this.range = range;
  }

  get bytes(): Buffer {
    this.loaded ??= this.image.read(this.range.address, this.range.size);
    return this.loaded;
  }
}

/** Throws a FormatError unless a string ends in these bytes. */
export function cString(bytes: Buffer, at: number, structure: string): string {
  const end = at < 0 || at >= bytes.length ? -1 : bytes.indexOf(0, at);
  if (end < 0) throw new FormatError(structure, at, "no NUL-terminated string there");
  return bytes.toString("utf8", at, end);
}

/** Throws a FormatError outside of these bytes. */
export function readU32(bytes: Buffer, at: number, structure: string): number {
  if (!(at >= 0 && at + 4 <= bytes.length)) throw new FormatError(structure, at, `${hex(at)} is past its end`);
  return bytes.readUInt32LE(at);
}

/** A loop, because `map` calls a function for each of them. */
function shifted(entries: Float64Array, by: number): Float64Array {
  const result = new Float64Array(entries.length);
  for (let index = 0; index < result.length; index++) result[index] = (entries[index] ?? 0) + by;
  return result;
}

/** Function records by index, in address order. Damaged ones throw a FormatError; an index that there is not, a RangeError. */
export class FunctionRecords {
  readonly count: number;
  /** Bytes of the smallest instruction. */
  readonly quantum: number;
  readonly layout: FunctionRecordLayout;
  /** Entries, ascending, and behind them the end of the text. */
  readonly entries: Float64Array;
  private readonly positions: Uint32Array;
  /** Whether records ascend in steps of whole words. */
  readonly ascending: boolean;
  private readonly nameTable: LazyTable;
  private readonly pcTable: LazyTable;
  private readonly functionTable: LazyTable;
  private nameOffsets: Int32Array | undefined;
  private knownWords: Uint32Array | undefined;

  constructor({ image, header, moduledata }: PclntabSource, table: FunctionTable) {
    this.count = header.functionCount;
    this.quantum = header.pcQuantum;
    this.layout = FUNCTION_RECORDS[header.format];
    this.entries = this.layout.entrySize === 4 ? shifted(table.entries, moduledata.text) : table.entries;
    this.positions = table.records;
    this.ascending = table.ascending;
    this.nameTable = new LazyTable(image, moduledata.nameTable);
    this.pcTable = new LazyTable(image, moduledata.pcTable);
    this.functionTable = new LazyTable(image, moduledata.functionTable);
  }

  /** Where function `index` begins; for the count of functions, where their text ends. */
  boundary(index: number): number {
    const boundary = this.entries[index];
    if (boundary === undefined) throw new RangeError(`no function ${index} of ${this.count}`);
    return boundary;
  }

  /** Bytes up to the next function: code and the padding behind it. */
  room(index: number): number {
    return this.boundary(index + 1) - this.boundary(index);
  }

  /** Of the record, relative to the function table. */
  position(index: number): number {
    return this.positions[index] ?? 0;
  }

  /** Of the function table. */
  private get words(): Uint32Array {
    this.knownWords ??= littleEndianWords(this.functionTable.bytes);
    return this.knownWords;
  }

  field(index: number, field: number): number {
    const at = this.position(index) + field;
    return (at % 4 === 0 ? this.words[at / 4] : undefined) ?? readU32(this.functionTable.bytes, at, "function record");
  }

  byte(index: number, field: number): number {
    const at = this.position(index) + field;
    const byte = this.functionTable.bytes[at];
    if (byte === undefined) throw new FormatError("function record", at, "runs past the end of the functions");
    return byte;
  }

  /** Of all functions' pc-value tables. */
  get pcTables(): Buffer {
    return this.pcTable.bytes;
  }

  nameOf(index: number): string {
    return this.nameAt(this.field(index, this.layout.nameOffset) | 0);
  }

  nameAt(offset: number): string {
    return cString(this.nameTable.bytes, offset, "function names");
  }

  /** The functions, ascending, that have this value in a field of their record. Found by its bytes where they can be told apart. */
  findByField(field: number, value: number): readonly number[] {
    const found: number[] = [];
    if (!this.ascending || field % 4 !== 0) {
      for (let index = 0; index < this.count; index++) if (this.field(index, field) === value) found.push(index);
      return found;
    }
    const { words } = this;
    for (let at = words.indexOf(value); at >= 0; at = words.indexOf(value, at + 1)) {
      const index = this.indexAtPosition(at * 4 - field);
      if (index !== undefined) found.push(index);
    }
    return found;
  }

  /** The function with its record exactly there; of records that ascend. */
  private indexAtPosition(position: number): number | undefined {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.positions[middle] ?? 0) < position) low = middle + 1;
      else high = middle;
    }
    return this.positions[low] === position ? low : undefined;
  }

  /**
   * Of each function, the funcdata with this number as its record has it, where it also has this pcdata; NO_FUNCDATA for the
   * others. Of ascending records with 32-bit funcdata. One loop over words, because 30,000 calls take longer than what they would do.
   */
  funcDataColumn(pcData: number, funcData: number): Uint32Array {
    const { words, positions, layout } = this;
    const [tables, counts, pcDataCounts] = [layout.size / 4, layout.funcDataCount >> 2, layout.pcDataCount / 4];
    const shift = (layout.funcDataCount % 4) * 8;
    const column = new Uint32Array(this.count).fill(NO_FUNCDATA);
    for (let index = 0; index < column.length; index++) {
      const at = (positions[index] ?? 0) / 4;
      const pcDataCount = words[at + pcDataCounts];
      const funcDataCount = words[at + counts];
      if (pcDataCount === undefined || funcDataCount === undefined) throw this.pastTheEnd(index);
      if (pcDataCount <= pcData || ((funcDataCount >>> shift) & 0xff) <= funcData) continue;
      const table = words[at + tables + pcData];
      const value = words[at + tables + pcDataCount + funcData];
      if (table === undefined || value === undefined) throw this.pastTheEnd(index);
      if (table !== 0) column[index] = value;
    }
    return column;
  }

  private pastTheEnd(index: number): FormatError {
    return new FormatError("function record", this.position(index), "runs past the end of the functions");
  }

  /** Where each function's name stands in the name table. */
  allNameOffsets(): Int32Array {
    if (this.nameOffsets !== undefined) return this.nameOffsets;
    const offsets = new Int32Array(this.count);
    for (let index = 0; index < offsets.length; index++) offsets[index] = this.field(index, this.layout.nameOffset);
    this.nameOffsets = offsets;
    return offsets;
  }

  /** Where exactly this name stands in the name table. FACT(go1.19..go1.27): the linker writes each symbol's name once. */
  findNameOffsets(name: string): ReadonlySet<number> {
    const table = this.nameTable.bytes;
    const offsets = new Set<number>();
    const needle = Buffer.from(`\0${name}\0`);
    if (needle.subarray(1).equals(table.subarray(0, needle.length - 1))) offsets.add(0);
    for (let at = table.indexOf(needle); at >= 0; at = table.indexOf(needle, at + 1)) offsets.add(at + 1);
    return offsets;
  }

  /** Where the names stand that contain this text. */
  findNameOffsetsContaining(text: string): ReadonlySet<number> {
    const table = this.nameTable.bytes;
    const offsets = new Set<number>();
    const needle = Buffer.from(text);
    for (let at = table.indexOf(needle); at >= 0; ) {
      offsets.add(table.lastIndexOf(0, at) + 1);
      const end = table.indexOf(0, at);
      at = end < 0 ? -1 : table.indexOf(needle, end);
    }
    return offsets;
  }
}
