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
  const stackById = new Map(stacks.map((stack) => [stack.id, stack]));
  const order = new Map([...series.values()].map((each, index) => [each, index]));
  const joined = new Map<Series, Map<string, StackSample>>();
  for (const sample of samples) {
    const owner = series.get(sample.series);
    if (owner === undefined || sample.count === 0n) continue;
    const stack = sample.stack === undefined ? undefined : stackById.get(sample.stack);
    const frames = stack?.frames ?? [];
    const truncated = stack?.truncated ?? false;
    const ofSeries = joined.get(owner) ?? new Map<string, StackSample>();
    joined.set(owner, ofSeries);
    const key = `${truncated}:${frames.join()}`;
    const count = sample.count + (ofSeries.get(key)?.count ?? 0n);
    const sum = sample.sum + (ofSeries.get(key)?.sum ?? 0n);
    ofSeries.set(key, { series: owner, frames, truncated, count, sum });
  }
  return [...joined.values()].flatMap((ofSeries) => [...ofSeries.values()]).sort((a, b) => compareSamples(a, b, order));
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
