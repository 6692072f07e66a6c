/**
 * Returns done by the programs, where the kernel takes that: on a program that tortures its runtime, and on one that counts
 * its own calls. Prints what it saw, and judges nothing.
 */
import { release } from "node:os";
import type { Aggregate } from "../../../src/aggregate/index.js";
import { type Fixture, fixturePath, runTruth, startFixture } from "../../fixture.js";
import { Measuring, planner } from "../../kernel/measuring.js";
import type { FunctionCounts, ReturnsReport, TortureReport } from "../reports.js";

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
  const fixture = await startFixture(fixturePath("torture", "1.27", "pie"), ["-workers", "4"]);
  const report = async (): Promise<TortureReport> => {
    fixture.send("report");
    return await fixture.nextMessage<TortureReport>();
  };
  const target = { kind: "pid", pid: fixture.pid } as const;
  const plan = (await planner(target))({
    probes: ["main.*", "runtime.mallocgc", "runtime.newstack", "runtime.gopanic"],
  });
  const before = await report();
  using measuring = await Measuring.start(plan, target, { returns: "programs" });
  const { returns } = measuring.session;
  const attached = await report();
  let last = attached;
  while (last.rounds < attached.rounds + 40) {
    await pause(200);
    last = await report();
  }
  const measured = measuring.stop();
  const after = await report();
  await fixture.stop();
  return {
    returns,
    reports: { before, attached, last, after },
    balance: numbers(measured.balance),
    calls: returnsOf(
      measured,
      plan.probes.map(({ name }) => name),
    ),
  };
}

/** Two runs at a time on the same functions: the one that came first does the returns, for it runs last. */
async function truth(): Promise<ReturnsReport["truth"]> {
  using fixture: Fixture = await startFixture(fixturePath("truth", "1.27", "plain"));
  const functions = Object.keys(await runTruth(fixture)).filter((name) => name !== "main.Nothing");
  const target = { kind: "pid", pid: fixture.pid } as const;
  const plan = (await planner(target))({ probes: functions });
  using first = await Measuring.start(plan, target, { returns: "programs" });
  using second = await Measuring.start(plan, target, { returns: "programs" });
  const said = await runTruth(fixture);
  const names = plan.probes.map(({ name }) => name);
  const measured = [first, second].map((measuring) => {
    const { returns } = measuring.session;
    const total = measuring.stop();
    return { returns, balance: numbers(total.balance), calls: returnsOf(total, names) };
  });
  const truths = functions.map((name) => [name, said[name]?.return.count ?? 0] as const);
  return { measured, calls: Object.fromEntries(truths.filter(([, count]) => count > 0).sort()) };
}

const done: ReturnsReport = { release: release(), torture: await torture(), truth: await truth() };
process.stdout.write(JSON.stringify(done));
