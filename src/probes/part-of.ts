/** What results tell as one: a function together with its inlined copies, a line with all its places. */
import type { PlannedProbe } from "./plan.js";

/** The first probe that a place's calls are told with: its function's own, or another place; undefined for all others. */
export function partOf(probes: readonly Pick<PlannedProbe, "name" | "place">[], number: number): number | undefined {
  const probe = probes[number];
  if (probe?.place === undefined) return undefined;
  const first = probes.findIndex(({ name }) => name === probe.name);
  return first === number ? undefined : first;
}
