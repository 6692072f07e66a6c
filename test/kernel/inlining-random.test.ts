/**
 * A program made by chance: what is counted of its inlined functions and of its lines is what a twin, built with nothing
 * inlined, counts of itself. To refuse, or to warn, is right; to do so always is not. The seed is fixed, so that what
 * fails fails again.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { UnmeasurableError } from "../../src/base/index.js";
import type { PlannedProbe, ProbePlan } from "../../src/probes/index.js";
import { type Fixture, startFixture } from "../fixture.js";
import { randomProgram } from "./inlining-programs.js";
import { Measuring, planner, withoutKernel } from "./measuring.js";
import { buildSource } from "./subject.js";

/** The oldest; one between; the first that runs copies ahead of their branches, and the newest. */
const VERSIONS = ["1.19", "1.22", "1.26", "1.27"] as const;
const SEED = 7;
const FUNCTIONS = 300;
/**
 * How many must be counted and have happened, of 300 functions and some 460 lines: a third of the functions leaves no code,
 * of most others nothing is sure to have stayed in its place, and a line is certain only where it stores or calls.
 */
const FUNCTIONS_COUNTED = 30;
const LINES_COUNTED = 30;

const program = randomProgram(SEED, FUNCTIONS);

/** What a program says of its run. `hits` is empty unless it is the twin. */
interface Said {
  readonly v: number;
  readonly glob: number;
  readonly hits: Readonly<Record<string, number>>;
}

async function run(fixture: Fixture): Promise<Said> {
  fixture.send("go");
  return await fixture.nextMessage();
}

/** The twin's counter for what a probe counts: by line. */
function counterOf({ name, place }: PlannedProbe): number {
  const line = place?.kind === "line" ? place.line : program.functions.get(name.replace("main.", ""));
  assert.ok(line !== undefined, `${name} is of the generated program`);
  return line;
}

/** By the twin's counter. */
interface Comparison {
  readonly measured: ReadonlyMap<number, number>;
  readonly truth: ReadonlyMap<number, number>;
}

/** Measures those of the probes that can be planned completely, and are wanted. */
async function compare(
  go: (typeof VERSIONS)[number],
  probes: readonly string[],
  isWanted: (plan: ProbePlan) => boolean,
): Promise<Comparison> {
  const name = `inlining-random-${go}`;
  using plain = await startFixture(buildSource(program.plain, { go, flags: [], name }));
  using twin = await startFixture(
    buildSource(program.counting, { go, flags: ["-gcflags=-l"], name: `${name}-counting` }),
  );
  const target = { kind: "pid", pid: plain.pid } as const;
  const planOf = await planner(target);
  const plan = planOf({
    probes: probes.filter((probe) => {
      try {
        const alone = planOf({ probes: [probe] });
        return alone.refused.length === 0 && isWanted(alone);
      } catch (error) {
        if (error instanceof UnmeasurableError) return false;
        throw error;
      }
    }),
  });
  using measuring = await Measuring.start(plan, target);
  const { hits, ...results } = await run(twin);
  assert.deepEqual(await run(plain), { ...results, hits: {} });
  const measured = new Map<number, number>(plan.probes.map((probe) => [counterOf(probe), 0]));
  for (const { id, count } of measuring.session.stop().series) {
    const probe = plan.probes[id];
    assert.ok(probe !== undefined);
    const counter = counterOf(probe);
    measured.set(counter, (measured.get(counter) ?? 0) + Number(count));
  }
  await plain.stop();
  await twin.stop();
  return { measured, truth: new Map([...measured.keys()].map((line) => [line, hits[line] ?? 0])) };
}

/** Those that were not passed by. */
const happened = ({ truth }: Comparison): number => [...truth.values()].filter((count) => count > 0).length;

for (const go of VERSIONS) {
  test(`copies in a program made by chance are counted as it counts calls: Go ${go}`, {
    skip: withoutKernel,
  }, async () => {
    const names = [...program.functions.keys()].map((name) => `main.${name}`);
    const counted = await compare(go, names, ({ probes }) => probes.every(({ place }) => place?.kind === "copy"));
    assert.deepEqual(counted.measured, counted.truth);
    assert.ok(happened(counted) >= FUNCTIONS_COUNTED, `${happened(counted)} of ${names.length} functions are counted`);
  });

  test(`lines in a program made by chance are counted as it counts them: Go ${go}`, {
    skip: withoutKernel,
  }, async () => {
    // Planning one line at a time takes long enough for half of them.
    const lines = program.statements.filter((_, index) => index % 2 === 0).map((line) => `main.go:${line}`);
    const counted = await compare(go, lines, ({ warnings }) => warnings.length === 0);
    assert.deepEqual(counted.measured, counted.truth);
    assert.ok(happened(counted) >= LINES_COUNTED, `${happened(counted)} of ${lines.length} lines are counted`);
  });
}
