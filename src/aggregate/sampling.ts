/**
 * How many calls there were in all, where probes were on part of the time only. While they rested nobody counted: what can
 * be said rests on how busy the target was right before and right after.
 */

import type { ActivityRecord, SliceRecord } from "./records.js";

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

/** Undefined for a run whose probes never rested: one without slices. */
export function samplingOf(
  slices: readonly SliceRecord[],
  durationNs: bigint,
  nsPerHit: number | undefined,
): Sampling | undefined {
  const on = slices.reduce((sum, { beginNs, endNs }) => sum + (endNs - beginNs), 0n);
  const [first] = slices;
  const last = slices.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const gaps = slices.map((slice, index) => {
    const next = slices[index + 1];
    return { ns: Number((next?.beginNs ?? durationNs) - slice.endNs), before: slice.last, after: next?.first };
  });
  const counted = slices.reduce((sum, { calls }) => sum + Number(calls), 0);
  let [seen, own, variance]: [number, number | undefined, number] = [0, 0, 0];
  for (const { ns, before, after } of gaps) {
    if (ns <= 0) continue;
    const paces = [paceOf(before, nsPerHit), ...(after === undefined ? [] : [paceOf(after, nsPerHit)])];
    const mean = paces.reduce((sum, pace) => sum + pace.seen, 0) / paces.length;
    seen += mean * ns;
    const ownPaces = paces.flatMap((pace) => pace.own ?? []);
    own =
      own === undefined || ownPaces.length < paces.length
        ? undefined
        : own + (ownPaces.reduce((sum, pace) => sum + pace, 0) / ownPaces.length) * ns;
    // How far the two neighbours differ is how little either says of what is between them.
    const spread = paces.reduce((sum, pace) => sum + (pace.seen - mean) ** 2, 0) / Math.max(1, paces.length - 1);
    const noise = paces.reduce((sum, pace) => sum + pace.variance, 0) / paces.length ** 2;
    variance += (spread / paces.length + noise) * ns ** 2;
  }
  const error = 2 * Math.sqrt(variance);
  const whole = (value: number): bigint => BigInt(Math.round(value));
  return {
    share: Math.min(1, Number(on) / Math.max(1, Number(durationNs))),
    slices: slices.length,
    calls: {
      low: whole(counted + Math.max(0, seen - error)),
      high: own === undefined ? undefined : whole(counted + own + error),
    },
  };
}
