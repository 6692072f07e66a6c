/**
 * Log-linear histograms: the bucket layout that the BPF programs fill (bpf/abi.h), and what is read out of it.
 *
 * Values are durations, or integers that an expression yields. An index is `row * 8 + bucket`. Row 0 holds the values 0..7, a bucket each; row r >= 1 divides [2^(r+2), 2^(r+3))
 * into 8 equal buckets, so that no bucket is wider than 12.5 % of its low bound. A negative value is in the bucket of its
 * magnitude, with the index negated.
 */
import { gsHistogram } from "../abi/index.js";
import { invariant } from "../base/index.js";

export const ROW_BUCKETS = gsHistogram.GS_ROW_BUCKETS;
export const ROWS = gsHistogram.GS_ROWS;

const LOG2_ROW_BUCKETS = BigInt(Math.log2(ROW_BUCKETS));

/** The values [low, high) of one bucket. */
export interface BucketBounds {
  readonly low: bigint;
  /** Exclusive. */
  readonly high: bigint;
}

export interface Bucket extends BucketBounds {
  readonly index: number;
  readonly count: bigint;
}

/**
 * A distribution of 64-bit values. `count`, `sum`, `min` and `max` are exact; `min` and `max` are 0 when
 * `count` is. Buckets are in ascending order, none empty; they add up to less than `count` when the kernel had no room
 * for some.
 */
export interface Histogram {
  readonly count: bigint;
  /** Undefined when so many values of that size may not fit into the 64 bits they were added up in. */
  readonly sum: bigint | undefined;
  readonly min: bigint;
  readonly max: bigint;
  readonly buckets: readonly Bucket[];
}

export const EMPTY_HISTOGRAM: Histogram = { count: 0n, sum: 0n, min: 0n, max: 0n, buckets: [] };

/** Bounds of the bucket at `index`, which must be one that the layout has. */
export function bucketBounds(index: number): BucketBounds {
  invariant(Number.isInteger(index) && Math.abs(index) < ROWS * ROW_BUCKETS, `histogram has no bucket ${index}`);
  if (index < 0) {
    const magnitude = bucketBounds(-index);
    return { low: 1n - magnitude.high, high: 1n - magnitude.low };
  }
  const row = BigInt(Math.floor(index / ROW_BUCKETS));
  const bucket = BigInt(index % ROW_BUCKETS);
  if (row === 0n) return { low: bucket, high: bucket + 1n };
  const width = 1n << (row - 1n);
  const low = (BigInt(ROW_BUCKETS) + bucket) * width;
  return { low, high: low + width };
}

/** Index of the bucket that holds an unsigned 64-bit value. */
export function bucketIndex(value: bigint): number {
  invariant(value >= 0n && value < 1n << 64n, `histogram value ${value} is not an unsigned 64-bit one`);
  if (value < BigInt(ROW_BUCKETS)) return Number(value);
  const exponent = BigInt(value.toString(2).length - 1);
  const row = exponent - LOG2_ROW_BUCKETS + 1n;
  const bucket = (value >> (exponent - LOG2_ROW_BUCKETS)) - BigInt(ROW_BUCKETS);
  return Number(row) * ROW_BUCKETS + Number(bucket);
}

/** The histogram of a series as it was recorded. */
export function histogramOf(record: {
  readonly count: bigint;
  readonly sum: bigint | undefined;
  readonly min: bigint;
  readonly max: bigint;
  readonly buckets: ReadonlyMap<number, bigint>;
}): Histogram {
  if (record.count === 0n) return EMPTY_HISTOGRAM;
  const buckets = [...record.buckets]
    .filter(([, count]) => count > 0n)
    .sort(([a], [b]) => a - b)
    .map(([index, count]) => ({ index, count, ...bucketBounds(index) }));
  const { count, sum, min, max } = record;
  const fits = count * max < SUM_LIMIT && -count * min < SUM_LIMIT;
  return { count, sum: fits ? sum : undefined, min, max, buckets };
}

/** Sums up to here are exact, of signed and unsigned values alike. */
const SUM_LIMIT = 1n << 63n;

/** The histogram of all values of all the given ones. */
export function mergeHistograms(histograms: readonly Histogram[]): Histogram {
  const filled = histograms.filter((each) => each.count > 0n);
  const [first] = filled;
  if (first === undefined) return EMPTY_HISTOGRAM;
  const buckets = new Map<number, bigint>();
  let { count, min, max } = { ...EMPTY_HISTOGRAM, min: first.min };
  let sum: bigint | undefined = 0n;
  for (const each of filled) {
    count += each.count;
    sum = sum === undefined || each.sum === undefined ? undefined : sum + each.sum;
    if (each.min < min) min = each.min;
    if (each.max > max) max = each.max;
    for (const bucket of each.buckets) buckets.set(bucket.index, (buckets.get(bucket.index) ?? 0n) + bucket.count);
  }
  return histogramOf({ count, sum, min, max, buckets });
}

const QUANTILE_SCALE = 1_000_000n;

/**
 * The `q` quantile (0 < q <= 1, to six decimals) by nearest rank: the value that is the ceil(q * n)-th smallest.
 *
 * The result lies in the bucket of that value, so it is off by at most 12.5 %: the bucket's values are taken as evenly
 * spread between its bounds, cut to [min, max]. The first and the last rank are exact. Undefined when no bucket was kept.
 */
export function quantile(histogram: Histogram, q: number): bigint | undefined {
  invariant(q > 0 && q <= 1, `quantile ${q} is not in (0, 1]`);
  const total = histogram.buckets.reduce((sum, bucket) => sum + bucket.count, 0n);
  if (total === 0n) return undefined;
  const rank = (total * BigInt(Math.round(q * Number(QUANTILE_SCALE))) + QUANTILE_SCALE - 1n) / QUANTILE_SCALE;
  // Exact only when no bucket was dropped: the dropped ones may have held the extreme.
  if (total === histogram.count) {
    if (rank <= 1n) return histogram.min;
    if (rank === total) return histogram.max;
  }
  let before = 0n;
  for (const bucket of histogram.buckets) {
    if (rank <= before + bucket.count) {
      const low = clamp(bucket.low, histogram.min, histogram.max);
      const high = clamp(bucket.high - 1n, histogram.min, histogram.max);
      return low + ((high - low) * (2n * (rank - before) - 1n)) / (2n * bucket.count);
    }
    before += bucket.count;
  }
  return histogram.max;
}

// A snapshot of a running session may hold a bucket that is newer than its min and max: the result stays within both.
const clamp = (value: bigint, low: bigint, high: bigint): bigint => (value < low ? low : value > high ? high : value);
