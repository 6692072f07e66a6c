/**
 * What a measured call costs: CPU time of fixtures/busy per call, less that of an unprobed call of the same round, for
 * each way of being attached. CPU time, not wall time: it is what the target pays, and other work on the machine
 * disturbs it least.
 */
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { openGoBinary } from "../../src/binary/index.js";
import { findProcessCpuTime } from "../../src/kernel/index.js";
import { type ProbePlan, planProbes } from "../../src/probes/index.js";
import { goProgram, openSymbolTable } from "../../src/symbols/index.js";
import { type Fixture, fixturePath, startFixture } from "../fixture.js";
import {
  type Attach,
  type Attachment,
  bpftrace,
  emptyOnFirstInstruction,
  emptyOnPlannedSites,
  nothing,
  SESSION_SETTLES_MS,
  session,
} from "./attachments.js";
import { LiveInstruction } from "./process-memory.js";
import { measureInRounds, pairwise, type Series } from "./rounds.js";
import { type Row, rowOf } from "./table.js";

/** One function of busy, measured in one way of calling it. */
export interface CallCase {
  /** For people: `a function with a frame`. */
  readonly title: string;
  /** busy's -fn. */
  readonly kind: "frame" | "leaf" | "recursive" | "text";
  readonly function: string;
  readonly by: string;
  /** The same value as bpftrace reads it at the function's first instruction. */
  readonly bpftraceKey: string;
  readonly goroutines: number;
}

const FRAME = {
  title: "a function with a frame",
  kind: "frame",
  function: "main.Frame",
  by: "n",
  bpftraceKey: 'reg("ax")',
} as const;
const LEAF = { ...FRAME, title: "a leaf", kind: "leaf", function: "main.Leaf" } as const;
const RECURSIVE = { ...FRAME, title: "a recursive function", kind: "recursive", function: "main.Recursive" } as const;
export const TEXT = {
  ...FRAME,
  title: "a function of a string",
  kind: "text",
  function: "main.Text",
  by: "tenant",
  bpftraceKey: 'str(reg("ax"), reg("bx"))',
} as const;
const MANY = 8;

export const CALL_CASES: readonly CallCase[] = [FRAME, LEAF, RECURSIVE, TEXT].flatMap((each) => [
  { ...each, goroutines: 1 },
  { ...each, goroutines: MANY },
]);

/** Ratios aimed at. */
const GOAL_SAME_SITES = 1.15;
const GOAL_ELSEWHERE = 0.7;

/** One process with something attached, and how many calls it has made since. */
export class Subject implements AsyncDisposable {
  private readonly folder: string;
  private readonly fixture: Fixture;
  private attachment: Attachment | undefined;
  private calls = 0;
  private wallNs = 0;

  private constructor(folder: string, fixture: Fixture) {
    this.folder = folder;
    this.fixture = fixture;
  }

  /** From a copy of the program: uprobes belong to files, so that what one process has cannot touch another's. */
  static async start(how: CallCase, callsPerRound: number, attach: Attach): Promise<Subject> {
    const folder = mkdtempSync(join(tmpdir(), "gospect-bench-"));
    const program = join(folder, "busy");
    copyFileSync(fixturePath("busy", "1.27", "plain"), program);
    const each = Math.ceil(callsPerRound / how.goroutines / 10) * 10;
    const args = ["-fn", how.kind, "-n", `${each}`, "-goroutines", `${how.goroutines}`];
    const subject = new Subject(folder, await startFixture(program, args));
    try {
      subject.attachment = await attach(subject.fixture.pid);
      return subject;
    } catch (error) {
      await subject[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Nanoseconds of CPU time per call of one round. */
  async round(): Promise<number> {
    const before = this.cpuTime();
    this.fixture.send("go");
    const { calls, ns } = await this.fixture.nextMessage<{ calls: number; ns: number }>();
    this.calls += calls;
    this.wallNs += ns;
    return Number(this.cpuTime() - before) / calls;
  }

  get callsPerSecond(): number {
    return (this.calls * 1e9) / this.wallNs;
  }

  /** Detaches; throws when not every call was counted, because then the rounds measured something else. */
  async finish(): Promise<void> {
    const counted = await this.attachment?.stop();
    this.attachment = undefined;
    if (counted === undefined) return;
    const { calls, exact } = counted;
    if (calls < this.calls || (exact && calls !== this.calls))
      throw new Error(`${calls} counted of ${this.calls} calls`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.attachment?.stop();
    } finally {
      this.fixture[Symbol.dispose]();
      rmSync(this.folder, { recursive: true });
    }
  }

  private cpuTime(): bigint {
    const time = findProcessCpuTime(this.fixture.pid);
    if (time === undefined) throw new Error("busy has ended");
    return time;
  }
}

type Variant = "bare" | "sameSites" | "elsewhere" | "hist" | "histBy" | "profile" | "bpftrace";

/** `plan` is that of hist, `planBy` that of hist --by. */
function variantsOf(how: CallCase, plan: ProbePlan, planBy: ProbePlan): Readonly<Record<Variant, Attach>> {
  const probe = plan.probes[0];
  if (probe === undefined) throw new Error(`${how.function} is not in the plan`);
  const first = probe.function.address;
  const isOn = (pid: number): Promise<boolean> => {
    using instruction = new LiveInstruction(pid, first);
    return Promise.resolve(instruction.hasProbe());
  };
  const counting = (path: string): string => `uprobe:${path}:"${how.function}" { @[${how.bpftraceKey}] = count(); }`;
  return {
    bare: nothing,
    sameSites: emptyOnPlannedSites(probe),
    elsewhere: emptyOnFirstInstruction(probe),
    hist: session(plan, { histogram: true, stacks: false }),
    histBy: session(planBy, { histogram: true, stacks: false }),
    profile: session(planBy, { histogram: false, stacks: true }),
    bpftrace: bpftrace(counting, isOn),
  };
}

/** The plans of hist and of hist --by. */
export async function planCalls(how: CallCase): Promise<readonly [ProbePlan, ProbePlan]> {
  using binary = await openGoBinary(fixturePath("busy", "1.27", "plain"));
  const symbols = openSymbolTable(binary);
  const plan = (by: readonly string[]): ProbePlan =>
    planProbes(goProgram(binary, symbols), { probes: [how.function], by, signatures: [] });
  return [plan([]), plan([how.by])];
}

export interface CallSettings {
  readonly callsPerRound: number;
  readonly rounds: number;
}

/** The rows of one case. Needs root, uprobe_multi links and bpftrace. */
export async function measureCalls(how: CallCase, settings: CallSettings): Promise<readonly Row[]> {
  const attaches = variantsOf(how, ...(await planCalls(how)));
  const subjects = new Map<Variant, Subject>();
  try {
    for (const name of Object.keys(attaches) as Variant[]) {
      const subject = await Subject.start(how, settings.callsPerRound, attaches[name]);
      subjects.set(name, subject);
      await subject.round();
    }
    await delay(SESSION_SETTLES_MS);
    const measurements = Object.fromEntries(
      [...subjects].map(([name, subject]) => [name, () => subject.round()]),
    ) as Record<Variant, () => Promise<number>>;
    const taken = await measureInRounds(measurements, settings.rounds);
    for (const subject of subjects.values()) await subject.finish();
    return rowsOf(how, taken);
  } finally {
    for (const subject of subjects.values()) await subject[Symbol.asyncDispose]();
  }
}

function rowsOf(how: CallCase, taken: Readonly<Record<Variant, Series>>): readonly Row[] {
  const added = (variant: Variant): Series => pairwise(taken[variant], taken.bare, (probed, bare) => probed - bare);
  const names = {
    sameSites: "empty programs, same sites",
    elsewhere: "empty programs, first instruction and returns",
    bpftrace: `bpftrace count() by ${how.by}`,
    hist: "hist",
    histBy: `hist --by ${how.by}`,
    profile: `profile --by ${how.by}`,
  } as const;
  const concurrency = how.goroutines === 1 ? "1 goroutine" : `${how.goroutines} goroutines`;
  const group = `a call of ${how.title} (${how.function}), ${concurrency}`;
  const row = (subject: keyof typeof names, reference: keyof typeof names, goal?: number): Row =>
    rowOf(
      {
        group,
        subject: names[subject],
        reference: names[reference],
        unit: "ns",
        ...(goal === undefined ? {} : { goal }),
      },
      added(subject),
      added(reference),
    );
  return [
    row("hist", "sameSites"),
    row("histBy", "sameSites", GOAL_SAME_SITES),
    row("histBy", "elsewhere", GOAL_ELSEWHERE),
    row("histBy", "bpftrace"),
    row("profile", "sameSites"),
  ];
}
