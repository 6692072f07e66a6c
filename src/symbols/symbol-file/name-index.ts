/**
 * Finds records by name without decoding all names: a bucket holds the numbers of the groups of records in which names
 * that hash to it stand. A group may be named for another name's sake, so whoever asks compares the names in it.
 */
import { ByteWriter } from "./byte-writer.js";
import type { RecordTable } from "./record-table.js";

/** Few, so that a bucket seldom leads to groups of other names. */
const NAMES_PER_BUCKET = 2;

/** 32-bit FNV-1a of the name's UTF-8. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** The buckets for names of records in groups of `groupSize`. */
export function writeNameIndex(names: readonly string[], groupSize: number): Buffer[] {
  const buckets = Array.from({ length: Math.ceil(names.length / NAMES_PER_BUCKET) }, () => new Set<number>());
  names.forEach((name, index) => {
    buckets[hashOf(name) % buckets.length]?.add(Math.floor(index / groupSize));
  });
  return buckets.map((groups) => {
    const writer = new ByteWriter();
    for (const group of groups) writer.uleb128(group);
    return writer.take();
  });
}

/** Every record of `count` whose name, as `isNamed` tells, is `name`; ascending. */
export function findByName(
  index: RecordTable,
  { name, count, groupSize }: { readonly name: string; readonly count: number; readonly groupSize: number },
  isNamed: (record: number) => boolean,
): readonly number[] {
  if (index.count === 0) return [];
  const bucket = index.cursor(hashOf(name) % index.count);
  const found: number[] = [];
  while (!bucket.atEnd) {
    const first = bucket.uleb128() * groupSize;
    if (first >= count) bucket.fail("a group that is not there");
    const end = Math.min(first + groupSize, count);
    for (let record = first; record < end; record++) if (isNamed(record)) found.push(record);
  }
  return found;
}
