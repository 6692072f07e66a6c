/**
 * Go's pc-value tables: one number (a line, a file, an inlining index) for each range of a function's code.
 *
 * Follows golang.org/s/go12symtab: pairs of varints, a zigzag delta of the value and a delta of the pc in instruction
 * quanta; values start at -1; a value delta of 0 after the first pair ends the table.
 */
import { FormatError } from "../base/index.js";

const STRUCTURE = "pc-value table";

/** A cursor over one table: `advance` moves to the next range. */
export class PcValueReader {
  /** The range's value; holds from the previous `end` (the function's entry at first) up to `end`, exclusive. */
  value = -1;
  /** Relative to the function's entry. */
  end = 0;
  private readonly bytes: Buffer;
  private readonly quantum: number;
  private position: number;
  private first = true;

  constructor(bytes: Buffer, position: number, quantum: number) {
    if (position < 0 || position >= bytes.length)
      throw new FormatError(STRUCTURE, position, "starts outside the tables");
    this.bytes = bytes;
    this.position = position;
    this.quantum = quantum;
  }

  /** False at the table's end. Throws a FormatError for a range without code: it would let a damaged table never end. */
  advance(): boolean {
    const start = this.position;
    const valueDelta = this.varint();
    if (valueDelta === 0 && !this.first) return false;
    this.first = false;
    this.value = (this.value + ((valueDelta >>> 1) ^ -(valueDelta & 1))) | 0;
    const pcDelta = this.varint();
    if (pcDelta === 0) throw new FormatError(STRUCTURE, start, "a range without code");
    this.end += pcDelta * this.quantum;
    return true;
  }

  private varint(): number {
    const bytes = this.bytes;
    let result = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[this.position];
      if (byte === undefined) throw new FormatError(STRUCTURE, this.position, "runs past the end of the tables");
      this.position++;
      result |= (byte & 0x7f) << shift;
      if (byte < 0x80) return result >>> 0;
    }
    throw new FormatError(STRUCTURE, this.position, "varint longer than 32 bits");
  }
}

/** The value at `offset` bytes into the function; undefined when the table does not cover it. */
export function findPcValue(bytes: Buffer, position: number, quantum: number, offset: number): number | undefined {
  const reader = new PcValueReader(bytes, position, quantum);
  while (reader.advance()) if (offset < reader.end) return reader.value;
  return undefined;
}

/**
 * How many bytes of code the table covers: the function's exact size. Throws a FormatError for more than `limit`, the
 * room that the function has: then either is wrong. `limit` also keeps a damaged file from having one long table read
 * again for each of its functions, here and below.
 */
export function pcTableExtent(bytes: Buffer, position: number, quantum: number, limit: number): number {
  const reader = new PcValueReader(bytes, position, quantum);
  while (reader.end <= limit && reader.advance());
  if (reader.end > limit) throw new FormatError(STRUCTURE, position, `covers more than its function's ${limit} bytes`);
  return reader.end;
}

/** The largest value in a table that covers at most `limit` bytes of code; -1 for none. */
export function largestPcValue(bytes: Buffer, position: number, quantum: number, limit: number): number {
  const reader = new PcValueReader(bytes, position, quantum);
  let largest = -1;
  while (reader.end < limit && reader.advance()) if (reader.value > largest) largest = reader.value;
  return largest;
}
