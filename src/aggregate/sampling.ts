/**
 * How many calls there were in all, where probes were on part of the time only. While they rested nobody counted: what can
 * be said rests on how busy the target was right before and right after.
 *
 * Probes rest because the target was busy, so a rest does not begin at any moment: it may have been a burst that was over in
 * no time. What is said of a rest is therefore no more than that it was between the two, and that does not get any surer with
 * many of them. How much one rest differs from the next says how far their sum may be off by chance.
 */
import type { ActivityRecord, CallsRecord, RestRecord, SliceRecord, SliceSumRecord } from "./records.js";

/** A run that was measured in slices. */
export interface Sampling {
  /** Of the run's time, 0 to 1. */
  readonly share: number;
  readonly slices: number;
  /**
   * Between which numbers all calls of the run are, if the target was about as busy between two slices as next to them, and
   * but for chance (two standard errors). `high` is undefined where probes slowed the target so
   * much that its own pace can't be told.
   */
  readonly calls: { readonly low: bigint; readonly high: bigint | undefined };
}

/** Where probes take more than this share of one CPU, what the target would do without them is a guess. */
const MOST_SLOWED = 0.5;

/** Calls per nanosecond, as they came and as they would have come without probes; with the variance of the former. */
interface Pace {
  readonly seen: number;
  readonly own: number | undefined;
  readonly variance: number;
}

function paceOf({ ns, calls, hits }: ActivityRecord, nsPerHit: number | undefined): Pace {
  const time = Math.max(1, Number(ns));
  const seen = Number(calls) / time;
  const taken = nsPerHit === undefined ? undefined : (Number(hits) * nsPerHit) / time;
  const own = taken === undefined || taken > MOST_SLOWED ? undefined : seen / (1 - taken);
  return { seen, own, variance: Math.max(1, Number(calls)) / time ** 2 };
}

const NO_CALLS: CallsRecord = { sum: 0, last: undefined, steps: 0 };
/** Of no slices. */
const NOTHING: SliceSumRecord = {
  slices: 0,
  onNs: 0n,
  calls: 0n,
  rest: { least: NO_CALLS, most: NO_CALLS, variance: 0 },
};

const add = ({ sum, last, steps }: CallsRecord, calls: number): CallsRecord => ({
  sum: sum + calls,
  last: calls,
  steps: steps + (calls - (last ?? calls)) ** 2,
});

/** A rest between two slices, or, with nobody after it to say that the target was still busy, behind the last one. */
function addRest(rest: RestRecord, ns: number, before: Pace, after: Pace | undefined): RestRecord {
  const paces = after === undefined ? [before] : [before, after];
  const own = paces.flatMap((pace) => pace.own ?? []);
  return {
    least: add(rest.least, Math.min(before.seen, after?.seen ?? 0) * ns),
    most: rest.most === undefined || own.length < paces.length ? undefined : add(rest.most, Math.max(...own) * ns),
    // The same few calls may speak for the rests on either side of a slice, so two counts are no surer than one.
    variance: rest.variance + (paces.reduce((sum, pace) => sum + pace.variance, 0) / paces.length) * ns ** 2,
  };
}

/** Two standard errors of such a sum. Half the square of a step is what one rest varies by, where none is busier by itself. */
const errorOf = ({ steps }: CallsRecord, { variance }: RestRecord): number => 2 * Math.sqrt(steps / 2 + variance);

/** The sum with one more slice, and with the time until the next one, or until the run's end. */
export function addSlice(
  sum: SliceSumRecord | undefined,
  slice: SliceRecord,
  next: SliceRecord | { readonly runEndNs: bigint },
  nsPerHit: number | undefined,
): SliceSumRecord {
  const [until, after] = "runEndNs" in next ? [next.runEndNs, undefined] : [next.beginNs, paceOf(next.first, nsPerHit)];
  const ns = Number(until - slice.endNs);
  const { slices, onNs, calls, rest } = sum ?? NOTHING;
  return {
    slices: slices + 1,
    onNs: onNs + (slice.endNs - slice.beginNs),
    calls: calls + slice.calls,
    rest: ns <= 0 ? rest : addRest(rest, ns, paceOf(slice.last, nsPerHit), after),
  };
}

/** Undefined for a run whose probes never rested: one without slices. `earlier`: the sum of those before the first. */
export function samplingOf(
  slices: readonly SliceRecord[],
  durationNs: bigint,
  nsPerHit: number | undefined,
  earlier?: SliceSumRecord,
): Sampling | undefined {
  if (slices.length === 0) return undefined;
  const { rest, onNs, calls, ...sum } = slices.reduce<SliceSumRecord>(
    (sum, slice, index) => addSlice(sum, slice, slices[index + 1] ?? { runEndNs: durationNs }, nsPerHit),
    earlier ?? NOTHING,
  );
  const { least, most } = rest;
  const counted = Number(calls);
  const whole = (value: number): bigint => BigInt(Math.round(value));
  return {
    share: Math.min(1, Number(onNs) / Math.max(1, Number(durationNs))),
    slices: sum.slices,
    calls: {
      low: whole(counted + Math.max(0, least.sum - errorOf(least, rest))),
      high: most === undefined ? undefined : whole(counted + most.sum + errorOf(most, rest)),
    },
  };
}
