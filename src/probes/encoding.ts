/** When the same expression at several functions yields values that can share a dimension. */
import type { ValueEncoding } from "../aggregate/index.js";

/** True when values of `encoding` read back rightly as those of `common`. */
export function isAlike(encoding: ValueEncoding, common: ValueEncoding): boolean {
  if (encoding.kind === "integer" && common.kind === "integer") {
    // Every fetch widens to 64 bits, so a narrow unsigned value is a signed one too.
    return encoding.signed === common.signed || (common.signed && encoding.size < 8);
  }
  if (encoding.kind === "float" && common.kind === "float") return encoding.size === common.size;
  if (encoding.kind === "linear" && common.kind === "linear") {
    return encoding.low === common.low && encoding.width === common.width && encoding.buckets === common.buckets;
  }
  return encoding.kind === common.kind;
}

/** The encoding that suits most of these; undefined when there are none. */
export function commonEncoding(encodings: readonly ValueEncoding[]): ValueEncoding | undefined {
  let best: ValueEncoding | undefined;
  let most = 0;
  const seen = new Set<string>();
  for (const encoding of encodings) {
    const key = JSON.stringify(encoding);
    if (seen.has(key)) continue;
    seen.add(key);
    const count = encodings.filter((other) => isAlike(other, encoding)).length;
    if (count > most) {
      best = encoding;
      most = count;
    }
  }
  return best && widen(best, encodings);
}

/** An integer as wide as the widest of those that it suits. */
function widen(encoding: ValueEncoding, encodings: readonly ValueEncoding[]): ValueEncoding {
  if (encoding.kind !== "integer") return encoding;
  let size = encoding.size;
  for (const other of encodings) {
    if (other.kind !== "integer" || !isAlike(other, encoding)) continue;
    if (other.signed !== encoding.signed) size = 8;
    else if (other.size > size) size = other.size;
  }
  // Where only some are durations, all are numbers.
  const { kind, signed } = encoding;
  const alike = encodings.filter((other) => isAlike(other, encoding));
  const durations = alike.every((other) => other.kind === "integer" && other.unit === "ns");
  return { kind, signed, size, ...(durations ? { unit: "ns" } : {}) };
}
