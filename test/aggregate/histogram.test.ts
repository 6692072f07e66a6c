import assert from "node:assert/strict";
import { test } from "node:test";
import { histogramOf } from "../../src/aggregate/histogram.js";
import {
  bucketBounds,
  bucketIndex,
  EMPTY_HISTOGRAM,
  type Histogram,
  mergeHistograms,
  quantile,
  ROW_BUCKETS,
  ROWS,
} from "../../src/aggregate/index.js";
import { bucketByDefinition, recordSeries, seededRandom } from "./recording.js";

const histogram = (durations: readonly bigint[]): Histogram => histogramOf(recordSeries(1, 0, undefined, durations));

/** Durations over many orders of magnitude. */
function randomDurations(seed: number, count: number): bigint[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => BigInt(Math.floor(2 ** (random() * 45))) - 1n);
}

test("every value is in the bucket that the layout's definition gives it", () => {
  const random = seededRandom(7);
  const edges = Array.from({ length: 64 }, (_, exponent) => 1n << BigInt(exponent));
  const values = [
    ...Array.from({ length: 5000 }, (_, value) => BigInt(value)),
    ...edges.flatMap((edge) => [edge - 1n, edge, edge + 1n]),
    ...Array.from({ length: 5000 }, () => BigInt.asUintN(64, BigInt(Math.floor(2 ** (random() * 64))))),
    (1n << 64n) - 1n,
  ];
  for (const value of values) {
    const { index, low, high } = bucketByDefinition(value);
    assert.deepEqual({ value, index: bucketIndex(value), ...bucketBounds(index) }, { value, index, low, high });
  }
});

test("buckets follow each other without gap, none wider than 12.5 % of its low bound", () => {
  let end = 0n;
  for (let index = 0; index < ROWS * ROW_BUCKETS; index++) {
    const { low, high } = bucketBounds(index);
    assert.equal(low, end);
    assert.ok(low < 8n ? high === low + 1n : (high - low) * 8n <= low, `bucket ${index} is [${low}, ${high})`);
    end = high;
  }
  assert.equal(end, 1n << 64n);
});

test("a bucket or a value outside the layout is an invariant", () => {
  for (const index of [0.5, ROWS * ROW_BUCKETS, -ROWS * ROW_BUCKETS])
    assert.throws(() => bucketBounds(index), /invariant violated/);
  for (const value of [-1n, 1n << 64n]) assert.throws(() => bucketIndex(value), /invariant violated/);
});

test("negative values lie in the bucket of their magnitude", () => {
  assert.deepEqual(bucketBounds(-1), { low: -1n, high: 0n });
  for (const magnitude of [1n, 7n, 8n, 100n, 12_345n, 1n << 62n]) {
    const { low, high } = bucketBounds(-bucketIndex(magnitude));
    assert.ok(low <= -magnitude && -magnitude < high, `${low} <= ${-magnitude} < ${high}`);
  }
});

test("a quantile lies in the bucket of the value of that rank, and within min and max", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const durations = randomDurations(seed, 1 + ((seed * 37) % 700));
    const sorted = [...durations].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    const measured = histogram(durations);
    for (const q of [0.001, 0.1, 0.5, 0.75, 0.9, 0.99, 0.999, 1]) {
      const rank = Math.ceil(Number((sorted.length * q).toFixed(6)));
      const truth = sorted[rank - 1] ?? -1n;
      const { low, high } = bucketByDefinition(truth);
      const value = quantile(measured, q) ?? -1n;
      assert.ok(value >= low && value < high, `seed ${seed}, q ${q}: ${value} is not in [${low}, ${high})`);
      assert.ok(value >= measured.min && value <= measured.max, `seed ${seed}, q ${q}: ${value} is beyond an extreme`);
    }
  }
});

test("quantiles rise with q", () => {
  const measured = histogram(randomDurations(99, 400));
  const values = Array.from({ length: 1000 }, (_, step) => quantile(measured, (step + 1) / 1000) ?? -1n);
  assert.deepEqual(
    values,
    [...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)),
  );
});

test("a constant is each of its quantiles; the extremes are exact", () => {
  const constant = histogram(new Array<bigint>(50).fill(123_456_789n));
  assert.deepEqual(
    [0.01, 0.5, 0.999, 1].map((q) => quantile(constant, q)),
    new Array<bigint>(4).fill(123_456_789n),
  );
  const three = histogram([1_000_003n, 5n, 77_777n]);
  assert.deepEqual([quantile(three, 0.1), quantile(three, 1)], [5n, 1_000_003n]);
});

test("without buckets there are no quantiles; with some dropped the rest is used", () => {
  assert.equal(quantile(EMPTY_HISTOGRAM, 0.5), undefined);
  assert.equal(quantile({ ...histogram([5n, 6n]), buckets: [] }, 0.5), undefined);
  const record = recordSeries(1, 0, undefined, [2n, 3n, 3n, 1_000_000n]);
  const buckets = new Map([...record.buckets].filter(([index]) => index !== bucketIndex(1_000_000n)));
  assert.equal(quantile(histogramOf({ ...record, buckets }), 1), 3n);
});

test("a bucket newer than the extremes does not push a quantile beyond them", () => {
  const torn: Histogram = { ...histogram([100n, 100n, 1000n]), min: 100n, max: 100n };
  assert.deepEqual(
    [0.3, 0.9, 1].map((q) => quantile(torn, q)),
    [100n, 100n, 100n],
  );
});

test("merged histograms are the histogram of all values", () => {
  const parts = [1, 2, 3, 4].map((seed) => randomDurations(seed, 100 * seed));
  assert.deepEqual(mergeHistograms([EMPTY_HISTOGRAM, ...parts.map(histogram)]), histogram(parts.flat()));
  assert.deepEqual(mergeHistograms([]), EMPTY_HISTOGRAM);
});
