import assert from "node:assert/strict";
import { test } from "node:test";
import { histogramOf } from "../../src/aggregate/histogram.js";
import { bucketIndex, type Histogram } from "../../src/aggregate/index.js";
import { bar, formatBars, rowBounds, rowCounts, scaleOf, sparkline } from "../../src/export/bars.js";
import { displayWidth } from "../../src/export/index.js";
import { formatNanoseconds } from "../../src/export/units.js";
import { recordSeries, seededRandom } from "../aggregate/recording.js";

const histogram = (durations: readonly bigint[]): Histogram => histogramOf(recordSeries(1, 0, undefined, durations));

/** A spread of the given number of powers of two. */
function spread(seed: number, powers: number): Histogram {
  const random = seededRandom(seed);
  return histogram(Array.from({ length: 300 }, () => BigInt(Math.floor(2 ** (5 + random() * powers)))));
}

test("a bar is as long as its share, to an eighth of a column, and never invisible", () => {
  assert.deepEqual(
    [0n, 1n, 50n, 90n, 100n, 1000n].map((count) => bar(count, 1000n, 10)),
    ["", "▏", "▌", "▉", "█", "██████████"],
  );
  assert.equal(bar(1n, 1_000_000n, 10), "▏");
});

test("a scale has room for every value, in rows that follow each other", () => {
  for (const powers of [0.1, 1, 4, 12, 40]) {
    for (const rows of [1, 7, 20, 40]) {
      const measured = spread(powers * 10 + rows, powers);
      const scale = scaleOf(measured.buckets, rows);
      assert.ok(scale !== undefined && scale.rows <= rows);
      const counts = rowCounts(measured, scale);
      assert.equal(
        counts.reduce((a, b) => a + b, 0n),
        measured.count,
      );
      assert.equal(counts.length, scale.rows);
      const bounds = counts.map((_, row) => rowBounds(scale, row));
      assert.ok((bounds[0]?.low ?? 1n) <= measured.min && (bounds.at(-1)?.high ?? 0n) > measured.max);
      for (const [row, { high }] of bounds.slice(0, -1).entries()) assert.equal(high, bounds[row + 1]?.low);
      assert.ok(displayWidth(sparkline(measured, scale)) <= rows);
    }
  }
});

test("no buckets, no scale and no bars", () => {
  const none = { ...histogram([5n]), buckets: [] };
  assert.equal(scaleOf([], 20), undefined);
  assert.deepEqual(formatBars({ colour: false, width: 80 }, none, [], formatNanoseconds), []);
});

test("bars of the whole range of values fit into 20 rows and into the width", () => {
  const ends = histogram([0n, 1n, 2n ** 64n - 1n]);
  const every = histogram(Array.from({ length: 64 }, (_, power) => 2n ** BigInt(power)));
  for (const measured of [ends, every]) {
    const lines = formatBars({ colour: false, width: 80 }, measured, [{ name: "p50", value: 1n }], formatNanoseconds);
    assert.ok(lines.length <= 20, `${lines.length} lines`);
    assert.deepEqual(
      lines.filter((line) => displayWidth(line) > 80),
      [],
    );
    assert.equal(lines.filter((line) => line.endsWith("p50")).length, 1);
  }
});

test("a run of empty rows is one line, two empty rows are two", () => {
  const at = (index: number): bigint => 8n + BigInt(index);
  const lines = (measured: Histogram) =>
    formatBars({ colour: false, width: 40 }, measured, [], formatNanoseconds).map((line) =>
      line.replace(/[█ ]+/g, " "),
    );
  assert.deepEqual(lines(histogram([at(0), at(3)])), [
    " 8 ns – 9 ns │ 1",
    " 9 ns – 10 ns │ 0",
    "10 ns – 11 ns │ 0",
    "11 ns – 12 ns │ 1",
  ]);
  assert.deepEqual(lines(histogram([at(0), at(4)])), [" 8 ns – 9 ns │ 1", " ⋮", "12 ns – 13 ns │ 1"]);
  assert.equal(bucketIndex(at(4)) - bucketIndex(at(0)), 4);
});

/** Negative values are in the bucket of their magnitude, its index negated. */
function signedHistogram(values: readonly bigint[]): Histogram {
  const buckets = new Map<number, bigint>();
  for (const value of values) {
    const index = value < 0n ? -bucketIndex(-value) : bucketIndex(value);
    buckets.set(index, (buckets.get(index) ?? 0n) + 1n);
  }
  return histogramOf({ ...recordSeries(1, 0, undefined, []), count: BigInt(values.length), buckets });
}

test("linear rows: of one width, no more than 20, every value in the row that its bounds say", () => {
  for (const values of [[0n], [5n, 1000n, 999n], [7n, 8n, 9n], [1n << 62n, 3n], [-1n, -1000n, 12n, 0n], [-5n, -6n]]) {
    const measured = signedHistogram(values);
    const lines = formatBars({ colour: false, width: 200 }, measured, [], String, "linear");
    const rows = lines.flatMap((line) => {
      const [, low = "", high = "", count = ""] = /^ *(-?\d+) – *(-?\d+) │\S* *(\d+)$/.exec(line) ?? [];
      return low === "" ? [] : [{ low: BigInt(low), high: BigInt(high), count: BigInt(count) }];
    });
    assert.ok(rows.length > 0 && lines.length <= 20, lines.join("\n"));
    for (const { low, high, count } of rows) {
      const inside = values.filter((value) => value >= low && value < high);
      assert.equal(count, BigInt(inside.length), `${values}: ${low} to ${high}`);
    }
    assert.equal(
      rows.reduce((sum, { count }) => sum + count, 0n),
      BigInt(values.length),
    );
    // Row -1 ends before 0, which is in row 0.
    const widths = new Set(rows.map(({ low, high }) => high - low + (high === 0n ? 1n : 0n)));
    assert.equal(widths.size, 1, lines.join("\n"));
  }
});
