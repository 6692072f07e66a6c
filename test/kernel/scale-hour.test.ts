/**
 * What an hour brings, in a minute: processes, threads and goroutines come and go by the thousand, each with what the maps keep of
 * it, and the times at which a run looks for those that have ended come as fast as the test says. There is room for far fewer
 * than there will be: what nobody forgot would be lost calls. And this process holds no more in the end than in the middle.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { startFixture } from "../fixture.js";
import { Measuring, planner, withoutKernel } from "./measuring.js";
import { cFunction, command, Native } from "./nests.js";
import { balance, startSubject, subjectPath, tell } from "./subject.js";

const options = { skip: withoutKernel };
/** One a second. */
const PROCESSES = 3600;
const CALLS = 20;
/** Records of a run: fewer than there will be of anything. */
const ROOM = 64;
/** A sweep is due: EndedProcesses looks every two seconds. */
const SWEEP_MS = 2000;
/** LIMIT: what this process may hold more in the end than after a third of the time: what the engine compiles meanwhile. */
const GROWTH_BYTES = 2e6;

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

/** Bytes that something still refers to. What a collection has only marked as unused goes in the next turn of the loop. */
async function held(): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    collectGarbage();
    await nextTurn();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Does it so often, and shows that nothing is left of each time but what is counted. */
async function repeat(t: TestContext, times: number, act: () => Promise<void>): Promise<void> {
  let settled = 0;
  let most = 0;
  for (let done = 1; done <= times; done++) {
    await act();
    if (done === Math.ceil(times / 3)) settled = await held();
    else if (settled > 0 && done % Math.ceil(times / 9) === 0) most = Math.max(most, await held());
  }
  const grown = Math.max(most, await held()) - settled;
  t.diagnostic(`${times} times: ${grown >> 10} KiB more`);
  assert.ok(grown < GROWTH_BYTES, `${grown} bytes more`);
}

test(`${PROCESSES} processes that come and go take no more room than those that live`, options, async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const path = subjectPath("plain");
  const target = { kind: "exe", path } as const;
  const plan = (await planner(target))({ probes: ["main.Step"], by: ["n"] });
  using measuring = await Measuring.start(plan, target, { capacities: { goroutines: ROOM } });
  await repeat(t, PROCESSES / 10, async () => {
    for (let made = 0; made < 10; made++) {
      const child = spawn(path, ["once", "-calls", String(CALLS)], { stdio: "ignore" });
      await once(child, "close");
    }
    t.mock.timers.tick(SWEEP_MS);
  });
  const results = measuring.stop();
  assert.deepEqual(results.balance, balance({ returns: BigInt(PROCESSES * CALLS) }));
});

test(
  "threads that come and go take no more room than those that live, whether they return or not",
  options,
  async (t) => {
    t.mock.timers.enable({ apis: ["setInterval"] });
    using native = await Native.build("-pie");
    using fixture = await startFixture(native.path);
    const plan = native.plan([cFunction(native, "work", 0), cFunction(native, "quitter", 1)]);
    const target = { kind: "pid", pid: fixture.pid } as const;
    using measuring = await Measuring.start(plan, target, { capacities: { goroutines: ROOM } });
    const [rounds, returning, leaving] = [90, 24, 16];
    await repeat(t, rounds, async () => {
      await command(fixture, `threads ${returning} ${CALLS}`);
      await command(fixture, `exits ${leaving}`);
      t.mock.timers.tick(SWEEP_MS);
    });
    assert.ok(rounds * (returning + leaving) >= PROCESSES);
    // What a thread leaves open as it ends stays so.
    const counts = { returns: BigInt(rounds * returning * CALLS), open: BigInt(rounds * leaving) };
    assert.deepEqual(measuring.stop().balance, balance(counts));
    await fixture.stop();
  },
);

test(`${PROCESSES} threads of a Go program, one after the other`, options, async (t) => {
  using subject = await startSubject("plain");
  const target = { kind: "pid", pid: subject.pid } as const;
  const plan = (await planner(target))({ probes: ["main.Step"], by: ["n"] });
  using measuring = await Measuring.start(plan, target, { capacities: { goroutines: ROOM } });
  const [rounds, threads] = [36, PROCESSES / 36];
  await repeat(t, rounds, async () => {
    const made = await tell(subject, `threads ${threads} ${CALLS}`);
    assert.equal(made["threads"], threads);
    measuring.session.snapshot();
  });
  assert.deepEqual(measuring.stop().balance, balance({ returns: BigInt(PROCESSES * CALLS) }));
  await subject.stop();
});

/** So many at once, and each time others. */
const CROWD = 1000;
const CROWDS = 120;

for (const keep of ["counts", "events"] as const) {
  test(`${CROWD * CROWDS} goroutines, ${CROWD} at a time: ${keep}`, options, async (t) => {
    using subject = await startSubject("plain");
    const target = { kind: "pid", pid: subject.pid } as const;
    const plan = (await planner(target))({ probes: ["main.Step"], by: ["n"] });
    using measuring = await Measuring.start(plan, target, {
      keep: { histogram: keep === "counts", stacks: false, events: keep === "events" },
      capacities: { goroutines: 2 * CROWD, captures: 2 * CROWD },
    });
    let events = 0;
    await repeat(t, CROWDS, async () => {
      // As many values as goroutines: the same ones each time.
      await tell(subject, `crowd ${CROWD} 0 ${CROWD}`);
      events += measuring.session.drain().length;
      measuring.session.snapshot();
    });
    const { balance: books } = measuring.stop();
    assert.deepEqual(books, balance({ returns: BigInt(CROWD * CROWDS) }));
    assert.equal(events, keep === "events" ? CROWD * CROWDS : 0);
    await subject.stop();
  });
}
