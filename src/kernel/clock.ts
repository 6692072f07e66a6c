/** Clocks that Node does not show: the time of day to the nanosecond, and the CPU time of other processes. */
import { libc } from "./library.js";

/** clock ids of processes, include/linux/posix-timers.h: the pid's complement, then CPUCLOCK_SCHED. */
const CPUCLOCK_SCHED = 2;

type ClockGetTime = (clock: number, time: Buffer) => number;
let clockGetTime: ClockGetTime | undefined;

/** Nanoseconds; undefined when there is no such clock. */
function readClock(clock: number): bigint | undefined {
  clockGetTime ??= libc().func("clock_gettime", "int", ["int", "void *"]) as unknown as ClockGetTime;
  const time = Buffer.alloc(16);
  if (clockGetTime(clock, time) !== 0) return undefined;
  return time.readBigInt64LE(0) * 1_000_000_000n + time.readBigInt64LE(8);
}

/**
 * CPU time in nanoseconds that all threads of a process have used, its ended ones included, unlike /proc's ticks; undefined
 * when there is no such process.
 */
export const findProcessCpuTime = (pid: number): bigint | undefined => readClock((~pid << 3) | CPUCLOCK_SCHED);

type GetUsage = (who: number, usage: Buffer) => number;
let getUsage: GetUsage | undefined;
const RUSAGE_CHILDREN = -1;
/** struct rusage of 64-bit kernels: two times of seconds and microseconds, then 14 counters. */
const USAGE_BYTES = 144;

/** CPU time in nanoseconds of all our children that were waited for, and of all that those waited for themselves. */
export function readEndedChildrenCpuTime(): bigint {
  getUsage ??= libc().func("getrusage", "int", ["int", "void *"]) as unknown as GetUsage;
  const usage = Buffer.alloc(USAGE_BYTES);
  if (getUsage(RUSAGE_CHILDREN, usage) !== 0) throw new Error("invariant violated: every kernel knows its children");
  const microseconds = (at: number): bigint => usage.readBigInt64LE(at) * 1_000_000n + usage.readBigInt64LE(at + 8);
  return (microseconds(0) + microseconds(16)) * 1000n;
}

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;

/** Tells the times of one clock in those of another. */
export interface ClockReading {
  /** The time of day, nanoseconds since 1970. */
  readonly realNs: bigint;
  /** CLOCK_MONOTONIC at that moment. */
  readonly monotonicNs: bigint;
}

/** LIMIT: readings of which the least disturbed counts; the first ones run cold code, tens of microseconds off. */
const READINGS = 16;

/**
 * Both clocks at one moment. The time of day is read between two readings of the other, all three by the same path, so that
 * it is that of their middle; of several such readings the quickest counts.
 */
export function readClocks(): ClockReading {
  let best: (ClockReading & { readonly tookNs: bigint }) | undefined;
  for (let reading = 0; reading < READINGS; reading++) {
    const before = requireClock(CLOCK_MONOTONIC);
    const realNs = requireClock(CLOCK_REALTIME);
    const tookNs = requireClock(CLOCK_MONOTONIC) - before;
    if (best === undefined || tookNs < best.tookNs) best = { realNs, monotonicNs: before + tookNs / 2n, tookNs };
  }
  if (best === undefined) throw new Error("invariant violated: clocks are read at least once");
  return { realNs: best.realNs, monotonicNs: best.monotonicNs };
}

function requireClock(clock: number): bigint {
  const time = readClock(clock);
  if (time === undefined) throw new Error("invariant violated: every kernel has these clocks");
  return time;
}
