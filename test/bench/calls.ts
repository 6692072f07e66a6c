/** What a measured call of a Go function costs, for each way of being attached. */
import { openGoBinary } from "../../src/binary/index.js";
import { type PlannedProbe, type ProbePlan, planProbes } from "../../src/probes/index.js";
import { goProgram, openSymbolTable } from "../../src/symbols/index.js";
import { fixturePath } from "../fixture.js";
import {
  type Attach,
  bpftrace,
  emptyOnFirstInstruction,
  emptyOnPlannedSites,
  nothing,
  session,
  tracing,
} from "./attachments.js";
import { probedAt } from "./process-memory.js";
import { type CallingProgram, type MeasuredVariants, measureVariants } from "./subject.js";
import { comparison, type Row } from "./table.js";

/** One function of busy, measured in one way of calling it. */
export interface CallCase {
  /** For people: `a function with a frame`. */
  readonly title: string;
  /** busy's -fn. */
  readonly kind: "frame" | "leaf" | "recursive" | "text";
  readonly function: string;
  readonly by: string;
  /** Two more dimensions: one of an argument, one of a result. */
  readonly andBy: readonly [string, string];
  /** The value of `by` as bpftrace reads it at the function's first instruction. */
  readonly bpftraceKey: string;
  /** What `--by` with that value may cost, times empty programs on the same sites. */
  readonly goalSameSites: number;
  readonly goroutines: number;
}

/** Ratios aimed at: to empty programs on the same sites with an integer as the key, to empty programs where others put them, … */
export const GOAL_SAME_SITES = 1.1;
const GOAL_ELSEWHERE = 0.65;
/** … and to bpftrace, which only counts. */
export const GOAL_BPFTRACE = 1.2;

const FRAME = {
  title: "a function with a frame",
  kind: "frame",
  function: "main.Frame",
  by: "n",
  andBy: ["log2(n)", "ret"],
  bpftraceKey: 'reg("ax")',
  goalSameSites: GOAL_SAME_SITES,
} as const;
const LEAF = { ...FRAME, title: "a leaf", kind: "leaf", function: "main.Leaf" } as const;
const RECURSIVE = { ...FRAME, title: "a recursive function", kind: "recursive", function: "main.Recursive" } as const;
export const TEXT = {
  ...FRAME,
  title: "a function of a string",
  kind: "text",
  function: "main.Text",
  by: "tenant",
  andBy: ["len(tenant)", "ret"],
  bpftraceKey: 'str(reg("ax"), reg("bx"))',
  goalSameSites: 1.2,
} as const;
const MANY = 8;

/** The usual function, called from one goroutine. */
export const USUAL: CallCase = { ...FRAME, goroutines: 1 };

/** A function whose first instruction is the entry site. */
export const LEAF_CASE: CallCase = { ...LEAF, goroutines: 1 };

export const CALL_CASES: readonly CallCase[] = [FRAME, LEAF, RECURSIVE, TEXT].flatMap((each) => [
  { ...each, goroutines: 1 },
  { ...each, goroutines: MANY },
]);

export interface CallSettings {
  readonly callsPerRound: number;
  readonly rounds: number;
}

/** busy, calling that function so often in one round. */
export function busy({ kind, goroutines }: CallCase, callsPerRound: number): CallingProgram {
  const each = Math.ceil(callsPerRound / goroutines / 10) * 10;
  return {
    path: fixturePath("busy", "1.27", "plain"),
    args: ["-fn", kind, "-n", `${each}`, "-goroutines", `${goroutines}`],
  };
}

/** A plan for the function of a case. */
export async function planCalls(
  how: Pick<CallCase, "function">,
  by: readonly string[],
  captures: "none" | "values" = "none",
): Promise<ProbePlan> {
  using binary = await openGoBinary(fixturePath("busy", "1.27", "plain"));
  const program = goProgram(binary, openSymbolTable(binary));
  return planProbes(program, { probes: [how.function], by, signatures: [], captures });
}

export function onlyProbe(plan: ProbePlan): PlannedProbe {
  const [probe, ...others] = plan.probes;
  if (probe === undefined || others.length > 0) throw new Error("the plan has not one probe");
  return probe;
}

const NAMES = {
  sameSites: "empty programs, same sites",
  elsewhere: "empty programs, first instruction and returns",
  hist: "hist",
  trace: "trace",
} as const;

type Variant = keyof typeof NAMES | "histBy" | "histByThree" | "profile" | "bpftrace";

const HISTOGRAM = { histogram: true, stacks: false } as const;

async function variantsOf(how: CallCase): Promise<Readonly<Record<Variant | "bare", Attach>>> {
  const plan = await planCalls(how, []);
  const planBy = await planCalls(how, [how.by]);
  const probe = onlyProbe(plan);
  const isOn = probedAt(probe.function.address);
  const counting = (path: string): string => `uprobe:${path}:"${how.function}" { @[${how.bpftraceKey}] = count(); }`;
  return {
    bare: nothing,
    sameSites: emptyOnPlannedSites(probe),
    elsewhere: emptyOnFirstInstruction(probe),
    hist: session(plan, HISTOGRAM),
    histBy: session(planBy, HISTOGRAM),
    histByThree: session(await planCalls(how, [how.by, ...how.andBy]), HISTOGRAM),
    profile: session(planBy, { histogram: false, stacks: true }),
    trace: tracing(await planCalls(how, [], "values")),
    bpftrace: bpftrace(counting, isOn),
  };
}

/** The rows of one case. Needs root, uprobe_multi links and bpftrace. */
export async function measureCalls(how: CallCase, { callsPerRound, rounds }: CallSettings): Promise<readonly Row[]> {
  return rowsOf(how, await measureVariants(busy(how, callsPerRound), await variantsOf(how), rounds));
}

function rowsOf(how: CallCase, { added }: MeasuredVariants<Variant>): readonly Row[] {
  const names: Readonly<Record<Variant, string>> = {
    ...NAMES,
    bpftrace: `bpftrace count() by ${how.by}`,
    histBy: `hist --by ${how.by}`,
    histByThree: `hist --by ${[how.by, ...how.andBy].join(", ")}`,
    profile: `profile --by ${how.by}`,
  };
  const concurrency = how.goroutines === 1 ? "1 goroutine" : `${how.goroutines} goroutines`;
  const group = `a call of ${how.title} (${how.function}), ${concurrency}`;
  const row = comparison(group, names, added);
  return [
    row("hist", "sameSites"),
    row("histBy", "sameSites", how.goalSameSites),
    row("histByThree", "sameSites"),
    row("profile", "sameSites"),
    row("trace", "sameSites"),
    row("histBy", "elsewhere", GOAL_ELSEWHERE),
    row("sameSites", "elsewhere"),
    row("histBy", "bpftrace", GOAL_BPFTRACE),
    row("sameSites", "bpftrace"),
  ];
}
