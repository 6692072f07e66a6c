/**
 * What a run costs its target. A hit is a trap, which is measured on a page of our own with an empty program, and the
 * program, which the kernel times while it runs in the target.
 */
import { cpus } from "node:os";
import type { CostRecord } from "../aggregate/index.js";
import { ProfilerError } from "../base/index.js";
import { type AttachMode, RunStatistics } from "../bpf/index.js";
import { findProcessCpuTime } from "../kernel/index.js";
import type { ProbePlan, Site } from "../probes/index.js";
import type { LoadedPrograms } from "./load.js";
import type { CallPrograms } from "./programs.js";
import type { Counts } from "./snapshot.js";
import type { Target } from "./target.js";
import { type TrapKind, TrapPrices, trapKind } from "./trap-prices.js";

/** Program runs that are timed; then timing goes off again, because it costs each run two clock readings. */
const TIMED_RUNS = 5000n;
const LOOK_MS = 20;
/** Of a target that has ended, the CPU time is known when what nobody saw of it is one part in so many at most. */
const PARTS = 20n;
/** What a program is taken to run for until the kernel has timed some runs. */
const USUAL_PROGRAM_NS = 500;

/** Watches one run: the target's CPU time, and how long the programs take. */
export class CostMeter implements Disposable {
  private readonly plan: ProbePlan;
  private readonly mode: AttachMode;
  private returns: LoadedPrograms["returns"];
  private readonly target: Target;
  private readonly programs: CallPrograms;
  private readonly cpuAtStart: bigint | undefined;
  private readonly statistics: RunStatistics | undefined;
  private readonly timer: NodeJS.Timeout;
  /** CPU time when the target was last seen alive, and the moment: of CLOCK_MONOTONIC, as all here. */
  private seen: { readonly cpuNs: bigint; readonly atNs: bigint } | undefined;
  /** When it was first found gone. */
  private goneNs: bigint | undefined;
  private prices: TrapPrices | undefined;
  private traps: ReturnType<CostMeter["measureTraps"]> | undefined;

  constructor(plan: ProbePlan, { programs, mode, returns }: LoadedPrograms, target: Target) {
    this.plan = plan;
    this.mode = mode;
    this.returns = returns;
    this.target = target;
    this.programs = programs;
    this.cpuAtStart = this.findCpuTime();
    this.statistics = RunStatistics.enable();
    this.timer = setInterval(() => this.watch(), LOOK_MS);
    this.timer.unref();
  }

  /** From now on the kernel steps through the returns. */
  expectSteps(): void {
    this.returns = "kernel";
    this.prices?.[Symbol.dispose]();
    this.traps = undefined;
    // Measured while the target pays for nothing.
    this.priceOfHit();
  }

  /** CPU time of the target so far, ns; undefined where there is no single process, or it can't be read. */
  findCpuTime(): bigint | undefined {
    try {
      const process_ = this.target.process();
      if (process_ === undefined) return undefined;
      const atNs = process.hrtime.bigint();
      const cpuNs = process_.isAlive() ? findProcessCpuTime(process_.pid) : undefined;
      if (cpuNs !== undefined) [this.seen, this.goneNs] = [{ cpuNs, atNs }, undefined];
      else this.goneNs ??= process.hrtime.bigint();
      return cpuNs;
    } catch (error) {
      // Asked by a timer too: what cannot be read now is no reason to end a run.
      if (error instanceof ProfilerError) return undefined;
      throw error;
    }
  }

  /** The target's CPU time is gone with it, so the last value seen is kept. */
  private watch(): void {
    this.findCpuTime();
    const runs = RunStatistics.of(this.programs.site)?.runCount ?? 0n;
    if (runs >= TIMED_RUNS) this.statistics?.[Symbol.dispose]();
  }

  /** Cost so far, for the counts so far. */
  read({ hits, balance }: Counts): CostRecord {
    this.watch();
    return {
      hits,
      nsPerHit: this.nsPerHit(hits, exitShare(balance)),
      targetCpuNs: this.targetCpu(),
    };
  }

  /**
   * What a target that has ended used since it was last looked at nobody saw. It is all that its CPUs could do meanwhile, at
   * most; of a command, the kernel adds up the rest with what its own children used, which no probe of ours was in.
   */
  private targetCpu(): bigint | undefined {
    const { seen, goneNs, cpuAtStart, target } = this;
    if (seen === undefined || cpuAtStart === undefined) return undefined;
    const used = seen.cpuNs - cpuAtStart;
    if (goneNs === undefined) return used;
    const final = target.findFinalCpuTime();
    const unseen = final === undefined ? (goneNs - seen.atNs) * BigInt(cpus().length) : final - seen.cpuNs;
    if (unseen * PARTS > used) return undefined;
    return final === undefined ? used : final - cpuAtStart;
  }

  /** Mean over entries and exits; undefined before there is a hit, or when the kernel does not say. */
  private nsPerHit(hits: bigint, exitShare: number): number | undefined {
    const runs = RunStatistics.of(this.programs.site);
    if (runs === undefined || runs.runCount === 0n || hits === 0n) return undefined;
    const trap = this.trapNs(exitShare);
    return trap === undefined ? undefined : trap + Number(runs.runTimeNs) / Number(runs.runCount);
  }

  /** What a hit costs, before any has happened too; an end for each beginning. Undefined where it can't be measured. */
  priceOfHit(): number | undefined {
    const trap = this.trapNs(0.5);
    const runs = RunStatistics.of(this.programs.site);
    const isTimed = runs !== undefined && runs.runCount > 0n;
    const program = isTimed ? Number(runs.runTimeNs) / Number(runs.runCount) : USUAL_PROGRAM_NS;
    return trap === undefined ? undefined : trap + program;
  }

  /** Of each kind of instruction that the plan's probes sit on, ns; undefined where it can't be measured. */
  trapPrices(): ReadonlyMap<TrapKind, number> | undefined {
    this.traps ??= this.measureTraps();
    return this.prices?.of;
  }

  /** `exitShare`: of all hits, those at ends. */
  private trapNs(exitShare: number): number | undefined {
    this.traps ??= this.measureTraps();
    const { entry, exit } = this.traps;
    if (entry === undefined) return undefined;
    return exit === undefined ? entry : exitShare * exit + (1 - exitShare) * entry;
  }

  /** Means over all beginnings and all ends of the plan; it may have no ends. */
  private measureTraps(): { readonly entry: number | undefined; readonly exit: number | undefined } {
    const { probes } = this.plan;
    const entriesOf = probes.filter(({ kind }) => kind !== "span-end").map(({ entry }) => entry);
    const exitsOf = probes.flatMap(({ kind, entry, exits }) => (kind === "span-end" ? entry : exits));
    const kindsOf = (sites: readonly Site[]): TrapKind[] => sites.map((site) => trapKind(site, this.returns));
    const [entryKinds, exitKinds] = [kindsOf(entriesOf), kindsOf(exitsOf)];
    this.prices = new TrapPrices(this.mode, new Set([...entryKinds, ...exitKinds]));
    const { of: prices } = this.prices;
    const mean = (kinds: readonly TrapKind[]): number | undefined =>
      prices === undefined || kinds.length === 0
        ? undefined
        : kinds.reduce((sum, kind) => sum + (prices.get(kind) ?? Number.NaN), 0) / kinds.length;
    return { entry: mean(entryKinds), exit: mean(exitKinds) };
  }

  [Symbol.dispose](): void {
    clearInterval(this.timer);
    this.prices?.[Symbol.dispose]();
    this.statistics?.[Symbol.dispose]();
  }
}

/** Of the hits that were counted as what they were, those at ends. Of others it is not known. */
function exitShare({ entries, returns, unmatchedReturns, counted }: Counts["balance"]): number {
  const exits = returns + unmatchedReturns;
  const hits = entries + counted + exits;
  return hits === 0n ? 0.5 : Number(exits) / Number(hits);
}
