import assert from "node:assert/strict";
import { test } from "node:test";

import { gsStats } from "../../src/abi/index.js";
import { UnmeasurableError } from "../../src/base/index.js";
import type { PlannedProbe, ProbePlan } from "../../src/probes/index.js";
import { kernelMemory, seriesRoom } from "../../src/session/capacities.js";
import { fixturePath } from "../fixture.js";
import { planner } from "../kernel/measuring.js";

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

const KEEPS = [
  { histogram: true, stacks: false, events: false },
  { histogram: false, stacks: true, events: false },
  { histogram: false, stacks: true, events: true },
] as const;

/** LIMIT: as README.md says it. */
const MOST: Readonly<Record<number, number>> = { 2: 400, 16: 600, 128: 800 };
const MEBIBYTE = 1024 * 1024;

test("a run's maps are bounded however many CPUs there are, and functions", async () => {
  const planned = await planner({ kind: "exe", path: fixturePath("store", "1.27", "plain") });
  const plan = planned({ probes: ["main.(*Store).Lookup"], by: ["tenant", "key", "len(key)"] });
  const [lookup] = plan.probes;
  assert.ok(lookup !== undefined);
  const probes: readonly PlannedProbe[] = Array.from({ length: 20_000 }, () => lookup);
  const many: ProbePlan = { ...plan, probes };
  for (const [machine, most] of Object.entries(MOST)) {
    const cpus = Number(machine);
    for (const keep of KEEPS) {
      for (const each of [plan, many]) {
        const bytes = kernelMemory(each, keep, cpus);
        assert.ok(bytes !== undefined && bytes < most * MEBIBYTE, `${JSON.stringify(keep)}, ${cpus} CPUs: ${bytes}`);
      }
    }
  }
  assert.equal(kernelMemory(many, KEEPS[0], 1024), undefined, "their totals alone take too much");
});
