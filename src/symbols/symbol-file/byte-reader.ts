/** What the records of a symbol file are made of, read from a Cursor. */
import type { Cursor } from "../../base/index.js";

export function readText(cursor: Cursor): string {
  return cursor.slice(cursor.uleb128()).toString("utf8");
}

/** The inverse of ByteWriter.zigzag. */
export function readZigzag(cursor: Cursor): number {
  const value = cursor.uleb128();
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

/** A count of items that take a byte each at least, so that a damaged one never allocates more than the record has. */
export function readCount(cursor: Cursor): number {
  const count = cursor.uleb128();
  if (count > cursor.length - cursor.position)
    cursor.fail(`${count} items in ${cursor.length - cursor.position} bytes`);
  return count;
}

/** Records hold nothing else: what is left over is damage. */
export function requireEnd(cursor: Cursor): void {
  if (!cursor.atEnd) cursor.fail(`${cursor.length - cursor.position} bytes too many`);
}
