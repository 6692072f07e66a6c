/**
 * When the probes of a run are on: all the time, unless that costs the target more than was agreed. Then they are taken off
 * and put back, and what was seen are slices of the run.
 *
 * Calls that were under way when a slice ended may still end in a short while; what has not ended by then is cut off: seen to
 * begin, never to end.
 */
import { readdirSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { gsGoroutine } from "../abi/index.js";
import type { RecordBatch, SliceRecord } from "../aggregate/index.js";
import { ProfilerError } from "../base/index.js";
import type { Attachment } from "./attachment.js";
import type { CostMeter } from "./cost.js";
import { deleteWhere } from "./forget.js";
import { Governor, type GovernorReading } from "./governor.js";
import type { CallPrograms } from "./programs.js";
import { SliceLog } from "./slice-log.js";
import { readHits, readOpen } from "./snapshot.js";

/** LIMIT: how long the target may pay unwatched; the probes are gone some ten milliseconds after that. */
const WATCH_MS = 4;
/** LIMIT: how long calls that are under way when a slice ends may take to end. */
const LINGER_NS = 16_000_000n;
/** Where fewer of a slice's calls than one in so many are under way at its end, it is not worth what their ends cost. */
const FEW = 50n;
/** How much of a slice's beginning and end tells how busy the target was next to it. */
const EDGE_NS = 16_000_000n;

/** What a hit is taken to cost where that can't be measured: rather too much than too little, on usual hardware. */
const UNKNOWN_PRICE_NS = 5000;

/** Counters at one moment. */
interface Moment {
  readonly ns: bigint;
  readonly hits: bigint;
  readonly calls: bigint;
}

export interface SliceControl {
  readonly attachment: Attachment;
  readonly programs: CallPrograms;
  readonly meter: CostMeter;
  /** Of the target's time, 0 to 1; undefined: whatever it costs. */
  readonly share: number | undefined;
  /** What becomes of calls that are under way when a slice ends: what they call from then on nobody sees. */
  readonly open: "may linger" | "are cut off";
  /** CLOCK_MONOTONIC and the target's CPU time before the first probe was on, ns; hits from then on until counting began. */
  readonly before: { readonly ns: bigint; readonly targetCpuNs: bigint | undefined; readonly hits: bigint };
  /** Of a run whose programs do the returns: whether nobody else has probes on them by now. */
  readonly isAlone: (() => boolean) | undefined;
}

export class Slices implements Disposable {
  /** Calls that were cut off. */
  cut = 0n;
  /** Why the probes could not be put back on; the run has no more slices then. */
  failure: ProfilerError | undefined;
  private readonly control: SliceControl;
  private readonly beganNs: bigint;
  private readonly governor: Governor | undefined;
  private readonly timer: NodeJS.Timeout | undefined;
  private readonly log = new SliceLog();
  /** `lingering`: calls that are open may still end; `leaving`: the kernel is taking all probes off. */
  private state: "on" | "lingering" | "leaving" | "off" = "on";
  /** Of the slice that goes on, or went on last: its first moment, some of its last, the last one first. */
  private first: Moment;
  private edge: Moment | undefined;
  private recent: Moment[] = [];
  /** Until the probes where calls begin are off. */
  private beginningsGo: Promise<void> | undefined;
  /** Who does the returns, where that is no longer the programs. */
  private returns: "kernel" | undefined;
  private isStopped = false;

  /** Begins with the first slice. `beganNs`: CLOCK_MONOTONIC when counting began. What putting probes on cost is owed by then. */
  constructor(control: SliceControl, beganNs: bigint) {
    this.control = control;
    this.beganNs = beganNs;
    this.first = { ns: beganNs, hits: control.before.hits, calls: 0n };
    if (control.share === undefined) return;
    const { ns, targetCpuNs } = control.before;
    const start = {
      nowNs: Number(ns),
      hits: 0,
      targetCpuNs: targetCpuNs === undefined ? undefined : Number(targetCpuNs),
    };
    this.governor = new Governor(control.share, start, Math.random);
    this.timer = setInterval(() => this.watch(), WATCH_MS);
    this.timer.unref();
    hurry();
  }

  /** The slices so far, the last one up to now; none while the probes have never rested. */
  records(): Pick<RecordBatch, "slices" | "earlierSlices"> {
    const { slices, earlier: earlierSlices } = this.log;
    const goesOn = this.goesOn();
    return { slices: goesOn === undefined ? slices : [...slices, goesOn], earlierSlices };
  }

  /** The slice that is not over yet, up to now. */
  private goesOn(): SliceRecord | undefined {
    return this.state === "on" && this.log.last !== undefined ? this.sliceUntil(this.look()) : undefined;
  }

  /** Ends the last slice; probes stay as they are, and count nothing but what they cost. */
  stop(): void {
    clearInterval(this.timer);
    const last = this.goesOn();
    if (last !== undefined) this.keep(last);
    this.control.programs.measure("moving", this.returns);
    this.isStopped = true;
    this.state = "off";
  }

  private keep(slice: SliceRecord): void {
    this.log.add(slice, this.control.meter.priceOfHit());
  }

  private watch(): void {
    const { governor } = this;
    if (governor === undefined) return;
    const now = this.look();
    governor.account(this.reading(now), this.control.meter.priceOfHit() ?? UNKNOWN_PRICE_NS);
    switch (this.state) {
      case "on":
        this.note(now);
        if (governor.mustRest) this.rest(now);
        break;
      case "lingering":
        if (now.ns - this.lastNs >= LINGER_NS) void this.cutOff();
        break;
      case "leaving":
        break;
      case "off":
        if (governor.mayWork) this.resume();
        break;
    }
  }

  /** The slice is over at once; its probes, as soon as the kernel can. */
  private rest(now: Moment): void {
    const { programs, attachment, open } = this.control;
    const lingers = open === "may linger" && readOpen(programs) * FEW >= now.calls - this.first.calls;
    programs.measure(lingers ? "ending" : "moving", this.returns);
    this.keep(this.sliceUntil(this.look()));
    if (!lingers) {
      void this.cutOff();
      return;
    }
    this.state = "lingering";
    this.beginningsGo = attachment.releaseBeginnings();
  }

  private async cutOff(): Promise<void> {
    const { attachment, programs } = this.control;
    this.state = "leaving";
    await this.beginningsGo;
    if (this.isStopped) return;
    programs.measure("moving", this.returns);
    await attachment.release();
    if (this.isStopped) return;
    programs.measure("off");
    deleteWhere(programs.maps.goroutines, (_key, value) => {
      const open = value.readUInt32LE(gsGoroutine.open.offset);
      this.cut += BigInt(open);
      return open > 0;
    });
    deleteWhere(programs.maps.frames, () => true);
    deleteWhere(programs.maps.captures, () => true);
    this.state = "off";
  }

  private resume(): void {
    const { attachment, programs } = this.control;
    try {
      this.yieldReturns();
      programs.measure("moving", this.returns);
      attachment.attach();
    } catch (error) {
      if (!(error instanceof ProfilerError)) throw error;
      // Nobody waits for this here: the run ends as it is, and says so. Of a target that has ended it is no surprise.
      this.failure = error;
      clearInterval(this.timer);
      return;
    }
    this.first = this.look();
    programs.measure("on", this.returns);
    this.state = "on";
    this.edge = undefined;
    this.recent = [];
  }

  /** Whoever came while the probes rested would be behind them from now on, and see threads in their callers. */
  private yieldReturns(): void {
    const { isAlone, meter } = this.control;
    if (isAlone === undefined || this.returns === "kernel" || isAlone()) return;
    this.returns = "kernel";
    meter.expectSteps();
  }

  private note(now: Moment): void {
    if (this.edge === undefined && now.ns - this.first.ns >= EDGE_NS) this.edge = now;
    this.recent.push(now);
    while (this.recent.length > 1 && now.ns - (this.recent[1]?.ns ?? now.ns) >= EDGE_NS) this.recent.shift();
  }

  private sliceUntil(now: Moment): SliceRecord {
    const begin = this.recent[0] ?? this.first;
    return {
      beginNs: this.first.ns - this.beganNs,
      endNs: now.ns - this.beganNs,
      calls: now.calls - this.first.calls,
      first: between(this.first, this.edge ?? now),
      last: between(begin.ns === now.ns ? this.first : begin, now),
    };
  }

  private get lastNs(): bigint {
    return this.beganNs + (this.log.last?.endNs ?? 0n);
  }

  private look(): Moment {
    const { hits, calls } = readHits(this.control.programs);
    return { ns: process.hrtime.bigint(), hits, calls };
  }

  private reading({ ns, hits }: Moment): GovernorReading {
    const cpu = this.control.meter.findCpuTime();
    return { nowNs: Number(ns), hits: Number(hits), targetCpuNs: cpu === undefined ? undefined : Number(cpu) };
  }

  [Symbol.dispose](): void {
    this.isStopped = true;
    clearInterval(this.timer);
  }
}

/**
 * Who watches must not wait for the watched: on a machine whose CPUs are all taken, the target would pay meanwhile. Of this
 * process' own time it takes next to nothing.
 */
function hurry(): void {
  try {
    // Threads that take probes off too; those that are made later take after this one.
    for (const thread of readdirSync("/proc/self/task"))
      setPriority(Number(thread), constants.priority.PRIORITY_HIGHEST);
  } catch {
    // Not permitted: then it may wait.
  }
}

const between = (from: Moment, to: Moment): SliceRecord["first"] => ({
  ns: to.ns - from.ns,
  calls: to.calls - from.calls,
  hits: to.hits - from.hits,
});
