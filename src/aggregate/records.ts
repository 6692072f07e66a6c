/**
 * What a session reads out of the kernel, before any interpretation: plain, immutable, saveable. A batch is a snapshot
 * of everything so far (maps are cumulative), so a later batch replaces an earlier one.
 */

/** How reading a value failed: `enum gs_read_status` of bpf/abi.h. */
export type ReadFailure = "fault" | "nil" | "too-large" | "not-found" | "other-type" | "no-room";
export type ReadStatus = "read" | "cut" | ReadFailure;

/** A dimension's value as the program stored it: 64 raw bits, or bytes. */
export type RawValue =
  | { readonly status: "read"; readonly bits: bigint }
  | { readonly status: "read" | "cut"; readonly bytes: Buffer }
  | { readonly status: ReadFailure };

/** Calls with equal `by` values of one probe. `values` is undefined for the "other" series. */
export interface SeriesRecord {
  readonly id: number;
  readonly probe: number;
  readonly values: readonly RawValue[] | undefined;
  readonly count: bigint;
  /** Of what is measured: durations in ns, or values. */
  readonly sum: bigint;
  readonly min: bigint;
  readonly max: bigint;
  /** Taken off the durations, with `--net`; ns. */
  readonly probeTime?: bigint | undefined;
  /** Bucket index (row * 8 + bucket; see bpf/abi.h) to count; -index of the magnitude for negative values. */
  readonly buckets: ReadonlyMap<number, bigint>;
}

export interface SampleRecord {
  readonly series: number;
  /** Key of `StackRecord`; undefined when the stack could not be kept. */
  readonly stack: bigint | undefined;
  readonly count: bigint;
  readonly sum: bigint;
}

export interface StackRecord {
  readonly id: bigint;
  /** Virtual addresses, innermost first: the probed function's site, then return addresses. */
  readonly frames: readonly number[];
  readonly truncated: boolean;
}

export interface BalanceRecord {
  readonly entries: bigint;
  readonly returns: bigint;
  readonly panics: bigint;
  readonly goexits: bigint;
  readonly open: bigint;
  readonly unmatchedReturns: bigint;
  readonly lost: bigint;
  /** Hits of places without an end; not among the entries. */
  readonly counted: bigint;
  /** Calls and places that the condition left out; calls are among the entries. In no series and no event. */
  readonly filtered: bigint;
  /** The same of those for which the condition could not be evaluated. */
  readonly undecided: bigint;
}

/** Losses that do not touch the balance: the call was counted, a detail of it was not kept. */
export interface DetailLoss {
  readonly otherSeries: bigint;
  readonly buckets: bigint;
  readonly stacks: bigint;
  readonly samples: bigint;
  readonly noGoroutine: bigint;
  /** Calls and places whose measured value could not be read; in no series. */
  readonly unreadable: bigint;
  /** Part of the lost calls: their goroutine could not be read. */
  readonly homeless: bigint;
  /** Part of the lost calls: made on a system stack, which the scheduler leaves without returning. */
  readonly abandoned: bigint;
  /** Part of the lost calls: of C functions that were left without a return that was seen, as by longjmp or an exception. */
  readonly left: bigint;
  /** Part of the lost calls: still open when the probes were taken off for a while, to keep within what they may cost. */
  readonly cut: bigint;
}

/** How the calls of one probe ended that did not return. */
export interface EndingsRecord {
  readonly probe: number;
  readonly panics: bigint;
  readonly goexits: bigint;
}

export interface CostRecord {
  readonly hits: bigint;
  /** Measured; undefined when it could not be. */
  readonly nsPerHit: number | undefined;
  /** CPU time the target used during the run, ns; undefined when it could not be read. */
  readonly targetCpuNs: bigint | undefined;
  /** Of a run whose durations are without probe time. */
  readonly net?: NetRecord | undefined;
}

export interface NetRecord {
  /** Calls that took less than the probe time that was to be taken off; they took 0. */
  readonly belowZero: bigint;
  /** What is taken off may be wrong by this share of it. Undefined where that is not known. */
  readonly uncertainty?: number | undefined;
}

/** What happened in a stretch of time while probes were on. */
export interface ActivityRecord {
  readonly ns: bigint;
  /** Calls and places that were entered. */
  readonly calls: bigint;
  readonly hits: bigint;
}

/** A time in which probes were on, in nanoseconds since the run began. */
export interface SliceRecord {
  readonly beginNs: bigint;
  readonly endNs: bigint;
  readonly calls: bigint;
  /** Its beginning and its end, some hundredths of a second each; all of it where it was short. */
  readonly first: ActivityRecord;
  readonly last: ActivityRecord;
}

/** A number of calls for each rest: their sum, the last of them, and the sum of the squares of the steps from one to the next. */
export interface CallsRecord {
  readonly sum: number;
  readonly last: number | undefined;
  readonly steps: number;
}

/** How many calls there were while probes rested, as an estimate. */
export interface RestRecord {
  /** If the target was as busy as it was seen to be on the quieter side of each rest. */
  readonly least: CallsRecord;
  /** If it was as busy as on the busier side, had there been no probes; undefined where that can't be told. */
  readonly most: CallsRecord | undefined;
  /** Of either sum, because the few calls next to a rest are as many as they are by chance. */
  readonly variance: number;
}

/** What is kept of slices that are no longer told apart. */
export interface SliceSumRecord {
  readonly slices: number;
  readonly onNs: bigint;
  readonly calls: bigint;
  /** Between them, and behind the last one. */
  readonly rest: RestRecord;
}

export interface RecordBatch {
  /** CLOCK_REALTIME at attach, milliseconds. */
  readonly startTimeMs: number;
  readonly durationNs: bigint;
  readonly balance: BalanceRecord;
  readonly loss: DetailLoss;
  readonly cost: CostRecord;
  /** When probes were on; empty where that was all the time. Of a long run the last ones. */
  readonly slices: readonly SliceRecord[];
  /** Those before these. */
  readonly earlierSlices?: SliceSumRecord | undefined;
  readonly series: readonly SeriesRecord[];
  /** Of the probes that have any. */
  readonly endings: readonly EndingsRecord[];
  readonly samples: readonly SampleRecord[];
  readonly stacks: readonly StackRecord[];
}

/** What was captured at one end of a call: words by slot, how each was read (undefined: not reached), kept bytes. */
export interface CapturedPart {
  readonly words: readonly bigint[];
  readonly outcomes: readonly (CaptureOutcome | undefined)[];
  readonly tail: Buffer;
}

/** How reading a captured value went. */
export type CaptureOutcome = ReadStatus;

/** A call that ended or was still open at the end of the run, or a place that was passed. */
export interface EventRecord {
  readonly probe: number;
  readonly outcome: "return" | "panic" | "goexit" | "open" | "passed";
  /** CLOCK_MONOTONIC, ns; of an open call `end` is the end of the run, of a place both are when it was passed. */
  readonly start: bigint;
  readonly end: bigint;
  /** 0: unknown. */
  readonly goid: bigint;
  readonly tgid: number;
  readonly tid: number;
  /** Measured calls of the goroutine that were open around it. */
  readonly level: number;
  /** Key of a StackRecord. */
  readonly stack: bigint | undefined;
  /** Of the goroutine: who made it and, as a virtual address, where. */
  readonly parentGoid: bigint | undefined;
  readonly createdAt: number | undefined;
  /** Runtime address = virtual address + bias; words that are addresses are runtime addresses. */
  readonly bias: bigint;
  /** Undefined: nothing was captured there; `lost`: it found no room. */
  readonly entry: CapturedPart | "lost" | undefined;
  readonly return: CapturedPart | undefined;
}

/** What the events of a run lack. */
export interface EventLoss {
  /** Found no room in the ring buffer. */
  readonly dropped: bigint;
  /** Came without what was captured at their entry. */
  readonly captures: bigint;
}
