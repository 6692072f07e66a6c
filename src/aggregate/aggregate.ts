/**
 * A batch of records, interpreted: series with decoded keys and histograms, stacks joined to their samples, balanced
 * books. Pure, and independent of the order in which the kernel's maps gave up their entries.
 */
import { type Balance, balanceOf, type Cost, costOf } from "./balance.js";
import type { Dimension, Measure } from "./dimension.js";
import type { DetailLoss, EndingsRecord, RecordBatch } from "./records.js";
import { joinStacks, type StackSample } from "./samples.js";
import { type Sampling, samplingOf } from "./sampling.js";
import { compareSeries, joinSeries, type RecordedProbes, type Series, seriesOf } from "./series.js";

export interface Aggregate {
  readonly startTimeMs: number;
  readonly durationNs: bigint;
  readonly dimensions: readonly Dimension[];
  readonly measure: Measure;
  readonly balance: Balance;
  readonly loss: DetailLoss;
  readonly cost: Cost;
  /** Undefined where probes were on all the time. */
  readonly sampling: Sampling | undefined;
  /** Those with calls, by total time, longest first; equal ones by probe and values. */
  readonly series: readonly Series[];
  /** Of the probes with calls that did not return. */
  readonly endings: readonly EndingsRecord[];
  /** In the order of their series, then by total time, longest first. */
  readonly samples: readonly StackSample[];
}

/** Interprets a batch that was recorded with these probes. */
export function aggregate(batch: RecordBatch, probes: RecordedProbes): Aggregate {
  const decoded = batch.series
    .filter((record) => record.count > 0n)
    .map((record) => ({ id: record.id, series: seriesOf(record, probes) }));
  const series = new Map([...joinSeries(decoded)].sort(([, a], [, b]) => compareSeries(a, b)));
  return {
    startTimeMs: batch.startTimeMs,
    durationNs: batch.durationNs,
    dimensions: probes.dimensions,
    measure: probes.measure,
    balance: balanceOf(batch.balance),
    loss: batch.loss,
    cost: costOf(batch.cost),
    sampling: samplingOf(batch.slices, batch.durationNs, batch.cost.nsPerHit, batch.earlierSlices),
    series: [...new Set(series.values())],
    endings: batch.endings,
    samples: joinStacks(batch.samples, batch.stacks, series),
  };
}
