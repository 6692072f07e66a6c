/** How far durations may be off from which probe time was taken: as far as what was taken off may be. */
import type { NetRecord } from "./records.js";
import type { Series } from "./series.js";

/**
 * Of each duration of the series, on average; ns. One that is less says only that it is. Undefined where durations contain
 * probe time, or how exact prices are is not known yet.
 */
export function resolutionOf(
  { probeTime, histogram: { count } }: Pick<Series, "probeTime" | "histogram">,
  net: NetRecord | undefined,
): bigint | undefined {
  if (probeTime === undefined || net?.uncertainty === undefined || count === 0n) return undefined;
  return BigInt(Math.ceil((net.uncertainty * Number(probeTime)) / Number(count)));
}
