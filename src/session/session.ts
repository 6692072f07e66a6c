/**
 * One measurement: open → attach → snapshot → stop, as one disposable object.
 *
 * Attach is all or nothing, and detach always happens: by `stop`, by disposal, and when this process dies, because
 * links live only as long as their descriptors.
 */
import type { EventLoss, EventRecord, NetRecord, RecordBatch, RunClock, StackRecord } from "../aggregate/index.js";
import { type ProfilerError, UnsupportedError } from "../base/index.js";
import { type AttachMode, RingBuffer } from "../bpf/index.js";
import { readClocks } from "../kernel/index.js";
import type { ProbePlan } from "../probes/index.js";
import { readPidNamespace } from "../process/index.js";
import { RunAddresses } from "./addresses.js";
import { Attachment, requireSwiftRelease } from "./attachment.js";
import { type CapacityOptions, SERIES_CAPACITY } from "./capacities.js";
import { CostMeter } from "./cost.js";
import { EndedProcesses } from "./ended-processes.js";
import { parseEvent } from "./events.js";
import { type LoadedPrograms, loadPrograms, noNetBesideOthers } from "./load.js";
import { requireMappedCode } from "./mapped-code.js";
import { NetPrices } from "./net-prices.js";
import { readOpenCalls } from "./open-calls.js";
import { ProgramFiles } from "./program-file.js";
import { findProgram } from "./program-identity.js";
import type { CallPrograms } from "./programs.js";
import { requireHarmlessNops } from "./red-zone.js";
import { findDoneReturns } from "./returns.js";
import { type SliceControl, Slices } from "./slices.js";
import {
  type Counts,
  findStack,
  readCounts,
  readEndings,
  readEventLoss,
  readHits,
  readSamples,
  readSeries,
  readStacks,
} from "./snapshot.js";
import type { Target } from "./target.js";
import type { RunSettings } from "./wire.js";

export interface SessionOptions {
  /** What is kept of each call besides count, sum, min and max. */
  readonly keep: {
    readonly histogram: boolean;
    readonly stacks: boolean;
    /** Each call and place of interest as an EventRecord. */
    readonly events?: boolean;
    /** In those, who made the goroutine and where. */
    readonly origins?: boolean;
  };
  /** How to attach; without it, the best this kernel has. */
  readonly attachMode?: AttachMode;
  /** Series besides each function's own; SERIES_CAPACITY without it. */
  readonly seriesCapacity?: number;
  /** Smaller or larger maps than a run usually has. */
  readonly capacities?: CapacityOptions;
  /** Whether programs may use `bpf_loop`; without it, if the kernel has it (5.17). */
  readonly loops?: "never";
  /** Who does the returns of Go functions; without it the programs, where the kernel takes that and nothing speaks against it. */
  readonly returns?: "kernel";
  /** What probes may cost, of the target's CPU time or of one CPU's, whichever is more, 0 to 1; without it, all there is. */
  readonly maxOverhead?: number | undefined;
  /** Takes probe time off the durations of the calls that contain it; of plans that measure durations. */
  readonly net?: boolean;
}

export class Session implements Disposable {
  readonly plan: ProbePlan;
  readonly attachMode: AttachMode;
  readonly returns: LoadedPrograms["returns"];
  /** Probes that this kernel takes off one by one, a tenth of a second each; 0 where all come off together. */
  readonly slowProbes: number;
  /** The moment when counting began. */
  readonly clock: RunClock;
  private readonly programs: CallPrograms;
  private readonly meter: CostMeter;
  private readonly attachment: Attachment;
  private readonly slices: Slices;
  private readonly addresses: RunAddresses;
  private readonly events: RingBuffer | undefined;
  private readonly netPrices: NetPrices | undefined;
  /** Known when the run is over. */
  private netUncertainty: number | undefined;
  /** In a run on every process of a file, or on threads. */
  private readonly ended: EndedProcesses | undefined;
  private stopped: RecordBatch | undefined;
  /** CLOCK_MONOTONIC, as the programs read it: Node's high-resolution clock is that one. */
  private stoppedNs: bigint | undefined;

  private constructor(
    plan: ProbePlan,
    {
      programs,
      mode: attachMode,
      returns,
      events,
      netPrices,
    }: LoadedPrograms & { readonly events: RingBuffer | undefined; readonly netPrices: NetPrices | undefined },
    attachment: Attachment,
    addresses: RunAddresses,
    meter: CostMeter,
    before: SliceControl["before"],
    processes: "one" | "many",
    { maxOverhead, net, keep }: SessionOptions,
    isAlone: (() => boolean) | undefined,
  ) {
    this.plan = plan;
    this.netPrices = netPrices;
    this.programs = programs;
    this.attachMode = attachMode;
    this.returns = returns;
    this.attachment = attachment;
    this.slowProbes = attachment.slowProbes;
    this.addresses = addresses;
    this.meter = meter;
    this.events = events;
    const comeAndGo = processes === "many" || plan.probes.some(({ identity }) => identity === "thread");
    this.ended = comeAndGo ? new EndedProcesses(programs, plan, events === undefined ? "none" : "kept") : undefined;
    this.clock = readClocks();
    // Who wants a call's own time has to have seen all that it called.
    const open = net === true || keep.origins === true ? "are cut off" : "may linger";
    this.slices = new Slices(
      { attachment, programs, meter, before, share: maxOverhead, open, isAlone },
      this.clock.monotonicNs,
    );
  }

  /**
   * Loads, verifies every site's bytes once more, attaches, and lets a held command run. Nothing stays behind when it
   * throws: UnsupportedError (libbpf, privilege, kernel), UnmeasurableError (the file changed, its code is not what runs,
   * there is too much of it), RunError.
   */
  static async open(plan: ProbePlan, target: Target, options: SessionOptions): Promise<Session> {
    if (plan.target.arch !== "amd64" || process.arch !== "x64") {
      throw new UnsupportedError(
        "architecture",
        `measuring ${plan.target.arch} programs on ${process.arch} is not supported`,
      );
    }
    const files = ProgramFiles.open(plan);
    try {
      return await Session.openOn(files, plan, target, options);
    } catch (error) {
      files[Symbol.dispose]();
      throw error;
    }
  }

  /** As `open`; the files are the session's once it is there. */
  private static async openOn(
    files: ProgramFiles,
    plan: ProbePlan,
    target: Target,
    options: SessionOptions,
  ): Promise<Session> {
    const running = target.process();
    if (running !== undefined) requireMappedCode(files.all, running);
    const addresses = await RunAddresses.open(plan, files.all, () => target.process());
    await target.hold();
    const loaded = loadPrograms(plan, settingsFor(plan, target, options), {
      ...options,
      ...(running === undefined || options.returns === "kernel"
        ? {}
        : { findReturns: () => findDoneReturns(plan, files.program, running) }),
    });
    const { programs, mode } = loaded;
    let meter: CostMeter | undefined;
    let attachment: Attachment | undefined;
    let events: RingBuffer | undefined;
    let netPrices: NetPrices | undefined;
    let before: SliceControl["before"];
    try {
      requireSwiftRelease(files.all, mode);
      if (options.keep.events === true) events = new RingBuffer(programs.events.fd, programs.events.bytes);
      // Before the kernel times programs, for that takes time of its own.
      if (options.net === true) {
        netPrices = NetPrices.measure(plan, loaded);
        programs.setPrices(netPrices.each);
      }
      meter = new CostMeter(plan, loaded, target);
      requireHarmlessNops(files.all, mode);
      // Before the target pays for anything: the governor must know the price.
      if (options.maxOverhead !== undefined) meter.priceOfHit();
      const ns = process.hrtime.bigint();
      const targetCpuNs = meter.findCpuTime();
      programs.measure("moving");
      attachment = Attachment.make({
        plan,
        files,
        pid: target.process()?.pid,
        programFd: programs.site,
        mode,
      });
      before = { ns, targetCpuNs, hits: readHits(programs).hits };
      programs.measure("on");
    } catch (error) {
      attachment?.[Symbol.dispose]();
      meter?.[Symbol.dispose]();
      netPrices?.[Symbol.dispose]();
      events?.[Symbol.dispose]();
      programs[Symbol.dispose]();
      throw error;
    }
    const session = new Session(
      plan,
      { ...loaded, events, netPrices },
      attachment,
      addresses,
      meter,
      before,
      running === undefined ? "many" : "one",
      options,
      loaded.returns === "kernel" || running === undefined
        ? undefined
        : () => {
            const isAlone = findDoneReturns(plan, files.program, running)?.by === "this run";
            // What is taken off durations is the price of returns that programs do.
            if (!isAlone && options.net === true) throw noNetBesideOthers();
            return isAlone;
          },
    );
    if (target.request.kind === "command") target.release();
    return session;
  }

  /** How far the run is, without the series and stacks: their maps are large, and reading them holds up who fills them. */
  progress(): Pick<RecordBatch, "balance" | "durationNs"> & { readonly hits: bigint } {
    this.addresses.watch();
    const { balance, hits } = this.readCounts();
    return { balance, hits, durationNs: process.hrtime.bigint() - this.clock.monotonicNs };
  }

  /** Everything counted so far; while sites are live its parts may differ by calls that ended between their reading. */
  snapshot(): RecordBatch {
    return this.stopped ?? this.read();
  }

  /** Detaches and reads the final, exact counts. Idempotent. */
  stop(): RecordBatch {
    if (this.stopped !== undefined) return this.stopped;
    this.slices.stop();
    this.stoppedNs = process.hrtime.bigint();
    this.ended?.[Symbol.dispose]();
    const durationNs = this.stoppedNs - this.clock.monotonicNs;
    this.attachment.detach();
    this.netUncertainty = this.netPrices?.uncertainty();
    this.stopped = { ...this.read(), durationNs };
    return this.stopped;
  }

  /**
   * Calls and places of interest that ended or were passed since the last time, in the order in which they took their room
   * in the kernel's buffer: on each goroutine, as they ended. All of them, or `most` and a few hundred more. None without
   * `keep.events`.
   *
   * Nothing tells that there are some: who comes by every 25 ms finds them before 16 MiB of them are full.
   */
  drain(most = Number.POSITIVE_INFINITY): readonly EventRecord[] {
    const records: EventRecord[] = [];
    this.addresses.watch();
    this.events?.drain(most, (copy, at) => records.push(parseEvent(copy, at, this.plan, this.addresses)));
    return records;
  }

  /** The stack with this key; undefined when it was not kept. */
  findStack(id: bigint): StackRecord | undefined {
    return findStack(this.programs, this.plan, this.addresses, id);
  }

  /** What the events so far lack. */
  eventLoss(): EventLoss {
    return readEventLoss(this.programs);
  }

  /** Why probes that rested could not be put back on; undefined where they could. */
  get failure(): ProfilerError | undefined {
    return this.slices.failure;
  }

  /** The calls that were open when the run was stopped; none without `keep.events`. */
  openCalls(): readonly EventRecord[] {
    const { stoppedNs } = this;
    if (this.events === undefined || stoppedNs === undefined) return [];
    return [...(this.ended?.calls ?? []), ...readOpenCalls(this.programs, this.plan, stoppedNs)];
  }

  /** Calls that were open when their process ended never ended. */
  private readCounts(): Counts {
    const counts = readCounts(this.programs);
    const { cut } = this.slices;
    const open = counts.balance.open + (this.ended?.open ?? 0n);
    return {
      ...counts,
      balance: { ...counts.balance, open, lost: counts.balance.lost + cut },
      loss: { ...counts.loss, cut },
    };
  }

  private read(): RecordBatch {
    const counts = this.readCounts();
    return {
      startTimeMs: Number(this.clock.realNs / 1_000_000n),
      durationNs: process.hrtime.bigint() - this.clock.monotonicNs,
      balance: counts.balance,
      loss: counts.loss,
      cost: { ...this.meter.read(counts), net: this.netOf(counts) },
      ...this.slices.records(),
      series: readSeries(this.programs, this.plan),
      endings: readEndings(this.programs, this.plan),
      samples: readSamples(this.programs, this.plan),
      stacks: readStacks(this.programs, this.plan, this.addresses),
    };
  }

  private netOf({ belowZero }: Counts): NetRecord | undefined {
    return this.netPrices === undefined ? undefined : { belowZero, uncertainty: this.netUncertainty };
  }

  [Symbol.dispose](): void {
    this.slices[Symbol.dispose]();
    this.attachment[Symbol.dispose]();
    this.meter[Symbol.dispose]();
    this.netPrices?.[Symbol.dispose]();
    this.ended?.[Symbol.dispose]();
    this.events?.[Symbol.dispose]();
    this.programs[Symbol.dispose]();
  }
}

function settingsFor(
  plan: ProbePlan,
  target: Target,
  options: SessionOptions,
): Omit<RunSettings, "hasLoop" | "returns"> {
  const process = target.process();
  const capacity = plan.dimensions.length === 0 ? 0 : (options.seriesCapacity ?? SERIES_CAPACITY);
  const common = {
    seriesCapacity: capacity,
    histogram: options.keep.histogram,
    stacks: options.keep.stacks,
    events: options.keep.events === true,
    origins: options.keep.origins === true,
    net: options.net === true,
    capacities: options.capacities ?? {},
    program: findProgram(plan, target.request),
  };
  if (process === undefined) return { ...common, tgid: 0, pidNamespace: undefined };
  // In the initial namespace our pids are the kernel's own; elsewhere the target is told by its own namespace.
  if (readPidNamespace().initial) return { ...common, tgid: process.pid, pidNamespace: undefined };
  return { ...common, tgid: process.namespacePid, pidNamespace: process.namespace };
}
