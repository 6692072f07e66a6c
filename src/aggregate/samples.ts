/** Samples with their stacks: what a profile is made of. */
import type { SampleRecord, StackRecord } from "./records.js";
import type { Series } from "./series.js";

/** Calls of one series that came through one stack. */
export interface StackSample {
  readonly series: Series;
  /**
   * Virtual addresses, innermost first: a site of the probed function, then return addresses. Empty when the stack was
   * not kept.
   */
  readonly frames: readonly number[];
  /** The outermost frames are missing. */
  readonly truncated: boolean;
  readonly count: bigint;
  /** Of durations in nanoseconds. */
  readonly sum: bigint;
}

/**
 * Joins samples to stacks. Samples of one series whose stacks are equal, or equally unknown, become one. A sample whose
 * series is not among the given ones is left out: it was recorded after the series were read.
 */
export function joinStacks(
  samples: readonly SampleRecord[],
  stacks: readonly StackRecord[],
  series: ReadonlyMap<number, Series>,
): readonly StackSample[] {
  const stackById = distinctStacks(stacks);
  const order = new Map([...series.values()].map((each, index) => [each, index]));
  const joined = new Map<Series, Map<Stack, StackSample>>();
  for (const sample of samples) {
    const owner = series.get(sample.series);
    if (owner === undefined || sample.count === 0n) continue;
    const stack = (sample.stack === undefined ? undefined : stackById.get(sample.stack)) ?? NO_STACK;
    const ofSeries = joined.get(owner) ?? new Map<Stack, StackSample>();
    joined.set(owner, ofSeries);
    const count = sample.count + (ofSeries.get(stack)?.count ?? 0n);
    const sum = sample.sum + (ofSeries.get(stack)?.sum ?? 0n);
    ofSeries.set(stack, { series: owner, frames: stack.frames, truncated: stack.truncated, count, sum });
  }
  return [...joined.values()].flatMap((ofSeries) => [...ofSeries.values()]).sort((a, b) => compareSamples(a, b, order));
}

type Stack = Pick<StackSample, "frames" | "truncated">;

const NO_STACK: Stack = { frames: [], truncated: false };

/** Stacks by id, equal ones as one and the same value; one without frames is as good as none. */
function distinctStacks(stacks: readonly StackRecord[]): ReadonlyMap<bigint, Stack> {
  const distinct = new Map<string, Stack>();
  return new Map(
    stacks.map((stack) => {
      if (stack.frames.length === 0) return [stack.id, NO_STACK];
      const key = `${stack.truncated}:${stack.frames.join()}`;
      const known = distinct.get(key) ?? stack;
      distinct.set(key, known);
      return [stack.id, known];
    }),
  );
}

function compareSamples(a: StackSample, b: StackSample, order: ReadonlyMap<Series, number>): number {
  const bySeries = (order.get(a.series) ?? 0) - (order.get(b.series) ?? 0);
  if (bySeries !== 0) return bySeries;
  if (a.sum !== b.sum) return a.sum > b.sum ? -1 : 1;
  for (const [index, frame] of a.frames.entries()) {
    const other = b.frames[index];
    if (other === undefined) return 1;
    if (frame !== other) return frame - other;
  }
  return a.frames.length - b.frames.length || Number(a.truncated) - Number(b.truncated);
}
