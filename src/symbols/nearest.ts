/**
 * "Did you mean": the names most like one that does not exist. Ranks by what people get wrong: case and the receiver's
 * `*`, the import path, the package, a typo, a fragment. One pass over all names.
 */
import { collapseTypeArguments, looseName, withoutAbiSuffix, withoutImportPath } from "./name.js";

/** Edits up to which two names of this length still look alike. */
const allowedEdits = (length: number): number => Math.max(1, Math.min(4, Math.floor(length / 4)));

/** LIMIT: longer names are never called alike. */
const ROW_SIZE = 512;
/** Three rows of the distance matrix, reused by every call. */
const rows: readonly [Uint16Array, Uint16Array, Uint16Array] = [
  new Uint16Array(ROW_SIZE),
  new Uint16Array(ROW_SIZE),
  new Uint16Array(ROW_SIZE),
];

/** Edit distance with transpositions, or `bound + 1` when it is larger than `bound`. */
export function editDistance(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) > bound || b.length >= ROW_SIZE) return bound + 1;
  let [beforeLast, last, current] = rows;
  for (let j = 0; j <= b.length; j++) last[j] = j;
  for (let i = 1; i <= a.length; i++) {
    const from = Math.max(1, i - bound);
    const to = Math.min(b.length, i + bound);
    current[0] = i;
    if (from > 1) current[from - 1] = bound + 1;
    let best = from > 1 ? bound + 1 : i;
    for (let j = from; j <= to; j++) {
      const same = a.charCodeAt(i - 1) === b.charCodeAt(j - 1);
      let cost = Math.min((last[j - 1] ?? 0) + (same ? 0 : 1), (last[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1);
      const swapped =
        i > 1 && j > 1 && a.charCodeAt(i - 1) === b.charCodeAt(j - 2) && a.charCodeAt(i - 2) === b.charCodeAt(j - 1);
      if (swapped) cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1);
      current[j] = cost;
      if (cost < best) best = cost;
    }
    if (to < b.length) current[to + 1] = bound + 1;
    if (best > bound) return bound + 1;
    const spare = beforeLast;
    beforeLast = last;
    last = current;
    current = spare;
  }
  return Math.min(last[b.length] ?? 0, bound + 1);
}

/** The last `count` parts of a dotted name. */
function lastParts(name: string, count: number): string {
  let at = name.length;
  for (let parts = 0; parts < count && at >= 0; parts++) at = name.lastIndexOf(".", at - 1);
  return name.slice(at + 1);
}

/** Ranks names against one query; lower is better, undefined is unlike. */
class Likeness {
  private readonly query: string;
  private readonly short: string;
  private readonly parts: number;
  private readonly bound: number;

  constructor(query: string) {
    this.query = looseName(query);
    this.short = withoutImportPath(this.query);
    this.parts = this.short.split(".").length;
    this.bound = allowedEdits(this.short.length);
  }

  rank(name: string): number | undefined {
    const { query, short, parts, bound } = this;
    if (query === "") return undefined;
    const candidate = looseName(name);
    if (candidate === query) return 0;
    const candidateShort = withoutImportPath(candidate);
    if (candidateShort === short) return candidate.endsWith(`/${query}`) ? 1 : 2;
    const tail = lastParts(candidateShort, parts);
    if (tail === short) return 3;
    const whole = editDistance(short, candidateShort, bound);
    const ending = tail === candidateShort ? whole : editDistance(short, tail, bound);
    const edits = Math.min(whole, ending + 0.5);
    if (edits <= bound) return 10 + edits + (candidate.endsWith(short.slice(short.lastIndexOf(".") + 1)) ? 0 : 0.25);
    const method = short.slice(short.lastIndexOf(".") + 1);
    if (method.length > 2 && lastParts(candidateShort, 1) === method) return 20;
    return short.length > 2 && candidateShort.includes(short) ? 30 : undefined;
  }
}

/** At most `limit` names, best first; equally good ones in order of length, then of code units. No name twice. */
export function nearestNames(names: Iterable<string>, query: string, limit: number): string[] {
  const likeness = new Likeness(collapseTypeArguments(withoutAbiSuffix(query)));
  const ranked = new Map<string, number>();
  for (const name of names) {
    if (ranked.has(name)) continue;
    const rank = likeness.rank(name);
    if (rank !== undefined) ranked.set(name, rank);
  }
  return [...ranked]
    .sort(([a, rankA], [b, rankB]) => rankA - rankB || a.length - b.length || (a < b ? -1 : 1))
    .slice(0, limit)
    .map(([name]) => name);
}
