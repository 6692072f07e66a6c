import assert from "node:assert/strict";
import { test } from "node:test";
import { gsStats } from "../../src/abi/index.js";
import { UnmeasurableError } from "../../src/base/index.js";
import { seriesRoom } from "../../src/session/programs.js";

const MEMORY = 256 * 1024 * 1024;
const TOTALS_BYTES = gsStats.size;

/** Series that have room on so many CPUs. */
const most = (cpus: number): number => Math.floor(MEMORY / (TOTALS_BYTES * cpus));

test("the totals of all series take no more than 256 MiB, however many CPUs there are", () => {
  assert.deepEqual(
    [1, 2, 128, 1024, 8192].map((cpus) => seriesRoom(100, 10_000, cpus)),
    [10_000, 10_000, 10_000, most(1024) - 100, most(8192) - 100],
  );
  assert.equal(seriesRoom(100, 0, 2), 0);
});

test("functions whose own totals take more than that are refused", () => {
  const room = most(1000);
  assert.equal(seriesRoom(room, 10_000, 1000), 0);
  assert.throws(
    () => seriesRoom(2 * room, 0, 1000),
    (error) =>
      error instanceof UnmeasurableError &&
      error.code === "too-many-functions" &&
      /^[\d,]+ functions: their totals on 1,000 CPUs take 512 MiB, and a run may take 256 MiB$/.test(error.message) &&
      error.hint === `measure ${room.toLocaleString("en-US")} at once, or fewer`,
  );
});
