/** Tables of a symbol file: records of any length, in blocks that are compressed one by one. */
import { Cursor, FormatError } from "../../base/index.js";
import type { ByteSource } from "../../binary/index.js";
import { ByteWriter } from "./byte-writer.js";
import { ColumnBlock, joinColumns } from "./columns.js";
import { BLOCK_TARGET_BYTES, MAX_RECORDS } from "./format.js";
import { pack, unpack } from "./packing.js";

/** LIMIT: decompressed blocks of one table kept in memory, in bytes. */
const MAX_KEPT_BYTES = 2 ** 25;

/** A decompressed block. */
interface Block {
  /** In bytes. */
  readonly size: number;
  record(at: number): Buffer;
}

/** How records are laid out in a block before it is compressed. */
interface BlockForm {
  join(records: readonly Buffer[]): Buffer;
  split(bytes: Buffer, count: number, structure: string): Block;
}

/** The records' lengths, then the records. */
class RowBlock implements Block {
  readonly size: number;
  private readonly records: Buffer;
  /** Where each record begins, and where the last one ends. */
  private readonly starts: Uint32Array;

  constructor(bytes: Buffer, count: number, structure: string) {
    const lengths = new Cursor(bytes, structure);
    if (count > bytes.length) lengths.fail(`${count} records in ${bytes.length} bytes`);
    const starts = new Uint32Array(count + 1);
    let end = 0;
    for (let at = 0; at < count; at++) {
      end += lengths.uleb128();
      if (end > bytes.length) lengths.fail("a record ends behind its block");
      starts[at + 1] = end;
    }
    if (lengths.position + end !== bytes.length) lengths.fail("records don't fill their block");
    this.size = bytes.length;
    this.records = bytes.subarray(lengths.position);
    this.starts = starts;
  }

  record(at: number): Buffer {
    return this.records.subarray(this.starts[at], this.starts[at + 1]);
  }
}

const FORMS = {
  rows: {
    join: (records: readonly Buffer[]): Buffer => {
      const lengths = new ByteWriter();
      for (const { length } of records) lengths.uleb128(length);
      return Buffer.concat([lengths.take(), ...records]);
    },
    split: (bytes: Buffer, count: number, structure: string): Block => new RowBlock(bytes, count, structure),
  },
  /** For tables of `mappings` strings. */
  columns: {
    join: joinColumns,
    split: (bytes: Buffer, count: number, structure: string): Block => new ColumnBlock(bytes, count, structure),
  },
} as const satisfies Record<string, BlockForm>;
export type BlockFormName = keyof typeof FORMS;

/** A table as it is written. */
export interface PackedTable {
  readonly count: number;
  /** Records in each block but the last. */
  readonly perBlock: number;
  readonly blocks: readonly Buffer[];
}

interface PackOptions {
  /** By the records' size, unless given. */
  readonly perBlock?: number;
  readonly form?: BlockFormName;
}

export function packRecords(records: readonly Buffer[], options: PackOptions = {}): PackedTable {
  const { perBlock = recordsPerBlock(records), form = "rows" } = options;
  const blocks: Buffer[] = [];
  for (let at = 0; at < records.length; at += perBlock)
    blocks.push(pack(FORMS[form].join(records.slice(at, at + perBlock))));
  return { count: records.length, perBlock, blocks };
}

function recordsPerBlock(records: readonly Buffer[]): number {
  const total = records.reduce((sum, { length }) => sum + length, 0);
  return Math.max(1, Math.floor((BLOCK_TARGET_BYTES * records.length) / Math.max(1, total)));
}

/** A table's entry in the directory. */
export function writeTableEntry(writer: ByteWriter, table: PackedTable): void {
  writer.uleb128(table.count);
  writer.uleb128(table.perBlock);
  for (const block of table.blocks) writer.uleb128(block.length);
}

/** A table in an open file; decompresses blocks when a record of theirs is asked for. */
export class RecordTable {
  readonly count: number;
  readonly perBlock: number;
  /** Behind its last block in the file. */
  readonly end: number;
  private readonly source: ByteSource;
  private readonly name: string;
  private readonly form: BlockForm;
  private readonly offsets: readonly number[];
  private readonly blocks = new Map<number, Block>();
  private keptBytes = 0;

  /** Reads the table's entry in the directory; its blocks begin at `offset` of the file. */
  constructor(source: ByteSource, name: string, form: BlockFormName, directory: Cursor, offset: number) {
    this.source = source;
    this.name = name;
    this.form = FORMS[form];
    this.count = directory.uleb128();
    this.perBlock = directory.uleb128();
    if (this.count > MAX_RECORDS || this.perBlock === 0) directory.fail(`${name} has impossible numbers of records`);
    const blockCount = Math.ceil(this.count / this.perBlock);
    const offsets = [offset];
    let end = offset;
    for (let block = 0; block < blockCount; block++) {
      end += directory.uleb128();
      offsets.push(end);
    }
    if (end > source.size) directory.fail(`${name} ends behind the file`);
    this.offsets = offsets;
    this.end = end;
  }

  get blockCount(): number {
    return this.offsets.length - 1;
  }

  /** The record's bytes. Throws a FormatError when there is none of that number. */
  record(index: number): Buffer {
    if (!(index >= 0 && index < this.count)) throw new FormatError(this.name, 0, `no record ${index} of ${this.count}`);
    return this.block(Math.floor(index / this.perBlock)).record(index % this.perBlock);
  }

  cursor(index: number): Cursor {
    return new Cursor(this.record(index), `${this.name} ${index}`);
  }

  private block(number: number): Block {
    const known = this.blocks.get(number);
    if (known !== undefined) return known;
    const block = this.readBlock(number);
    for (const [oldest, { size }] of this.blocks) {
      if (this.keptBytes + block.size <= MAX_KEPT_BYTES) break;
      this.blocks.delete(oldest);
      this.keptBytes -= size;
    }
    this.blocks.set(number, block);
    this.keptBytes += block.size;
    return block;
  }

  private readBlock(number: number): Block {
    const structure = `${this.source.path}: ${this.name} block ${number}`;
    const offset = this.offsets[number] ?? 0;
    const bytes = unpack(this.source.read(offset, (this.offsets[number + 1] ?? 0) - offset), structure);
    return this.form.split(bytes, Math.min(this.perBlock, this.count - number * this.perBlock), structure);
  }
}
