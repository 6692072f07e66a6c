import assert from "node:assert/strict";
import { test } from "node:test";
import { UnmeasurableError } from "../../src/base/index.js";
import { seriesRoom } from "../../src/session/programs.js";

const MEMORY = 256 * 1024 * 1024;
const TOTALS_BYTES = 32;

test("the totals of all series take no more than 256 MiB, however many CPUs there are", () => {
  assert.deepEqual(
    [1, 2, 128, 1024, 8192].map((cpus) => seriesRoom(100, 10_000, cpus)),
    [10_000, 10_000, 10_000, 8092, 924],
  );
  for (const cpus of [1, 3, 448, 8192]) {
    const series = 100 + seriesRoom(100, Number.MAX_SAFE_INTEGER, cpus);
    assert.ok(series * TOTALS_BYTES * cpus <= MEMORY && (series + 1) * TOTALS_BYTES * cpus > MEMORY);
  }
});

test("functions whose own totals take more than that are refused", () => {
  assert.equal(seriesRoom(8192, 10_000, 1024), 0);
  assert.throws(
    () => seriesRoom(8193, 0, 1024),
    (error) =>
      error instanceof UnmeasurableError &&
      error.code === "too-many-functions" &&
      error.message === "8,193 functions: their totals on 1,024 CPUs take 256 MiB, and a run may take 256 MiB" &&
      error.hint === "measure 8,192 at once, or fewer",
  );
});
