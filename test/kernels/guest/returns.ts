/**
 * Returns done by the programs, where the kernel takes that: on a program that tortures its runtime, and on one that counts
 * its own calls. Prints what it saw, and judges nothing.
 */
import { release } from "node:os";
import type { Aggregate } from "../../../src/aggregate/index.js";
import type { SessionOptions } from "../../../src/session/index.js";
import { type Fixture, fixturePath, runTruth, startFixture } from "../../fixture.js";
import { Measuring, planner } from "../../kernel/measuring.js";
import type { Counted, FunctionCounts, ReturnsReport, TortureReport, TruthReport } from "../reports.js";

/** Enough goroutines to be preempted everywhere, and stacks that are moved. */
const TRUTH = ["-workers", "10", "-scale", "1", "-gc"];
/** So that the probes rest and come back, so often; few of them, since that takes a while. */
const LITTLE = 0.005;
const TIMES = 3;
const FEW = ["main.Recurse", "main.MayPanic", "main.(*Store).Lookup"];
/** Of torture: goroutines at work, and what they do while they are measured. */
const WORKERS = 4;
const ROUNDS = 12;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const numbers = (balance: Aggregate["balance"]): Record<string, number> =>
  Object.fromEntries(Object.entries(balance).map(([name, value]) => [name, Number(value)]));

/** Calls that returned, by function. */
function returnsOf({ series }: Aggregate, names: readonly string[]): FunctionCounts {
  const counts = new Map<string, number>();
  for (const { probe, histogram } of series) {
    // The program does not tell the copies of a generic function apart.
    const name = names[probe]?.replace(/\[.*?\]/, "[...]") ?? "";
    counts.set(name, (counts.get(name) ?? 0) + Number(histogram.count));
  }
  return Object.fromEntries([...counts].sort());
}

async function torture(): Promise<ReturnsReport["torture"]> {
  const fixture = await startFixture(fixturePath("torture", "1.27", "pie"), ["-workers", `${WORKERS}`]);
  const report = async (): Promise<TortureReport> => {
    fixture.send("report");
    return await fixture.nextMessage<TortureReport>();
  };
  const target = { kind: "pid", pid: fixture.pid } as const;
  const plan = (await planner(target))({
    probes: ["main.*", "runtime.mallocgc", "runtime.newstack", "runtime.gopanic"],
  });
  const before = await report();
  using measuring = await Measuring.start(plan, target);
  const { returns } = measuring.session;
  const attached = await report();
  let last = attached;
  while (last.rounds < attached.rounds + ROUNDS) {
    await pause(200);
    last = await report();
  }
  const measured = measuring.stop();
  const after = await report();
  await fixture.stop();
  return {
    returns,
    workers: WORKERS,
    reports: { before, attached, last, after },
    balance: numbers(measured.balance),
    calls: returnsOf(
      measured,
      plan.probes.map(({ name }) => name),
    ),
  };
}

/**
 * Two runs at a time on functions that count their own calls; the options are the first one's, which is watched until its
 * probes were on at least so often. All functions, if none are named. A second run on every process of the file knows nothing
 * of returns that are done already.
 */
async function truth(
  options: Partial<SessionOptions>,
  probes: readonly string[] = [],
  times = 0,
  second: "one process" | "every process" = "one process",
): Promise<TruthReport> {
  const path = fixturePath("truth", "1.27", "plain");
  using fixture: Fixture = await startFixture(path, TRUTH);
  // A function of one instruction has no end to be told from its beginning.
  const all = Object.keys(await runTruth(fixture)).filter((name) => name !== "main.Nothing");
  const functions = probes.length === 0 ? all : probes;
  const target = { kind: "pid", pid: fixture.pid } as const;
  const plan = (await planner(target))({ probes: functions });
  using first = await Measuring.start(plan, target, options);
  using other = await Measuring.start(plan, second === "one process" ? target : { kind: "exe", path });
  const calls = new Map<string, number>();
  do {
    const said = await runTruth(fixture);
    for (const name of functions) calls.set(name, (calls.get(name) ?? 0) + (said[name]?.return.count ?? 0));
  } while (first.session.snapshot().slices.length < times);
  const names = plan.probes.map(({ name }) => name);
  const countedBy = (measuring: Measuring): Counted => {
    const { returns } = measuring.session;
    const total = measuring.stop();
    return { returns, balance: numbers(total.balance), calls: returnsOf(total, names) };
  };
  return {
    first: countedBy(first),
    second: countedBy(other),
    calls: Object.fromEntries([...calls].filter(([, count]) => count > 0).sort()),
  };
}

const done: ReturnsReport = {
  release: release(),
  torture: await torture(),
  together: await truth({}),
  resting: await truth({ maxOverhead: LITTLE }, FEW, TIMES),
  unaware: await truth({ maxOverhead: LITTLE }, FEW, TIMES, "every process"),
};
process.stdout.write(JSON.stringify(done));
