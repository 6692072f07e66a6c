/** glibc's cache of where libraries are (`/etc/ld.so.cache`), as its dl-cache.h describes it. */
import { Cursor, FormatError } from "../base/index.js";

const STRUCTURE = "ld.so.cache";
const MAGIC = "glibc-ld.so.cache1.1";
const OLD_MAGIC = "ld.so-1.7.0";
const OLD_HEADER_SIZE = 16;
const OLD_ENTRY_SIZE = 12;
const EXTENSIONS_AT = 32;
const HEADER_SIZE = 48;

/** What lies behind the entries begins with this, and has a section of the names of levels. */
const EXTENSIONS_MAGIC = 0xeaa42174;
const LEVEL_NAMES_TAG = 1;

/** What an entry asks of the processor. */
interface Demands {
  /** Number of its level's name, where there is one. */
  readonly level: number;
  readonly flags: number;
}

/** Flags: that there is a level, and the one that the library itself declares, by its place above the least. */
const HAS_LEVEL = 1 << 30;
const DECLARED_LEVEL = (1 << 10) - 1;

interface CachedLibrary {
  readonly path: string;
  /** Place among the processor's levels, the number of those for a library that asks for none. */
  readonly rank: number;
}

/**
 * Paths by name, as the cache has them for libraries with these flags: those for the highest of `levels` first (the
 * processor's own, the highest first), then those for any processor, each in the cache's order. FormatError when the bytes
 * are no cache, or a damaged one.
 */
export function parseLibraryCache(
  bytes: Buffer,
  flags: number,
  levels: readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const file = startOfCache(bytes);
  const cursor = new Cursor(file, STRUCTURE);
  if (cursor.slice(MAGIC.length).toString("latin1") !== MAGIC) cursor.fail("it does not begin as a cache does");
  const count = cursor.u32();
  const names = readLevelNames(file);
  cursor.seek(HEADER_SIZE);
  const libraries = new Map<string, CachedLibrary[]>();
  for (let index = 0; index < count; index++) {
    const kind = cursor.u32();
    const name = cursor.u32();
    const path = cursor.u32();
    cursor.skip(4);
    const rank = rankOf({ level: cursor.u32(), flags: cursor.u32() }, names, levels);
    if (kind !== flags || rank === undefined) continue;
    const library = { path: textAt(file, path), rank };
    const known = libraries.get(textAt(file, name));
    if (known === undefined) libraries.set(textAt(file, name), [library]);
    else known.push(library);
  }
  const inOrder = (found: readonly CachedLibrary[]): readonly string[] =>
    found.toSorted((a, b) => a.rank - b.rank).map(({ path }) => path);
  return new Map([...libraries].map(([name, found]) => [name, inOrder(found)]));
}

/** Undefined for an entry that asks for what the processor has not, or for more than a level. */
function rankOf(demands: Demands, names: readonly string[], levels: readonly string[]): number | undefined {
  if (demands.level === 0 && demands.flags === 0) return levels.length;
  const declared = demands.flags & DECLARED_LEVEL;
  if (demands.flags - declared !== HAS_LEVEL || declared > levels.length) return undefined;
  const rank = levels.indexOf(names[demands.level] ?? "");
  return rank === -1 ? undefined : rank;
}

/** Names of levels, by the numbers that entries have for them; none in caches older than those. */
function readLevelNames(file: Buffer): readonly string[] {
  const extensions = new Cursor(file, STRUCTURE, EXTENSIONS_AT).u32();
  if (extensions === 0) return [];
  const cursor = new Cursor(file, STRUCTURE, extensions);
  if (cursor.u32() !== EXTENSIONS_MAGIC) cursor.fail("its extensions do not begin as such");
  for (let count = cursor.u32(); count > 0; count--) {
    const tag = cursor.u32();
    cursor.skip(4);
    const offset = cursor.u32();
    const size = cursor.u32();
    if (tag !== LEVEL_NAMES_TAG) continue;
    const places = new Cursor(file, STRUCTURE, offset);
    return Array.from({ length: Math.floor(places.slice(size).length / 4) }, (_, index) => {
      places.seek(offset + 4 * index);
      return textAt(file, places.u32());
    });
  }
  return [];
}

function textAt(file: Buffer, position: number): string {
  if (position >= file.length) throw new FormatError(STRUCTURE, position, "text outside the file");
  return new Cursor(file, STRUCTURE, position).cString();
}

/** Older systems write the format of libc 5 before it. */
function startOfCache(bytes: Buffer): Buffer {
  if (bytes.toString("latin1", 0, OLD_MAGIC.length) !== OLD_MAGIC) return bytes;
  const cursor = new Cursor(bytes, STRUCTURE, OLD_MAGIC.length + 1);
  const end = OLD_HEADER_SIZE + cursor.u32() * OLD_ENTRY_SIZE;
  cursor.seek(Math.ceil(end / 8) * 8);
  return bytes.subarray(cursor.position);
}
