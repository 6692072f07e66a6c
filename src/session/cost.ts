/**
 * What a run costs its target. A hit is a trap, which is measured on a page of our own with an empty program, and the
 * program, which the kernel times while it runs in the target.
 */
import type { CostRecord } from "../aggregate/index.js";
import { ProfilerError } from "../base/index.js";
import {
  type AttachMode,
  attachType,
  BpfObject,
  CODE_PAGE_SITES,
  CodePage,
  Link,
  RunStatistics,
  readObject,
} from "../bpf/index.js";
import { findProcessCpuTime } from "../kernel/index.js";
import type { ProbePlan, Site } from "../probes/index.js";
import type { TargetProcess } from "../process/index.js";
import type { CallPrograms } from "./programs.js";
import type { Counts } from "./snapshot.js";

/** Program runs that are timed; then timing goes off again, because it costs each run two clock readings. */
const TIMED_RUNS = 5000n;
const TIMING_CHECK_MS = 200;
/** Of a target that has ended: what it may have used unseen is then a twentieth at most, for each CPU it kept busy. */
const LEAST_CPU_OF_ENDED_NS = BigInt(20 * TIMING_CHECK_MS) * 1_000_000n;
/** Calls of one trap measurement, and how often it is repeated: the best counts, the others were disturbed. */
const TRAP_CALLS = 200;
const TRAP_ROUNDS = 5;

/** Kinds of instruction that probes sit on; and what a uretprobe costs besides its own. */
type TrapKind = "first" | "stackCheck" | "nop" | "push" | "return" | "uretprobe";
type TrapCost = ReadonlyMap<TrapKind, number>;

/** Measured once per process: neither the machine nor the code page changes. */
const measured = new Map<AttachMode, Map<TrapKind, number>>();

/** Nanoseconds a hit on each of these instructions costs with an empty program, measured in this process. */
export function measureTraps(mode: AttachMode, kinds: ReadonlySet<TrapKind>): TrapCost {
  const known = measured.get(mode) ?? new Map<TrapKind, number>();
  measured.set(mode, known);
  const missing = [...kinds].filter((kind) => !known.has(kind));
  if (missing.length > 0) measureInto(known, mode, missing);
  return known;
}

function measureInto(costs: Map<TrapKind, number>, mode: AttachMode, kinds: readonly TrapKind[]): void {
  using page = CodePage.map();
  using object = BpfObject.load("empty", readObject("empty"), {
    maxEntries: {},
    keySizes: {},
    valueSizes: {},
    readOnlyData: {},
    programs: { empty: attachType(mode) },
  });
  const programFd = object.programFd("empty");
  const bare = bestTime(page);
  const measure = (offset: number, when: "hit" | "return"): number => {
    const sites = [{ offset, cookie: 0n }];
    using _link = Link.attach({ programFd, path: page.path, pid: process.pid, when, sites }, mode);
    return bestTime(page) - bare;
  };
  for (const kind of kinds) {
    if (kind !== "uretprobe") costs.set(kind, measure(CODE_PAGE_SITES[kind], "hit"));
    else costs.set(kind, measure(CODE_PAGE_SITES.push, "return") - measure(CODE_PAGE_SITES.push, "hit"));
  }
}

/** Nanoseconds a call, undisturbed. */
function bestTime(page: CodePage): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < TRAP_ROUNDS; round++) best = Math.min(best, page.time(TRAP_CALLS) / TRAP_CALLS);
  return best;
}

/** Undefined where this process may not have such a page, or probes on it: no reason to lose what was measured. */
function findTrapCosts(mode: AttachMode, kinds: ReadonlySet<TrapKind>): TrapCost | undefined {
  try {
    return measureTraps(mode, kinds);
  } catch (error) {
    if (error instanceof ProfilerError) return undefined;
    throw error;
  }
}

/** By the instruction, for the kernel emulates some and steps over others. */
function trapKind({ kind, placement, bytes }: Site): TrapKind {
  if (kind === "function-return") return "uretprobe";
  if (kind === "return" || kind === "tail-jump") return "return";
  if (placement === "stack-check") return "stackCheck";
  if (placement === "push" || (bytes.length === 1 && (bytes.readUInt8() & 0xf8) === 0x50)) return "push";
  return bytes.length === 1 && bytes.readUInt8() === 0x90 ? "nop" : "first";
}

/** Watches one run: the target's CPU time, and how long the programs take. */
export class CostMeter implements Disposable {
  private readonly plan: ProbePlan;
  private readonly mode: AttachMode;
  private readonly target: TargetProcess | undefined;
  private readonly programs: CallPrograms;
  private readonly cpuAtStart: bigint | undefined;
  private readonly statistics: RunStatistics | undefined;
  private readonly timer: NodeJS.Timeout;
  private lastCpu: bigint | undefined;

  constructor(plan: ProbePlan, mode: AttachMode, target: TargetProcess | undefined, programs: CallPrograms) {
    this.plan = plan;
    this.mode = mode;
    this.target = target;
    this.programs = programs;
    this.cpuAtStart = this.findCpuTime();
    this.lastCpu = this.cpuAtStart;
    this.statistics = RunStatistics.enable();
    this.timer = setInterval(() => this.watch(), TIMING_CHECK_MS);
    this.timer.unref();
  }

  private findCpuTime(): bigint | undefined {
    try {
      return this.target?.isAlive() ? findProcessCpuTime(this.target.pid) : undefined;
    } catch (error) {
      // Asked by a timer too: what cannot be read now is no reason to end a run.
      if (error instanceof ProfilerError) return undefined;
      throw error;
    }
  }

  /** The target's CPU time is gone with it, so the last value seen is kept. */
  private watch(): void {
    this.lastCpu = this.findCpuTime() ?? this.lastCpu;
    const runs = RunStatistics.of(this.programs.site)?.runCount ?? 0n;
    if (runs >= TIMED_RUNS) this.statistics?.[Symbol.dispose]();
  }

  /** Cost so far, for the counts so far. */
  read({ hits, balance }: Counts): CostRecord {
    this.watch();
    return {
      hits,
      nsPerHit: this.nsPerHit(hits, balance.returns + balance.unmatchedReturns),
      targetCpuNs: this.targetCpu(),
    };
  }

  /** What a target that has ended used since it was last looked at is not known: then only a long run has an answer. */
  private targetCpu(): bigint | undefined {
    const { lastCpu, cpuAtStart, target } = this;
    if (lastCpu === undefined || cpuAtStart === undefined) return undefined;
    const used = lastCpu - cpuAtStart;
    return target?.isAlive() === true || used >= LEAST_CPU_OF_ENDED_NS ? used : undefined;
  }

  /** Mean over entries and exits, in their proportion; undefined before there is one, or when the kernel does not say. */
  private nsPerHit(hits: bigint, exits: bigint): number | undefined {
    const runs = RunStatistics.of(this.programs.site);
    if (runs === undefined || runs.runCount === 0n || hits === 0n) return undefined;
    const { probes } = this.plan;
    const entriesOf = probes.filter(({ kind }) => kind !== "span-end").map(({ entry }) => entry);
    const exitsOf = probes.flatMap(({ kind, entry, exits }) => (kind === "span-end" ? entry : exits));
    const [entryKinds, exitKinds] = [entriesOf.map(trapKind), exitsOf.map(trapKind)];
    const trapCosts = findTrapCosts(this.mode, new Set([...entryKinds, ...exitKinds]));
    if (trapCosts === undefined) return undefined;
    const mean = (kinds: readonly TrapKind[]): number =>
      kinds.reduce((sum, kind) => sum + (trapCosts.get(kind) ?? Number.NaN), 0) / Math.max(1, kinds.length);
    const exitShare = Number(exits) / Number(hits);
    const trap = exitShare * mean(exitKinds) + (1 - exitShare) * mean(entryKinds);
    return trap + Number(runs.runTimeNs) / Number(runs.runCount);
  }

  [Symbol.dispose](): void {
    clearInterval(this.timer);
    this.statistics?.[Symbol.dispose]();
  }
}
