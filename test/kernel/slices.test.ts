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
  // In parts, for with probes on and other work for the CPUs each may take many seconds.
  const slices = (): number => measuring.session.snapshot().slices.length;
  for (let part = 0; part < 12 || (part < 60 && slices() <= 5); part++) await call(fixture, 3, 250_000);
  const { balance, sampling } = measuring.stop();
  assert.ok(sampling !== undefined && sampling.slices > 5, `${sampling?.slices} slices`);
  assert.equal(balance.panics, 0n);
  assert.equal(balance.discrepancy, 0n);
  // One call of each function may be running when probes come on.
  const running = BigInt(FUNCTIONS.length * sampling.slices);
  assert.ok(balance.unmatchedReturns <= running, `${balance.unmatchedReturns} in ${sampling.slices} slices`);
});

test("the share of time that is told is that in which calls were seen", { skip }, async (t) => {
  using fixture = await startNested();
  using measuring = await start(fixture, 0.01);
  const [size, rounds] = [5, 1500];
  const times: (readonly [begin: bigint, end: bigint])[] = [];
  for (let round = 0; round < rounds; round++) {
    const begin = process.hrtime.bigint();
    await call(fixture, size, 1);
    times.push([begin, process.hrtime.bigint()]);
    await sleep(1);
  }
  const { balance, sampling, durationNs } = measuring.stop();
  assert.ok(sampling !== undefined && sampling.slices > 5, `${sampling?.slices} slices`);
  const { slices } = measuring.session.snapshot();
  assert.equal(slices.length, sampling.slices, "each is still told apart");
  const onNs = slices.reduce((sum, { beginNs, endNs }) => sum + (endNs - beginNs), 0n);
  assert.equal(sampling.share, Number(onNs) / Number(durationNs));
  // Who makes the rounds also begins and ends the slices, one at a time: a round that was made within one was seen.
  const from = measuring.session.clock.monotonicNs;
  const callsOf = (isOne: (begin: bigint, end: bigint) => boolean): bigint =>
    BigInt(times.filter(([begin, end]) => isOne(begin - from, end - from)).length * (1 + size));
  const least = callsOf((begin, end) => slices.some(({ beginNs, endNs }) => begin > beginNs && end < endNs));
  const most = callsOf((begin, end) => slices.some(({ beginNs, endNs }) => begin < endNs && end > beginNs));
  const all = callsOf(() => true);
  const { share, calls } = sampling;
  t.diagnostic(`${share} of the time, ${balance.entries} calls of ${all}, ${least} to ${most}`);
  assert.ok(
    balance.entries > 0n && least <= balance.entries && balance.entries <= most,
    `${least} ${balance.entries} ${most}`,
  );
  assert.ok(
    calls.low <= all && (calls.high === undefined || all <= calls.high),
    `${calls.low} to ${calls.high}: ${all}`,
  );
});
