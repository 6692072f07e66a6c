/**
 * The variables table: package variables in address order. A record is the distance from the variable before it (from 0
 * for a block's first), the number of its type plus one, and its name; 0 in place of a type is followed by the size. Found
 * by name through an index of the blocks in which names stand.
 */
import { type VirtualAddress, virtualAddress } from "../../base/index.js";
import type { GoType } from "../../binary/index.js";
import type { PackageVariable } from "../table.js";
import { readText, requireEnd } from "./byte-reader.js";
import { ByteWriter } from "./byte-writer.js";
import { findByName } from "./name-index.js";
import { type PackedTable, packRecords, type RecordTable } from "./record-table.js";

/** A record's block is decoded whole: an address is the sum of distances. */
export const VARIABLES_PER_BLOCK = 512;

/** `variables` ascend by address; `numberOf` gives types their numbers. */
export function packVariables(variables: readonly PackageVariable[], numberOf: (type: GoType) => number): PackedTable {
  const records = variables.map(({ name, address, size, type }, index) => {
    const writer = new ByteWriter();
    const before = index % VARIABLES_PER_BLOCK === 0 ? 0 : (variables[index - 1]?.address ?? 0);
    writer.uleb128(address - before);
    writer.uleb128(type === undefined ? 0 : numberOf(type) + 1);
    if (type === undefined) writer.uleb128(size);
    writer.text(name);
    return writer.take();
  });
  return packRecords(records, { perBlock: VARIABLES_PER_BLOCK });
}

interface VariableRecord {
  readonly name: string;
  readonly address: VirtualAddress;
  /** Of its type; undefined when that is not known, but its size is. */
  readonly type: number | undefined;
  readonly size: number;
}

/** The variables of an open file, block by block. */
export class VariableTable {
  private readonly table: RecordTable;
  private readonly index: RecordTable;
  private readonly typeAt: (number: number) => GoType;
  private readonly blocks = new Map<number, readonly VariableRecord[]>();

  constructor(table: RecordTable, index: RecordTable, typeAt: (number: number) => GoType) {
    this.table = table;
    this.index = index;
    this.typeAt = typeAt;
  }

  find(name: string): PackageVariable | undefined {
    const { count, perBlock } = this.table;
    const [first] = findByName(this.index, { name, count, groupSize: perBlock }, (at) => this.at(at)?.name === name);
    const record = first === undefined ? undefined : this.at(first);
    if (record === undefined) return undefined;
    const { address, size } = record;
    if (record.type === undefined) return { name, address, size, type: undefined };
    const type = this.typeAt(record.type);
    return { name, address, size: type.size, type };
  }

  *names(): Generator<string> {
    for (let number = 0; number < this.table.blockCount; number++)
      for (const { name } of this.block(number)) yield name;
  }

  private at(index: number): VariableRecord | undefined {
    const { perBlock } = this.table;
    return this.block(Math.floor(index / perBlock))[index % perBlock];
  }

  private block(number: number): readonly VariableRecord[] {
    const known = this.blocks.get(number);
    if (known !== undefined) return known;
    const { count, perBlock } = this.table;
    const records: VariableRecord[] = [];
    let address = 0;
    for (let at = number * perBlock; at < Math.min((number + 1) * perBlock, count); at++) {
      const cursor = this.table.cursor(at);
      address += cursor.uleb128();
      if (!Number.isSafeInteger(address)) cursor.fail("an address out of range");
      const type = cursor.uleb128();
      const size = type === 0 ? cursor.uleb128() : 0;
      const name = readText(cursor);
      requireEnd(cursor);
      records.push({ name, address: virtualAddress(address), type: type === 0 ? undefined : type - 1, size });
    }
    this.blocks.set(number, records);
    return records;
  }
}
