/**
 * Turns a RecordBatch, as a session read it out of the kernel or a file, into an Aggregate: series with decoded keys,
 * histograms with quantiles, stacks with their samples, and the balance of it all.
 * Knows nothing of sites, recipes, kernels or output formats.
 */
export { type Aggregate, aggregate } from "./aggregate.js";
export type { Balance, Cost } from "./balance.js";
export type { Dimension, Measure, ValueEncoding } from "./dimension.js";
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
export type * from "./records.js";
export type { StackSample } from "./samples.js";
export type { RecordedProbes, Series } from "./series.js";
export type * from "./shape.js";
export { integerJson, type KeyJson, type KeyValue, printable } from "./values.js";
