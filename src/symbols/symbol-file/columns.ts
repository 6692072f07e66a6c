/**
 * Blocks of `mappings` strings, turned by a quarter: first all offsets, then all calls, then all lines …, because
 * neighbours in a column are alike and neighbours in a string are not. A fifth smaller once compressed.
 *
 * A block holds for each string how many segments its two lines have, then the columns: four of the first lines, five of
 * the second. A column is its length and its numbers, as LEB128 of what Base64 VLQ would hold.
 */
import { Cursor } from "../../base/index.js";
import { ByteWriter } from "./byte-writer.js";

/** Fields of a segment in each line of a string. */
const FIELDS = [4, 5] as const;
const COLUMN_COUNT = 9;

const COMMA = 0x2c;
const SEMICOLON = 0x3b;

/** Base64 VLQ: five bits in each character, and a sixth that is set when more follow. */
const ALPHABET = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
const MORE = 32;
const bitsOf = new Uint8Array(256);
for (const [bits, character] of ALPHABET.entries()) bitsOf[character] = bits;

/** `mappings` strings, each of two lines with four and five fields, as one block. */
export function joinColumns(strings: readonly Buffer[]): Buffer {
  const writer = new ByteWriter();
  const columns = Array.from({ length: COLUMN_COUNT }, () => new ByteWriter());
  for (const string of strings) {
    const semicolon = string.indexOf(SEMICOLON);
    const lines = [string.subarray(0, semicolon), string.subarray(semicolon + 1)];
    lines.forEach((line, number) => {
      const first = number === 0 ? 0 : FIELDS[0];
      writer.uleb128(splitLine(line, columns.slice(first, first + (FIELDS[number] ?? 0))));
    });
  }
  for (const column of columns) {
    const bytes = column.take();
    writer.uleb128(bytes.length);
    writer.raw(bytes);
  }
  return writer.take();
}

/** Writes the fields of a line's segments to their columns. Returns how many segments there are. */
function splitLine(line: Buffer, columns: readonly ByteWriter[]): number {
  if (line.length === 0) return 0;
  let [segments, field, value, scale] = [1, 0, 0, 1];
  for (const byte of line) {
    if (byte === COMMA) {
      segments++;
      field = 0;
      continue;
    }
    const bits = bitsOf[byte] ?? 0;
    value += (bits % MORE) * scale;
    scale *= MORE;
    if (bits >= MORE) continue;
    columns[field]?.uleb128(value);
    [field, value, scale] = [field + 1, 0, 1];
  }
  return segments;
}

/** A block whose strings are put together one by one. */
export class ColumnBlock {
  readonly size: number;
  private readonly structure: string;
  private readonly columns: readonly Buffer[];
  /** Segments before each string's, and in the end all, for each line. */
  private readonly before: readonly Uint32Array[];

  /** Throws a FormatError unless the block holds `count` strings. */
  constructor(block: Buffer, count: number, structure: string) {
    const cursor = new Cursor(block, structure);
    if (count > block.length) cursor.fail(`${count} strings in ${block.length} bytes`);
    this.size = block.length;
    this.structure = structure;
    this.before = FIELDS.map(() => new Uint32Array(count + 1));
    for (let at = 0; at < count; at++)
      for (const line of this.before) {
        const segments = cursor.uleb128();
        if (segments > block.length) cursor.fail(`${segments} segments in ${block.length} bytes`);
        line[at + 1] = (line[at] ?? 0) + segments;
      }
    this.columns = Array.from({ length: COLUMN_COUNT }, () => cursor.slice(cursor.uleb128()));
    if (!cursor.atEnd) cursor.fail("more than its columns");
  }

  /** The string of that number. */
  record(at: number): Buffer {
    const writer = new ByteWriter();
    this.before.forEach((line, number) => {
      const [from, to] = [line[at] ?? 0, line[at + 1] ?? 0];
      const first = number === 0 ? 0 : FIELDS[0];
      const fields = this.columns
        .slice(first, first + (FIELDS[number] ?? 0))
        .map((column) => new Cursor(column, this.structure, positionOf(column, from)));
      if (number > 0) writer.u8(SEMICOLON);
      for (let segment = from; segment < to; segment++) {
        if (segment > from) writer.u8(COMMA);
        for (const field of fields) copyNumber(field, writer);
      }
    });
    return writer.take();
  }
}

/** Where the number behind `count` others begins; the column's end when it has fewer. */
function positionOf(column: Buffer, count: number): number {
  let position = 0;
  for (let left = count; left > 0 && position < column.length; position++) if ((column[position] ?? 0) < 0x80) left--;
  return position;
}

function copyNumber(from: Cursor, to: ByteWriter): void {
  let rest = from.uleb128();
  for (; rest >= MORE; rest = Math.floor(rest / MORE)) to.u8(ALPHABET[(rest % MORE) + MORE] ?? 0);
  to.u8(ALPHABET[rest] ?? 0);
}
