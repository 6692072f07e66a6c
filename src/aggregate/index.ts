/**
 * Turns a RecordBatch, as a session read it out of the kernel or a file, into an Aggregate: series with decoded keys,
 * histograms with quantiles, stacks with their samples, and the balance of it all.
 * Knows nothing of sites, recipes, kernels or output formats.
 */
export { type Aggregate, aggregate } from "./aggregate.js";
export type { Balance, Cost } from "./balance.js";
export { callOf, type NamedValue, type RunClock, type TracedCall, type TracedProbes } from "./calls.js";
export { type CapturedNames, type CapturedSource, decodeCaptured } from "./captured.js";
export type { Dimension, Measure, ValueEncoding } from "./dimension.js";
export { FlowBuilder, type FlowCall } from "./flow.js";
export {
  type Bucket,
  type BucketBounds,
  bucketBounds,
  bucketIndex,
  EMPTY_HISTOGRAM,
  type Histogram,
  mergeHistograms,
  quantile,
  ROW_BUCKETS,
  ROWS,
} from "./histogram.js";
export { resolutionOf } from "./net.js";
export type * from "./records.js";
export type { StackSample } from "./samples.js";
export { addSlice, type Sampling } from "./sampling.js";
export type { RecordedProbes, Series } from "./series.js";
export type * from "./shape.js";
export { printable } from "./text.js";
export { formatValueText, integerJson, objectJson, type Value, type ValueJson, valueJson } from "./value.js";
export type { KeyValue } from "./values.js";
