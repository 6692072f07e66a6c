/**
 * How many calls there were in all, where probes were on part of the time only. While they rested nobody counted: what can
 * be said rests on how busy the target was right before and right after.
 */

import type { ActivityRecord, RestRecord, SliceRecord, SliceSumRecord } from "./records.js";

/** A run that was measured in slices. */
export interface Sampling {
  /** Of the run's time, 0 to 1. */
  readonly share: number;
  readonly slices: number;
  /**
   * Between which numbers all calls of the run probably are (two standard errors). `high` is undefined where probes slowed
   * the target so much that its own pace can't be told.
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

/** Of no slices. */
const NOTHING: SliceSumRecord = { slices: 0, onNs: 0n, calls: 0n, rest: { seen: 0, own: 0, variance: 0 } };

/** What rests on the time between two slices, or behind the last one: how many calls there were, and how sure that is. */
function addRest(
  { seen, own, variance }: RestRecord,
  ns: number,
  neighbours: readonly ActivityRecord[],
  nsPerHit: number | undefined,
): RestRecord {
  const paces = neighbours.map((activity) => paceOf(activity, nsPerHit));
  const mean = paces.reduce((sum, pace) => sum + pace.seen, 0) / paces.length;
  const ownPaces = paces.flatMap((pace) => pace.own ?? []);
  // How far the two neighbours differ is how little either says of what is between them.
  const spread = paces.reduce((sum, pace) => sum + (pace.seen - mean) ** 2, 0) / Math.max(1, paces.length - 1);
  const noise = paces.reduce((sum, pace) => sum + pace.variance, 0) / paces.length ** 2;
  return {
    seen: seen + mean * ns,
    own:
      own === undefined || ownPaces.length < paces.length
        ? undefined
        : own + (ownPaces.reduce((sum, pace) => sum + pace, 0) / ownPaces.length) * ns,
    variance: variance + (spread / paces.length + noise) * ns ** 2,
  };
}

/** The sum with one more slice, and with the time until the next one, or until the run's end. */
export function addSlice(
  sum: SliceSumRecord | undefined,
  slice: SliceRecord,
  next: SliceRecord | { readonly runEndNs: bigint },
  nsPerHit: number | undefined,
): SliceSumRecord {
  const [until, after] = "runEndNs" in next ? [next.runEndNs, []] : [next.beginNs, [next.first]];
  const ns = Number(until - slice.endNs);
  const { slices, onNs, calls, rest } = sum ?? NOTHING;
  return {
    slices: slices + 1,
    onNs: onNs + (slice.endNs - slice.beginNs),
    calls: calls + slice.calls,
    rest: ns <= 0 ? rest : addRest(rest, ns, [slice.last, ...after], nsPerHit),
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
  const counted = Number(calls);
  const error = 2 * Math.sqrt(rest.variance);
  const whole = (value: number): bigint => BigInt(Math.round(value));
  return {
    share: Math.min(1, Number(onNs) / Math.max(1, Number(durationNs))),
    slices: sum.slices,
    calls: {
      low: whole(counted + Math.max(0, rest.seen - error)),
      high: rest.own === undefined ? undefined : whole(counted + rest.own + error),
    },
  };
}
