/** Numbers as people read them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatMean } from "../../src/export/units.js";

test("a mean of plain numbers is no whole number", () => {
  const measure = { kind: "value", name: "n", signed: true, unit: "value" } as const;
  const means: readonly (readonly [bigint, bigint])[] = [
    [893n, 100n],
    [1n, 2n],
    [-5n, 10n],
    [0n, 3n],
    [8n, 1n],
    [99_960n, 1000n],
    [123_456n, 100n],
  ];
  assert.deepEqual(
    means.map(([sum, count]) => formatMean(sum, count, measure)),
    ["8.93", "0.5", "-0.5", "0", "8", "100", "1,235"],
  );
});

test("a mean of times has a unit", () => {
  assert.deepEqual(
    ([{ kind: "duration" }, { kind: "value", name: "d", signed: true, unit: "ns" }] as const).map((measure) =>
      formatMean(4_003n, 2n, measure),
    ),
    ["2.00 µs", "2.00 µs"],
  );
});
