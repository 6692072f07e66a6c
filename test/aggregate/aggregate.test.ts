import assert from "node:assert/strict";
import { test } from "node:test";
import { type Aggregate, aggregate, type Dimension, type RecordBatch } from "../../src/aggregate/index.js";
import { EMPTY_BATCH, number, recordSeries, text } from "./recording.js";

const TENANT: Dimension = { name: "tenant", encoding: { kind: "string" } };
const SIZE: Dimension = { name: "size", encoding: { kind: "integer", signed: true, size: 8 } };

/** Series as `function: values = count / sum`. */
const summary = ({ series }: Aggregate): readonly string[] =>
  series.map((each) => {
    const key = each.by === undefined ? "other" : each.by.map((value) => value.text).join("|");
    return `${each.function}: ${key} = ${each.histogram.count} / ${each.histogram.sum}`;
  });

test("series: keys decoded, those without calls left out, longest total first", () => {
  const batch: RecordBatch = {
    ...EMPTY_BATCH,
    series: [
      recordSeries(0, 0, undefined, [7n]),
      recordSeries(1, 1, undefined, []),
      recordSeries(2, 0, [text("b"), number(10n)], [50n, 50n]),
      recordSeries(3, 0, [text("b"), number(9n)], [100n]),
      recordSeries(4, 1, [text("a"), { status: "nil" }], [100n]),
      recordSeries(5, 0, [text("slow"), number(-1n)], [1000n, 1n]),
    ],
  };
  const results = aggregate(batch, {
    functions: ["f", "g"],
    dimensions: [TENANT, SIZE],
    measure: { kind: "duration" },
  });
  assert.deepEqual(summary(results), [
    "f: slow|-1 = 2 / 1001",
    "f: b|10 = 2 / 100",
    "f: b|9 = 1 / 100",
    "g: a|(unreadable: nil pointer) = 1 / 100",
    "f: other = 1 / 7",
  ]);
  const reversed = aggregate(
    { ...batch, series: [...batch.series].reverse() },
    { functions: ["f", "g"], dimensions: [TENANT, SIZE], measure: { kind: "duration" } },
  );
  assert.deepEqual(reversed, results);
});

test("without dimensions a probe's own series is all its calls, not the other series", () => {
  const batch = { ...EMPTY_BATCH, series: [recordSeries(0, 0, undefined, [7n, 8n])] };
  assert.deepEqual(summary(aggregate(batch, { functions: ["f"], dimensions: [], measure: { kind: "duration" } })), [
    "f:  = 2 / 15",
  ]);
});

test("records that contradict the plan are an invariant", () => {
  const ofProbe = (probe: number, values: readonly never[] | undefined) => () =>
    aggregate(
      { ...EMPTY_BATCH, series: [recordSeries(0, probe, values, [1n])] },
      { functions: ["f"], dimensions: [TENANT], measure: { kind: "duration" } },
    );
  assert.throws(ofProbe(1, undefined), /probe 1, which the plan does not have/);
  assert.throws(ofProbe(0, []), /no value for tenant/);
});

test("the balance shows what does not add up", () => {
  const balance = {
    entries: 10n,
    returns: 4n,
    panics: 3n,
    goexits: 1n,
    open: 1n,
    unmatchedReturns: 9n,
    lost: 1n,
    counted: 0n,
    filtered: 0n,
    undecided: 0n,
  };
  const discrepancyOf = (entries: bigint) =>
    aggregate(
      { ...EMPTY_BATCH, balance: { ...balance, entries } },
      { functions: [], dimensions: [], measure: { kind: "duration" } },
    ).balance.discrepancy;
  assert.deepEqual([10n, 12n, 9n].map(discrepancyOf), [0n, 2n, -1n]);
});

test("cost: the share of the target's CPU time, where both are known", () => {
  const shareOf = (nsPerHit: number | undefined, targetCpuNs: bigint | undefined) =>
    aggregate(
      { ...EMPTY_BATCH, cost: { hits: 1000n, nsPerHit, targetCpuNs } },
      { functions: [], dimensions: [], measure: { kind: "duration" } },
    ).cost.shareOfTarget;
  assert.equal(shareOf(600, 60_000_000n), 0.01);
  assert.equal(shareOf(600, 600_000n), 1);
  const unknown = [shareOf(undefined, 1n), shareOf(600, undefined), shareOf(600, 0n)];
  // More than all of it: the two measurements contradict.
  assert.deepEqual([...unknown, shareOf(600, 1000n)], [undefined, undefined, undefined, undefined]);
});

test("samples: joined with their stacks, equal ones merged, ordered with their series", () => {
  const batch: RecordBatch = {
    ...EMPTY_BATCH,
    series: [recordSeries(0, 0, [text("fast")], [5n]), recordSeries(1, 0, [text("slow")], [900n, 50n, 25n, 25n])],
    samples: [
      { series: 0, stack: 2n, count: 1n, sum: 5n },
      { series: 1, stack: undefined, count: 1n, sum: 50n },
      { series: 1, stack: 3n, count: 1n, sum: 25n },
      { series: 1, stack: 1n, count: 1n, sum: 900n },
      { series: 1, stack: 4n, count: 1n, sum: 25n },
      { series: 1, stack: 1n, count: 0n, sum: 0n },
      { series: 7, stack: 1n, count: 1n, sum: 1n },
    ],
    stacks: [
      { id: 1n, frames: [10, 20], truncated: false },
      { id: 2n, frames: [10, 30], truncated: true },
      { id: 3n, frames: [10, 20], truncated: false },
    ],
  };
  const results = aggregate(batch, { functions: ["f"], dimensions: [TENANT], measure: { kind: "duration" } });
  assert.deepEqual(
    results.samples.map(({ series, ...rest }) => ({ ...rest, tenant: series.by?.[0]?.text })),
    [
      { tenant: "slow", frames: [10, 20], truncated: false, count: 2n, sum: 925n },
      { tenant: "slow", frames: [], truncated: false, count: 2n, sum: 75n },
      { tenant: "fast", frames: [10, 30], truncated: true, count: 1n, sum: 5n },
    ],
  );
});
