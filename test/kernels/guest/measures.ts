/** Measures a program that counts its own calls, and some of them by a condition, as this kernel can. Prints what it saw. */
import { release } from "node:os";
import { openGoBinary } from "../../../src/binary/index.js";
import { planProbes } from "../../../src/probes/index.js";
import { goProgram, openSymbolTable } from "../../../src/symbols/index.js";
import { type Fixture, fixturePath, runTruth, startFixture } from "../../fixture.js";
import { Measuring } from "../../kernel/measuring.js";
import type { MeasuresReport } from "../reports.js";

const path = fixturePath("truth", "1.27", "plain");
using binary = await openGoBinary(path);
const program = goProgram(binary, openSymbolTable(binary));
using fixture: Fixture = await startFixture(path);
const target = { kind: "pid", pid: fixture.pid } as const;

/** Entries and returns of one round, and what the program says of it. */
async function measure(where?: string): Promise<MeasuresReport["all"]> {
  const plan = planProbes(program, { probes: ["main.Recurse"], by: ["depth"], signatures: [], where });
  using measuring = await Measuring.start(plan, target);
  const truth = await runTruth(fixture);
  const { balance, series } = measuring.stop();
  const counts = series.map(({ by, histogram }) => [String(by?.[0]?.json), Number(histogram.count)] as const);
  return {
    attachMode: measuring.session.attachMode,
    entries: Number(balance.entries),
    discrepancy: Number(balance.discrepancy),
    calls: Object.fromEntries(counts.sort()),
    truth: Object.fromEntries(
      (truth["main.Recurse"]?.by?.["depth"] ?? []).map((one) => [String(one.value), one.return.count] as const).sort(),
    ),
  };
}

const report: MeasuresReport = { release: release(), all: await measure(), deep: await measure("depth >= 5") };
process.stdout.write(JSON.stringify(report));
