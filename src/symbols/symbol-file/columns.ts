/**
 * Blocks of `mappings` strings, turned by a quarter: first all offsets, then all calls, then all lines …, because
 * neighbours in a column are alike and neighbours in a string are not. And a line in a call mostly follows the line at
 * which that call was left, not the line of the segment before, which may be in another function; so the column of
 * lines holds the distance from there. Together a quarter smaller once compressed.
 *
 * A block holds for each string how many segments its two lines have, then the columns: four of the first lines, five of
 * the second. A column is its length and its numbers, as LEB128 of what Base64 VLQ would hold.
 */
import { Cursor } from "../../base/index.js";
import { readZigzag } from "./byte-reader.js";
import { ByteWriter } from "./byte-writer.js";

/** Fields of a segment in each line of a string. */
const FIELDS = [4, 5] as const;
const COLUMN_COUNT = 9;
/** Fields of the first line's segments. */
const CALL = 1;
const LINE = 2;

const COMMA = 0x2c;
const SEMICOLON = 0x3b;

/** Base64 VLQ: five bits in each character, and a sixth that is set when more follow; the first bit is the sign. */
const ALPHABET = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
const MORE = 32;
const bitsOf = new Uint8Array(256);
for (const [bits, character] of ALPHABET.entries()) bitsOf[character] = bits;

/** The two ways of writing a line of code: from the segment before, and from where its call was left. */
class LineTrack {
  private readonly lastOfCall = new Map<number, number>();
  private call = 0;
  private line = 0;

  enter(callStep: number): void {
    this.call += callStep;
  }

  /** From the distance to the segment before, that to the call's last line. */
  leaveFrom(step: number): number {
    this.line += step;
    const distance = this.line - (this.lastOfCall.get(this.call) ?? 0);
    this.lastOfCall.set(this.call, this.line);
    return distance;
  }

  /** The inverse. */
  returnTo(distance: number): number {
    const line = (this.lastOfCall.get(this.call) ?? 0) + distance;
    const step = line - this.line;
    this.line = line;
    this.lastOfCall.set(this.call, line);
    return step;
  }
}

/** `mappings` strings, each of two lines with four and five fields, as one block. */
export function joinColumns(strings: readonly Buffer[]): Buffer {
  const writer = new ByteWriter();
  const columns = Array.from({ length: COLUMN_COUNT }, () => new ByteWriter());
  for (const string of strings) {
    const semicolon = string.indexOf(SEMICOLON);
    writer.uleb128(splitCode(string.subarray(0, semicolon), columns.slice(0, FIELDS[0])));
    writer.uleb128(splitLine(string.subarray(semicolon + 1), columns.slice(FIELDS[0]), (_, value) => value));
  }
  for (const column of columns) {
    const bytes = column.take();
    writer.uleb128(bytes.length);
    writer.raw(bytes);
  }
  return writer.take();
}

function splitCode(line: Buffer, columns: readonly ByteWriter[]): number {
  const track = new LineTrack();
  return splitLine(line, columns, (field, value) => {
    if (field === CALL) track.enter(value);
    return field === LINE ? track.leaveFrom(value) : value;
  });
}

/** Writes the fields of a line's segments, as `change` has them, to their columns. Returns how many segments there are. */
function splitLine(
  line: Buffer,
  columns: readonly ByteWriter[],
  change: (field: number, value: number) => number,
): number {
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
    columns[field]?.zigzag(change(field, value % 2 === 0 ? value / 2 : -(value - 1) / 2));
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
    const track = new LineTrack();
    this.before.forEach((line, number) => {
      const [from, to] = [line[at] ?? 0, line[at + 1] ?? 0];
      const first = number === 0 ? 0 : FIELDS[0];
      const fields = this.columns
        .slice(first, first + (FIELDS[number] ?? 0))
        .map((column) => new Cursor(column, this.structure, positionOf(column, from)));
      if (number > 0) writer.u8(SEMICOLON);
      for (let segment = from; segment < to; segment++) {
        if (segment > from) writer.u8(COMMA);
        fields.forEach((field, position) => {
          const value = readZigzag(field);
          if (number === 0 && position === CALL) track.enter(value);
          writeNumber(writer, number === 0 && position === LINE ? track.returnTo(value) : value);
        });
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

function writeNumber(writer: ByteWriter, value: number): void {
  let rest = value < 0 ? -2 * value + 1 : 2 * value;
  for (; rest >= MORE; rest = Math.floor(rest / MORE)) writer.u8(ALPHABET[(rest % MORE) + MORE] ?? 0);
  writer.u8(ALPHABET[rest] ?? 0);
}
