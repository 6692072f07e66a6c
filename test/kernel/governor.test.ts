/**
 * The governor on a program that turns from idle to as many calls as its CPUs can make, hundreds of millions a second. What
 * a hit costs is what the program's own CPU time says of a run without governor; what it paid, the programs' own counts.
 *
 * The session is this process', which has real-time priority where a bound is tested: see governor-pace.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { findProcessCpuTime } from "../../src/kernel/index.js";
import type { Session } from "../../src/session/index.js";
import { type Fixture, fixturePath, startFixture } from "../fixture.js";
import { start } from "./cli.js";
import { Measuring, planner, withoutKernel } from "./measuring.js";

const LIMIT = 0.03;
const LOOK_MS = 50;

interface Look {
  readonly ns: bigint;
  readonly hits: bigint;
}

const program = fixturePath("busy", "1.27", "plain");

function cpuOf(pid: number): bigint {
  const used = findProcessCpuTime(pid);
  assert.ok(used !== undefined);
  return used;
}

async function round(fixture: Fixture): Promise<{ readonly calls: number; readonly cpuNs: number }> {
  const before = cpuOf(fixture.pid);
  fixture.send("go");
  const { calls } = JSON.parse(await fixture.nextLine()) as { readonly calls: number };
  return { calls, cpuNs: Number(cpuOf(fixture.pid) - before) };
}

async function planOf(fixture: Fixture) {
  return (await planner({ kind: "pid", pid: fixture.pid }))({ probes: ["main.Frame"], by: ["n"] });
}

/** Nanoseconds of the program's CPU time that a hit takes. */
async function priceOfHit(): Promise<number> {
  using fixture = await startFixture(program, ["-n", "100000"]);
  const bare = await round(fixture);
  using measuring = await Measuring.start(await planOf(fixture), { kind: "pid", pid: fixture.pid });
  const probed = await round(fixture);
  const { cost } = measuring.stop();
  return (probed.cpuNs - bare.cpuNs) / Number(cost.hits);
}

/** Has this process, and the threads that it makes from now on, wait for nobody. */
const goFirst = (): void => void execFileSync("chrt", ["--all-tasks", "--rr", "--pid", "1", `${process.pid}`]);
const goWithTheRest = (): void => void execFileSync("chrt", ["--all-tasks", "--other", "--pid", "0", `${process.pid}`]);

/** Looks at a run until `over`. */
async function watch(session: Session, over: Promise<unknown>): Promise<readonly Look[]> {
  const looks: Look[] = [];
  let isOver = false;
  void over.then(() => {
    isOver = true;
  });
  while (!isOver) {
    looks.push({ ns: process.hrtime.bigint(), hits: session.progress().hits });
    await sleep(LOOK_MS);
  }
  return looks;
}

/** The most hits between two looks that are a second apart at most. */
function worstSecond(looks: readonly Look[]): number {
  let worst = 0n;
  let from = 0;
  for (const { ns, hits } of looks) {
    while (ns - (looks[from]?.ns ?? ns) > 1_000_000_000n) from++;
    const paid = hits - (looks[from]?.hits ?? hits);
    if (paid > worst) worst = paid;
  }
  return Number(worst);
}

for (const goroutines of [1, 2]) {
  test(`a burst on ${goroutines} CPUs costs no second more than twice the limit`, {
    skip: withoutKernel,
  }, async (t) => {
    const price = await priceOfHit();
    using fixture = await startFixture(program, ["-n", "1500000000", "-goroutines", `${goroutines}`]);
    const plan = await planOf(fixture);
    // The program is there already, and has no part in it.
    goFirst();
    t.after(goWithTheRest);
    using measuring = await Measuring.start(plan, { kind: "pid", pid: fixture.pid }, { maxOverhead: LIMIT });
    await sleep(500);
    const burst = round(fixture);
    const looks = await watch(measuring.session, burst);
    const { calls, cpuNs } = await burst;
    const { balance, cost, sampling, series, durationNs } = measuring.stop();
    assert.ok(calls === 1_500_000_000 * goroutines && cpuNs > 1e9);
    const worst = worstSecond(looks) * price;
    assert.ok(worst <= 2 * LIMIT * 1e9 * goroutines, `${worst / 1e6} ms of a second, at ${price} ns a hit`);
    // Of the whole run, the limit, what had been saved up, and what passes until the last slice is over.
    const allowed = LIMIT * (Math.max(cpuNs, Number(durationNs)) + 1e9);
    assert.ok(Number(cost.hits) * price <= allowed, `${cost.hits} hits at ${price} ns`);
    // It has looked more than once, and says so; what it says is true of a number that it cannot know.
    assert.ok(sampling !== undefined && sampling.slices > 1, `${sampling?.slices} slices`);
    assert.ok(sampling.share > 0 && sampling.share < 1);
    assert.ok(sampling.calls.low <= BigInt(calls));
    assert.ok(sampling.calls.high === undefined || sampling.calls.high >= BigInt(calls));
    assert.equal(balance.discrepancy, 0n);
    assert.ok(balance.entries > 0n);
    assert.equal(
      series.reduce((sum, { histogram }) => sum + histogram.count, 0n),
      balance.returns,
    );
  });
}

test("a run that stays within the limit is whole", { skip: withoutKernel }, async () => {
  using fixture = await startFixture(program, ["-n", "100"]);
  const plan = await planOf(fixture);
  using measuring = await Measuring.start(plan, { kind: "pid", pid: fixture.pid }, { maxOverhead: LIMIT });
  for (let n = 0; n < 3; n++) {
    await round(fixture);
    await sleep(600);
  }
  const { balance, sampling } = measuring.stop();
  assert.equal(sampling, undefined);
  assert.equal(balance.returns, 300n);
});

test("a sampled run says so, in text and in JSON, and its books balance", { skip: withoutKernel }, async () => {
  using fixture = await startFixture(program, ["-n", "500000000"]);
  const run = start(["hist", "-p", `${fixture.pid}`, "main.Frame", "--max-overhead", "1%", "-d", "3s", "--json"]);
  await run.said(/^measuring/m);
  await round(fixture);
  const { stdout, stderr, status } = await run.outcome;
  assert.equal(status, 0, stderr);
  const { sampling, balance } = JSON.parse(stdout) as {
    readonly sampling: {
      readonly share: number;
      readonly slices: number;
      readonly estimatedCalls: { readonly low: number };
    };
    readonly balance: Readonly<Record<string, number>>;
  };
  assert.ok(sampling.share < 1 && sampling.slices >= 1);
  const { entries = 0, returns = 0, panics = 0, goexits = 0, open = 0, lost = 0 } = balance;
  assert.equal(entries, returns + panics + goexits + open + lost);
  assert.ok(sampling.estimatedCalls.low >= returns);
  assert.match(
    stderr,
    /^sampled: probes were on .* of the time, in \d+ slices, to cost no more than --max-overhead: /m,
  );
});
