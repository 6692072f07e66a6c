/**
 * What specialised programs are worth: the same question asked so that the programs take another way to its answer. Recipes
 * that all probes share are constants of the run, by which the verifier prunes; others, and what straight steps can't say, are codes,
 * run step by step.
 */
import { readdirSync, readFileSync } from "node:fs";
import { RunStatistics } from "../../src/bpf/index.js";
import type { PlannedProbe, ProbePlan } from "../../src/probes/index.js";
import { loadCallPrograms } from "../../src/session/programs.js";
import { session } from "./attachments.js";
import { busy, type CallSettings, planCalls, USUAL } from "./calls.js";
import { measureInRounds, type Series } from "./rounds.js";
import { Subject } from "./subject.js";
import { type Row, rowOf } from "./table.js";

/** With each recipe as a code: the steps are run one by one by the evaluation machine. */
export function askedByCode(plan: ProbePlan): ProbePlan {
  const coded = (probe: PlannedProbe): PlannedProbe => ({
    ...probe,
    recipes: probe.recipes.map((recipe) => ({ ...recipe, steps: [], code: recipe.steps })),
  });
  return { ...plan, probes: plan.probes.map(coded) };
}

const WAYS = ["none", "constants", "code"] as const;
type Way = (typeof WAYS)[number];

const NAMES: Readonly<Record<Way, string>> = {
  none: "no --by",
  constants: "recipes as constants",
  code: "recipes as codes",
};

const perWay = <T>(of: (way: Way) => T): Record<Way, T> =>
  Object.fromEntries(WAYS.map((way) => [way, of(way)])) as Record<Way, T>;

interface Runs {
  readonly ns: bigint;
  readonly count: bigint;
}

/** The programs of this process with what the kernel has timed of them, by their kernel's number. */
function ownPrograms(): ReadonlyMap<string, Runs> {
  const programs = new Map<string, Runs>();
  for (const fd of readdirSync("/proc/self/fdinfo")) {
    let text: string;
    try {
      text = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
    } catch {
      // That of the folder itself, which is closed again.
      continue;
    }
    const field = (name: string): string | undefined => new RegExp(`^${name}:\\s+(\\d+)$`, "m").exec(text)?.[1];
    const [id, ns, count] = [field("prog_id"), field("run_time_ns"), field("run_cnt")];
    // A link's descriptor names its program too, without its times.
    if (id !== undefined && ns !== undefined && count !== undefined)
      programs.set(id, { ns: BigInt(ns), count: BigInt(count) });
  }
  return programs;
}

/** Time that the one program of `id` took for each of its runs in `during`. */
async function timePerRun(id: string, during: () => Promise<unknown>): Promise<number> {
  const before = ownPrograms().get(id);
  await during();
  const after = ownPrograms().get(id);
  if (before === undefined || after === undefined || after.count === before.count) throw new Error("no run was timed");
  return Number(after.ns - before.ns) / Number(after.count - before.count);
}

/** Nanoseconds of BPF in a call, which is an entry and a return. */
async function timePrograms(
  plans: Readonly<Record<Way, ProbePlan>>,
  settings: CallSettings,
): Promise<Record<Way, Series>> {
  const subjects: Subject[] = [];
  const statistics = RunStatistics.enable();
  try {
    const measurements = new Map<Way, () => Promise<number>>();
    for (const way of WAYS) {
      const others = new Set(ownPrograms().keys());
      const attach = session(plans[way], { histogram: true, stacks: false });
      const subject = await Subject.start(way, busy(USUAL, settings.callsPerRound), attach);
      subjects.push(subject);
      const id = [...ownPrograms().keys()].find((each) => !others.has(each)) ?? "";
      measurements.set(way, async () => 2 * (await timePerRun(id, () => subject.round())));
    }
    const idle = (): Promise<number> => Promise.reject(new Error("not measured"));
    const taken = await measureInRounds(
      perWay((way) => measurements.get(way) ?? idle),
      settings.rounds,
    );
    for (const subject of subjects) await subject.finish();
    return taken;
  } finally {
    statistics?.[Symbol.dispose]();
    for (const subject of subjects) await subject[Symbol.asyncDispose]();
  }
}

/** Milliseconds of loading the programs of a plan, which is the verifier's work. */
function loadTime(plan: ProbePlan): Promise<number> {
  const keep = { histogram: true, stacks: false, events: false, origins: false };
  const start = process.hrtime.bigint();
  using _programs = loadCallPrograms(
    plan,
    { ...keep, tgid: process.pid, pidNamespace: undefined, hasLoop: true, seriesCapacity: 1000 },
    "uprobe-multi",
  );
  return Promise.resolve(Number(process.hrtime.bigint() - start) / 1e6);
}

/** Needs root and uprobe_multi links. */
export async function measureWays(settings: CallSettings): Promise<readonly Row[]> {
  const plan = await planCalls(USUAL, [USUAL.by]);
  const plans: Readonly<Record<Way, ProbePlan>> = {
    none: await planCalls(USUAL, []),
    constants: plan,
    code: askedByCode(plan),
  };
  const timed = await timePrograms(plans, settings);
  const loaded = await measureInRounds(
    perWay((way) => () => loadTime(plans[way])),
    settings.rounds,
  );
  const rows = (what: string, taken: Readonly<Record<Way, Series>>, unit: "ns" | "ms"): Row[] =>
    (["none", "code"] as const).map((way) =>
      rowOf({ group: what, subject: NAMES[way], reference: NAMES.constants, unit }, taken[way], taken.constants),
    );
  return [
    ...rows("time in the programs for one call, hist --by n of main.Frame", timed, "ns"),
    ...rows("loading these programs", loaded, "ms"),
  ];
}
