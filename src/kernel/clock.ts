/** Clocks that Node does not show: the time of day to the nanosecond, and the CPU time of another process. */
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

const CLOCK_REALTIME = 0;

/** The time of day, nanoseconds since 1970. */
export function realTime(): bigint {
  const time = readClock(CLOCK_REALTIME);
  if (time === undefined) throw new Error("invariant violated: there is a time of day");
  return time;
}
