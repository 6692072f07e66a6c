/**
 * Python 3.11, whose package carries probes at the entry and the return of functions written in Python. What is measured of
 * them must be what a program counts and times of its own functions.
 *
 * This version passes `function__entry` only while it traces: because the program asks for it (sys.setprofile), or because
 * `line` is wanted. Beside a run that counts lines, another one therefore sees every function.
 */
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Subject } from "../../src/commands/subject.js";
import { Fixture } from "../fixture.js";
import { gospect, histOf } from "./cli.js";
import { Measuring, withoutKernel } from "./measuring.js";
import { allPassed, allReturned, counts, type Hist, hist, Run } from "./programs.js";
import { SemaphoreReader } from "./semaphores.js";
import { countsOf } from "./subject.js";

const options = { skip: withoutKernel };
const folder = mkdtempSync(join(tmpdir(), "gospect-python-"));
/** A copy, which nobody else runs and nobody else measures: all who ask for a file's probes raise the same semaphores. */
const PYTHON = join(folder, "python3.11");
before(() => {
  if (withoutKernel === false) copyFileSync("/usr/bin/python3.11", PYTHON);
});
after(() => rmSync(folder, { recursive: true }));
/** Without packages of the machine, and without its environment. */
const ALONE = ["-I", "-S"];
const [ENTRY, RETURN, LINE] = ["usdt:python:function__entry", "usdt:python:function__return", "usdt:python:line"];
const CALL = `${ENTRY}..${RETURN}`;
const NAME = "str(arg1)";

interface Report {
  readonly calls: Readonly<Record<string, number>>;
  /** Nanoseconds within the bodies of some functions, and around all their calls. */
  readonly inside: Readonly<Record<string, number>>;
  readonly around: Readonly<Record<string, number>>;
}

const startFunctions = (): Fixture =>
  new Fixture(PYTHON, [...ALONE, fileURLToPath(new URL("../../../test/kernel/python/functions.py", import.meta.url))]);

async function work(python: Fixture, what: "work" | "dive" = "work"): Promise<void> {
  python.send(what);
  assert.equal(await python.nextLine(), "done");
}

async function report(python: Fixture): Promise<Report> {
  python.send("report");
  return await python.nextMessage<Report>();
}

const sorted = (entries: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(entries).sort());

const total = (calls: Readonly<Record<string, number>>): number =>
  Object.values(calls).reduce((sum, count) => sum + count, 0);

/** Runs that are at work at the same time, around the same load: lines, and calls of functions. */
async function linesAndCalls(python: Fixture): Promise<{ readonly lines: Hist; readonly spans: Hist }> {
  let spans: Hist | undefined;
  const lines = await hist(python.pid, [LINE, "--by", NAME], async () => {
    spans = await hist(python.pid, [CALL, "--by", NAME], () => work(python));
  });
  assert.ok(spans !== undefined);
  return { lines, spans };
}

test("calls by function, as the program counts and times them", options, async () => {
  using python = startFunctions();
  const { lines, spans } = await linesAndCalls(python);
  const { calls, inside, around } = await report(python);
  await python.stop();

  assert.deepEqual(counts(spans.series, NAME), sorted(calls));
  assert.deepEqual(spans.balance, allReturned(total(calls)));
  const linesOf = counts(lines.series, NAME);
  for (const [name, perCall] of Object.entries({ fib: 2, fail: 3, größe: 1, inner: 4 })) {
    assert.equal(linesOf[name], perCall * (calls[name] ?? 0), name);
  }
  assert.deepEqual(lines.balance, allPassed(total(linesOf)));

  const sum = (name: string): number => spans.series.find(({ by }) => by[NAME] === name)?.sum ?? Number.NaN;
  for (const name of ["inner", "outer"]) {
    const [least = Number.NaN, most = Number.NaN] = [inside[name], around[name]];
    assert.ok(least <= sum(name) && sum(name) <= most, `${name}: ${least} <= ${sum(name)} <= ${most} ns`);
  }
  assert.ok(sum("inner") <= sum("outer") && sum("outer") <= sum("work"), "callees within their callers");
});

test("semaphores are raised while the probes are wanted, in that process alone", options, async () => {
  const read = new SemaphoreReader(PYTHON, "python");
  using python = startFunctions();
  using other = startFunctions();
  // Both wait for a word.
  for (const each of [python, other]) await report(each);
  assert.deepEqual([read.of(python.pid), read.of(other.pid)], [{}, {}]);
  await using run = await Run.start("hist", "-p", String(python.pid), CALL);
  const wanted = { function__entry: 1, function__return: 1 };
  assert.deepEqual([read.of(python.pid), read.of(other.pid)], [wanted, {}]);
  await using second = await Run.start("hist", "-p", String(python.pid), RETURN);
  // The kernel raises it once for all who want it.
  assert.deepEqual(read.of(python.pid), wanted);
  await run.stop();
  assert.deepEqual(read.of(python.pid), { function__return: 1 });
  await second.stop();
  assert.deepEqual([read.of(python.pid), read.of(other.pid)], [{}, {}]);
  for (const each of [python, other]) await each.stop();
});

test("a program from its first instruction to its end, which leaves functions open", options, async () => {
  const program = `
import os
def leave(depth):
    if depth == 0:
        os._exit(7)
    leave(depth - 1)
def ready():
    pass
ready()
leave(9)
`;
  await using lines = await Run.start("hist", "-e", PYTHON, LINE);
  const outcome = await gospect(["hist", CALL, "--by", NAME, "--json", "--", PYTHON, ...ALONE, "-c", program]);
  await lines.stop();
  assert.equal(outcome.status, 7, outcome.stderr);
  const { series, balance } = histOf(outcome);
  assert.deepEqual(
    series.filter(({ by }) => ["ready", "leave"].includes(String(by[NAME]))).map(({ by, count }) => [by[NAME], count]),
    [["ready", 1]],
  );
  // Ten of leave, and the program as a whole.
  const { open, unmatchedReturns, lost, entries, returns } = balance;
  assert.deepEqual({ open, unmatchedReturns, lost }, { open: 11, unmatchedReturns: 0, lost: 0 });
  assert.equal(entries, returns + open);
});

test("where there is no room for all that are open, no end is taken for another's", options, async () => {
  using python = startFunctions();
  const target = { kind: "pid", pid: python.pid } as const;
  using subject = await Subject.open(target);
  const asked = { probes: [CALL], by: [NAME, "str(ret1)"], signatures: [], symbols: undefined, of: undefined };
  const common = { target, json: false, quiet: true, verbose: false, output: undefined, where: undefined, show: [] };
  const plan = await subject.plan({ ...common, ...asked }, "measure");
  await using lines = await Run.start("hist", "-p", String(python.pid), LINE);
  using measuring = await Measuring.start(plan, target, { capacities: { frames: 16 } });
  await work(python, "dive");
  const results = measuring.stop();
  await lines.stop();
  await python.stop();

  const { entries, returns, open, lost } = results.balance;
  assert.deepEqual([entries, open], [3n * 62n, 0n]);
  assert.ok(lost > 0n && returns + lost === entries, `${returns} returns, ${lost} lost`);
  // The outermost are those that there was room for; and each has the end that its own function passed.
  const told = Object.entries(countsOf(results));
  assert.deepEqual(told.find(([names]) => names === '["größe","größe"]')?.[1], 3);
  for (const [names] of told) {
    const [entered, left] = JSON.parse(names) as string[];
    assert.equal(left, entered);
  }
});

test("without lines Python tells of returns only: ends without a beginning are unmatched", options, async () => {
  using python = startFunctions();
  let { series, balance } = await hist(python.pid, [CALL, "--by", NAME], () => work(python));
  const { calls } = await report(python);
  // Closing a generator is an entry that Python always tells.
  assert.deepEqual(counts(series, NAME), { countdown: 1 });
  assert.deepEqual(balance, { ...allReturned(1), unmatchedReturns: total(calls) - 1 });

  ({ series, balance } = await hist(python.pid, [RETURN, "--by", NAME], () => work(python)));
  const { calls: later } = await report(python);
  await python.stop();
  assert.deepEqual(
    counts(series, NAME),
    sorted(Object.fromEntries(Object.entries(later).map(([name, count]) => [name, count - (calls[name] ?? 0) - 1]))),
  );
});
