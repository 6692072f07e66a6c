/**
 * `--net` against a program's own clock: it times its calls without probes, which is the truth; with probes, durations that are
 * net of probe time must be nearer to it than those that are not.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { quantile, resolutionOf } from "../../src/aggregate/index.js";
import { canDoReturns } from "../../src/bpf/index.js";
import { Subject } from "../../src/commands/subject.js";
import type { ProbePlan } from "../../src/probes/index.js";
import { openTarget, Session, type SessionOptions } from "../../src/session/index.js";
import { checkout, type Fixture, startFixture } from "../fixture.js";
import { gospect, histOf, start } from "./cli.js";
import { Measuring, planner, withoutKernel } from "./measuring.js";
import { buildProgram } from "./subject.js";

const skip = withoutKernel;

const program = (): string => buildProgram("nested", { go: "1.27", mode: "exe", name: "nested" });

/** Calls of each round: their median is compared. */
const TIMES = 200;

/** Nanoseconds of a call, by the program's own clock. */
async function ask(fixture: Fixture, what: string, size: number): Promise<number> {
  fixture.send(`${what} ${size} ${TIMES}`);
  return (await fixture.nextMessage<{ readonly medianNs: number }>()).medianNs;
}

/** Without probes; the least of some, for whatever else the machine does only adds to it. */
async function askTruth(fixture: Fixture, what: string, size: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) least = Math.min(least, await ask(fixture, what, size));
  return least;
}

interface Medians {
  readonly truth: number;
  readonly gross: number;
  readonly net: number;
}

function requireNearer(t: TestContext, what: string, { truth, gross, net }: Medians): void {
  const line = `${what}: truth ${Math.round(truth)} ns, gross ${gross} ns, net ${net} ns`;
  t.diagnostic(line);
  assert.ok(Math.abs(net - truth) < Math.abs(gross - truth), line);
}

type Options = Pick<SessionOptions, "net" | "attachMode" | "loops">;

/** Medians by function, or by the one value that calls are told apart by. */
async function measured(
  fixture: Fixture,
  plan: ProbePlan,
  load: () => Promise<unknown>,
  options: Options,
): Promise<ReadonlyMap<unknown, number>> {
  using measuring = await Measuring.start(plan, { kind: "pid", pid: fixture.pid }, options);
  await load();
  const { series, balance, cost } = measuring.stop();
  assert.equal(balance.discrepancy, 0n);
  assert.equal(cost.net !== undefined, options.net);
  return new Map(
    series.map(({ function: name, by, histogram }) => [
      by?.[0]?.json ?? name,
      Number(quantile(histogram, 0.5) ?? Number.NaN),
    ]),
  );
}

const at = (medians: ReadonlyMap<unknown, number>, key: unknown): number => medians.get(key) ?? Number.NaN;

/** The same program in both languages: what starts it, and the names of its two functions. */
const LANGUAGES = {
  Go: { build: program, outer: "main.Outer", inner: "main.Inner" },
  C: { build: programInC, outer: "c:outer", inner: "c:inner" },
} as const;

function programInC(): string {
  const path = join(checkout, "build", "subject", "nested-c");
  mkdirSync(join(checkout, "build", "subject"), { recursive: true });
  execFileSync("cc", ["-O2", "-o", path, join(checkout, "test", "kernel", "nested-c", "main.c")]);
  return path;
}

/** Nothing else is to run in its place while it measures itself: what other programs take is nobody's probe time. */
function putFirst({ pid }: Fixture): void {
  execFileSync("chrt", ["--all-tasks", "--fifo", "--pid", "1", String(pid)]);
}

/** The median of a function's calls, and how far off the run says it may be. */
async function medianOf(
  fixture: Fixture,
  plan: ProbePlan,
  name: string,
  load: () => Promise<unknown>,
  options: Options,
): Promise<{ readonly median: number; readonly resolution: number }> {
  using measuring = await Measuring.start(plan, { kind: "pid", pid: fixture.pid }, options);
  await load();
  const { series, balance, cost } = measuring.stop();
  assert.equal(balance.discrepancy, 0n);
  const own = series.find(({ function: one }) => one === name);
  assert.ok(own !== undefined, `${name} is in no series of ${series.map(({ function: one }) => one)}`);
  const median = Number(quantile(own.histogram, 0.5));
  return { median, resolution: Number(resolutionOf(own, cost.net) ?? 0n) };
}

for (const [language, { build, outer, inner }] of Object.entries(LANGUAGES)) {
  for (const mode of ["uprobe-multi", "perf-event"] as const) {
    test(`a caller of measured calls, in ${language}: ${mode}`, { skip }, async (t) => {
      using fixture = await startFixture(build());
      putFirst(fixture);
      const plan = await tracePlan(fixture, [outer, inner]);
      for (const size of [1, 10, 100]) {
        const load = (): Promise<number> => ask(fixture, "outer", size);
        const truth = await askTruth(fixture, "outer", size);
        const gross = await medianOf(fixture, plan, outer, load, { net: false, attachMode: mode });
        const net = await medianOf(fixture, plan, outer, load, { net: true, attachMode: mode });
        requireNearer(t, `a caller of ${size}`, { truth, gross: gross.median, net: net.median });
        // How exact it is depends on what traps take here and in the program, which differs from machine to machine.
        const off = Math.round(Math.abs(net.median - truth));
        t.diagnostic(`a caller of ${size}: ${off} ns off, said to be ${net.resolution} at most`);
        const grossInner = await medianOf(fixture, plan, inner, load, { net: false, attachMode: mode });
        const netInner = await medianOf(fixture, plan, inner, load, { net: true, attachMode: mode });
        requireNearer(t, `one of ${size}`, { truth: truth / size, gross: grossInner.median, net: netInner.median });
      }
    });
  }
}

for (const loops of [undefined, "never"] as const) {
  // Deeper than what is kept beside a goroutine's record.
  const depth = 20;
  test(`calls in each other, ${depth} deep${loops === undefined ? "" : ", without bpf_loop"}`, { skip }, async (t) => {
    using fixture = await startFixture(program());
    const plan = (await planner({ kind: "pid", pid: fixture.pid }))({ probes: ["main.Recursive"], by: ["depth"] });
    const load = (): Promise<number> => ask(fixture, "recursive", depth);
    const options = loops === undefined ? {} : { loops };
    const truths: number[] = [];
    for (let level = 0; level <= depth; level++) truths.push(await askTruth(fixture, "recursive", level));
    const gross = await measured(fixture, plan, load, { ...options, net: false });
    const net = await measured(fixture, plan, load, { ...options, net: true });
    for (const [level, truth] of truths.entries()) {
      requireNearer(t, `depth ${level}`, { truth, gross: at(gross, level), net: at(net, level) });
    }
  });
}

async function tracePlan(fixture: Fixture, probes: readonly string[]): Promise<ProbePlan> {
  using subject = await Subject.open({ kind: "pid", pid: fixture.pid });
  const target = { kind: "pid", pid: fixture.pid } as const;
  const common = { target, json: false, quiet: true, verbose: false, output: undefined, symbols: undefined };
  const request = { ...common, probes, by: [], of: undefined, where: undefined, show: [], signatures: [] };
  return await subject.plan(request, "measure", "values");
}

/** Median durations of events, by probe. */
async function traced(
  fixture: Fixture,
  plan: ProbePlan,
  load: () => Promise<unknown>,
  net: boolean,
): Promise<ReadonlyMap<unknown, number>> {
  const keep = { histogram: false, stacks: false, events: true };
  using session = await Session.open(plan, openTarget({ kind: "pid", pid: fixture.pid }), { keep, net });
  await load();
  session.stop();
  const events = session.drain();
  return new Map(
    plan.probes.map(({ name }, number) => {
      const took = events.filter(({ probe }) => probe === number).map(({ start, end }) => Number(end - start));
      took.sort((a, b) => a - b);
      return [name, took[took.length >> 1] ?? Number.NaN];
    }),
  );
}

test("calls of a C function for whose thread there is no account are lost", { skip }, async () => {
  using fixture = await startFixture(programInC());
  const plan = await tracePlan(fixture, ["c:inner"]);
  // Of the nest; the account would be a second one.
  const options = { net: true, capacities: { goroutines: 1 } };
  using measuring = await Measuring.start(plan, { kind: "pid", pid: fixture.pid }, options);
  await ask(fixture, "outer", 1);
  const { balance } = measuring.stop();
  assert.equal(balance.discrepancy, 0n);
  assert.ok(balance.entries > 0n);
  assert.equal(balance.lost, balance.entries);
});

test("events of calls that return, and of one that panics", { skip }, async (t) => {
  using fixture = await startFixture(program());
  const plan = await tracePlan(fixture, ["main.Failing", "main.Outer", "main.Inner"]);
  const size = 16;
  const load = (): Promise<number> => ask(fixture, "failing", size);
  const truth = await askTruth(fixture, "outer", size);
  const failing = await askTruth(fixture, "failing", size);
  const gross = await traced(fixture, plan, load, false);
  const net = await traced(fixture, plan, load, true);
  for (const [name, expected] of Object.entries({ Failing: failing, Outer: truth, Inner: truth / size })) {
    const key = `main.${name}`;
    requireNearer(t, key, { truth: expected, gross: at(gross, key), net: at(net, key) });
  }
});

/** The line in Outer that calls Inner. */
const LINE = "main.go:37";

test("a place that a call passes many times", { skip }, async (t) => {
  using fixture = await startFixture(program());
  const plan = await tracePlan(fixture, ["main.Outer", LINE]);
  const load = (): Promise<number> => ask(fixture, "outer", 16);
  const truth = await askTruth(fixture, "outer", 16);
  const gross = await traced(fixture, plan, load, false);
  const net = await traced(fixture, plan, load, true);
  requireNearer(t, "main.Outer", { truth, gross: at(gross, "main.Outer"), net: at(net, "main.Outer") });
});

test("a call that is still open at the end", { skip }, async () => {
  using fixture = await startFixture(program());
  const plan = await tracePlan(fixture, ["main.Recursive", "main.Inner"]);
  const keep = { histogram: false, stacks: false, events: true };
  using session = await Session.open(plan, openTarget({ kind: "pid", pid: fixture.pid }), { keep, net: true });
  fixture.send("recursive 2000 100000");
  while (session.progress().balance.open < 100n) session.drain();
  session.stop();
  const calls = session.openCalls();
  assert.ok(calls.length > 1);
  // They are told to end now, without what probes took since they began: outer ones had more of that.
  assert.ok(calls.every(({ start, end }) => end >= start));
  const [outer, inner] = [calls.at(0), calls.at(-1)];
  assert.ok(outer !== undefined && inner !== undefined && outer.end < inner.end);
});

test("a recorded run says that its durations are net", { skip }, async () => {
  using fixture = await startFixture(program());
  const folder = mkdtempSync(join(tmpdir(), "gospect-net-"));
  const recording = join(folder, "run.gospect");
  const pid = String(fixture.pid);
  const run = start(["hist", "-p", pid, "main.Outer", "main.Inner", "--net", "-o", recording]);
  await run.said(/^measuring/m);
  await ask(fixture, "outer", 16);
  run.child.kill("SIGINT");
  const outcome = await run.outcome;
  assert.equal(outcome.status, 0, outcome.stderr);
  assert.match(outcome.stderr, /^note: durations are net of probe time: /m);
  const hist = histOf(await gospect(["replay", recording, "--json"]));
  assert.ok("net" in hist && hist.net === true);
  const text = await gospect(["replay", recording]);
  assert.match(text.stdout, / on average, net of probe time, which may be off by \S+ .?s altogether$/m);
  rmSync(folder, { recursive: true });
});

test("beside another run it is refused where that one's programs may do the returns", { skip }, async () => {
  using fixture = await startFixture(program());
  const plan = await tracePlan(fixture, ["main.Inner"]);
  using _other = await Measuring.start(plan, { kind: "pid", pid: fixture.pid });
  const beside = Measuring.start(plan, { kind: "pid", pid: fixture.pid }, { net: true });
  if (canDoReturns("uprobe-multi")) {
    await assert.rejects(beside, { code: "net-beside-others" });
  } else {
    using measuring = await beside;
    const { cost } = measuring.stop();
    // Of what nobody called nothing was taken off, and prices were measured all the same.
    assert.ok(cost.net?.uncertainty !== undefined && cost.net.uncertainty > 0);
  }
});

test("what has no duration is refused", { skip }, async () => {
  using fixture = await startFixture(program());
  for (const asked of [["main.Inner", "--of", "n"], [LINE]]) {
    const { status, stderr } = await gospect(["hist", "-p", String(fixture.pid), ...asked, "--net"]);
    assert.equal(status, 3, stderr);
    assert.match(stderr, /--net takes probe time off durations, and /);
  }
});
