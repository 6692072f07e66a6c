/** Runs whose probes rest and come back while calls within calls go on: nothing is told of them that isn't so. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Fixture, startFixture } from "../fixture.js";
import { Measuring, planner, withoutKernel } from "./measuring.js";
import { buildProgram } from "./subject.js";

const skip = withoutKernel;
/** The one that is called first: what comes off first is what would be missed. */
const FUNCTIONS = ["main.Inner", "main.Outer"];

const startNested = (): Promise<Fixture> =>
  startFixture(buildProgram("nested", { go: "1.27", mode: "exe", name: "nested" }));

/** So many calls of Outer, of `size` calls each. */
async function call(fixture: Fixture, size: number, times: number): Promise<void> {
  fixture.send(`outer ${size} ${times}`);
  await fixture.nextMessage();
}

async function start(fixture: Fixture, maxOverhead: number): Promise<Measuring> {
  const target = { kind: "pid", pid: fixture.pid } as const;
  const plan = (await planner(target))({ probes: FUNCTIONS });
  return await Measuring.start(plan, target, { maxOverhead });
}

test("calls that return are not taken for panics when their probes go", { skip }, async () => {
  using fixture = await startNested();
  using measuring = await start(fixture, 0.2);
  await call(fixture, 3, 3_000_000);
  const { balance, sampling } = measuring.stop();
  assert.ok(sampling !== undefined && sampling.slices > 5, `${sampling?.slices} slices`);
  assert.equal(balance.panics, 0n);
  assert.equal(balance.discrepancy, 0n);
  // One call of each function may be running when probes come on.
  const running = BigInt(FUNCTIONS.length * sampling.slices);
  assert.ok(balance.unmatchedReturns <= running, `${balance.unmatchedReturns} in ${sampling.slices} slices`);
});

test("the share of time that was seen is the share of calls that were, at an even pace", { skip }, async (t) => {
  using fixture = await startNested();
  using measuring = await start(fixture, 0.01);
  const [size, rounds] = [5, 1500];
  for (let round = 0; round < rounds; round++) {
    await call(fixture, size, 1);
    await sleep(1);
  }
  const { balance, sampling } = measuring.stop();
  assert.ok(sampling !== undefined && sampling.slices > 5, `${sampling?.slices} slices`);
  const all = BigInt(rounds * (1 + size));
  const { share, calls } = sampling;
  const seen = Number(balance.entries) / Number(all);
  t.diagnostic(`${share} of the time, ${seen} of the calls; ${calls.low} to ${calls.high}, and there were ${all}`);
  assert.ok(Math.abs(seen - share) < share / 3, `${share} of the time, ${seen} of the calls`);
  assert.ok(
    calls.low <= all && (calls.high === undefined || all <= calls.high),
    `${calls.low} to ${calls.high}: ${all}`,
  );
});
