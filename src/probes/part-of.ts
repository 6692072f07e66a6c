/** What results tell as one: a function with its inlined copies, a line or a USDT probe with all its places, a span's ends. */
import type { PlannedProbe } from "./plan.js";

/**
 * The first probe that the calls of a place or of a span's end are told with: its function's own, another place, the first of
 * the ends; undefined for all others.
 */
export function partOf(
  probes: readonly Pick<PlannedProbe, "name" | "place" | "kind">[],
  number: number,
): number | undefined {
  const probe = probes[number];
  const isEnd = probe?.kind === "span-begin" || probe?.kind === "span-end";
  if (probe === undefined || (probe.place === undefined && !isEnd)) return undefined;
  const first = probes.findIndex(({ name }) => name === probe.name);
  return first === number ? undefined : first;
}
