/**
 * The functions table. A record is the distance from the entry before it (from the block's first entry, which the
 * directory has), the size, flags, and what the flags say is there.
 */
import { type Cursor, type VirtualAddress, virtualAddress } from "../../base/index.js";
import { readCount, readText, requireEnd } from "./byte-reader.js";
import { ByteWriter } from "./byte-writer.js";
import { type PackedTable, packRecords, type RecordTable } from "./record-table.js";

const ASSEMBLY = 1;
const WRAPPER = 2;
const HAS_LINK_NAMES = 4;
const HAS_LINE = 8;

/** A record's block is decoded whole: an entry is the sum of distances. */
const PER_BLOCK = 512;

export interface FunctionRecord {
  readonly entry: VirtualAddress;
  readonly end: VirtualAddress;
  readonly assembly: boolean;
  readonly wrapper: boolean;
  /** Names in the ELF symbol table, when they are not just pclntab's. */
  readonly linkNames: readonly string[];
  /** Line of the declaration where the scope has none. */
  readonly line: number | undefined;
}

export function packFunctions(functions: readonly FunctionRecord[]): PackedTable {
  const records = functions.map(({ entry, end, assembly, wrapper, linkNames, line }, index) => {
    const writer = new ByteWriter();
    const before = index % PER_BLOCK === 0 ? undefined : functions[index - 1];
    writer.uleb128(entry - (before?.entry ?? entry));
    writer.uleb128(end - entry);
    writer.u8(
      (assembly ? ASSEMBLY : 0) |
        (wrapper ? WRAPPER : 0) |
        (linkNames.length === 0 ? 0 : HAS_LINK_NAMES) |
        (line === undefined ? 0 : HAS_LINE),
    );
    if (linkNames.length > 0) {
      writer.uleb128(linkNames.length);
      for (const name of linkNames) writer.text(name);
    }
    if (line !== undefined) writer.uleb128(line);
    return writer.take();
  });
  return packRecords(records, { perBlock: PER_BLOCK });
}

/** The first entry of each block, as distances, for the directory. */
export function writeBlockStarts(writer: ByteWriter, functions: readonly FunctionRecord[]): void {
  let before = 0;
  for (let index = 0; index < functions.length; index += PER_BLOCK) {
    const entry = functions[index]?.entry ?? 0;
    writer.uleb128(entry - before);
    before = entry;
  }
}

/** The functions of an open file, block by block. */
export class FunctionRecords {
  readonly count: number;
  private readonly table: RecordTable;
  private readonly starts: Float64Array;
  private readonly blocks = new Map<number, readonly FunctionRecord[]>();

  /** Reads the blocks' first entries from the directory. */
  constructor(table: RecordTable, directory: Cursor) {
    this.table = table;
    this.count = table.count;
    this.starts = new Float64Array(table.blockCount);
    let entry = 0;
    for (let block = 0; block < table.blockCount; block++) {
      entry += directory.uleb128();
      if (!Number.isSafeInteger(entry)) directory.fail("an address out of range");
      this.starts[block] = entry;
    }
  }

  at(index: number): FunctionRecord {
    const record = this.block(Math.floor(index / this.table.perBlock))[index % this.table.perBlock];
    if (record === undefined) throw new RangeError(`no function ${index} of ${this.count}`);
    return record;
  }

  /** The last function that begins at or before `address`. */
  findAt(address: VirtualAddress): number | undefined {
    const block = lastAtMost(this.starts.length, (number) => this.starts[number] ?? 0, address);
    if (block === undefined) return undefined;
    const records = this.block(block);
    const within = lastAtMost(records.length, (number) => records[number]?.entry ?? 0, address);
    return within === undefined ? undefined : block * this.table.perBlock + within;
  }

  private block(number: number): readonly FunctionRecord[] {
    const known = this.blocks.get(number);
    if (known !== undefined) return known;
    const first = number * this.table.perBlock;
    let entry = this.starts[number] ?? 0;
    const records: FunctionRecord[] = [];
    for (let index = first; index < Math.min(first + this.table.perBlock, this.count); index++) {
      const record = readRecord(this.table.cursor(index), entry);
      entry = record.entry;
      records.push(record);
    }
    this.blocks.set(number, records);
    return records;
  }
}

function readRecord(cursor: Cursor, before: number): FunctionRecord {
  const entry = before + cursor.uleb128();
  const end = entry + cursor.uleb128();
  if (!Number.isSafeInteger(end)) cursor.fail("an address out of range");
  const flags = cursor.u8();
  const linkNames =
    (flags & HAS_LINK_NAMES) === 0 ? [] : Array.from({ length: readCount(cursor) }, () => readText(cursor));
  const line = (flags & HAS_LINE) === 0 ? undefined : cursor.uleb128();
  requireEnd(cursor);
  return {
    entry: virtualAddress(entry),
    end: virtualAddress(end),
    assembly: (flags & ASSEMBLY) !== 0,
    wrapper: (flags & WRAPPER) !== 0,
    linkNames,
    line,
  };
}

/** The last of `count` ascending values that is not above `value`. */
function lastAtMost(count: number, valueAt: (index: number) => number, value: number): number | undefined {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (valueAt(middle) <= value) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? undefined : low - 1;
}
