/** What was refused, in words: how many functions, inlined copies and places in lines, and what no run could be made of. */
import { type ProfilerError, UnmeasurableError, USAGE, UsageError } from "../base/index.js";
import type { RefusedFunction } from "./plan.js";
import { INSTEAD_OF_INLINED } from "./selector.js";

/** What can be refused, one and several; a function's copies and places are not functions. */
const NOUNS = [
  { kind: undefined, one: "function", several: "functions" },
  { kind: "copy", one: "inlined copy", several: "inlined copies" },
  { kind: "line", one: "place", several: "places" },
  { kind: "usdt", one: "place of a USDT probe", several: "places of USDT probes" },
] as const;

/** `2 functions and 12 inlined copies`. `number`: how numbers are written. */
export function tellRefused(refused: readonly RefusedFunction[], number: (count: number) => string = String): string {
  const parts = NOUNS.flatMap(({ kind, one, several }) => {
    const count = refused.filter(({ place }) => place?.kind === kind).length;
    return count === 0 ? [] : [`${number(count)} ${count === 1 ? one : several}`];
  });
  return parts.join(" and ");
}

/** By reason, the most frequent ones first. */
export function refusedByReason(refused: readonly RefusedFunction[]): readonly (readonly RefusedFunction[])[] {
  const byReason = new Map<string, RefusedFunction[]>();
  for (const each of refused) {
    const alike = byReason.get(each.refusal.reason);
    if (alike === undefined) byReason.set(each.refusal.reason, [each]);
    else alike.push(each);
  }
  return [...byReason.values()].sort((left, right) => right.length - left.length);
}

/** What ends a run of which nothing is left: the most frequent refusal, by its first example. */
export function nothingMeasurable(probes: readonly string[], all: readonly RefusedFunction[]): ProfilerError {
  const [[first] = []] = refusedByReason(all);
  if (first === undefined) {
    return new UnmeasurableError("no-match", `${probes.join(" ")} can't be measured: no function was named`);
  }
  const { name, refusal, place } = first;
  if (refusal.code === USAGE) return new UsageError(refusal.reason, { hint: refusal.hint });
  const by = refusal.by === undefined ? "" : ` by ${refusal.by}`;
  const others = all.filter((each) => each !== first);
  const ofIt =
    place?.kind === "copy" &&
    others.every((each) => each.place?.kind === "copy" && each.place.function === place.function);
  const more = others.length === 0 ? "" : `, and ${tellRefused(others)}${ofIt ? " of it" : ""} more`;
  const isInlined = all.every((each) => each.place?.kind === "copy");
  return new UnmeasurableError(refusal.code, `${name} can't be measured${by}: ${refusal.reason}${more}`, {
    hint: refusal.hint ?? (isInlined ? INSTEAD_OF_INLINED : undefined),
  });
}
