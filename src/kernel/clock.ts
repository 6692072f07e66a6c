/** The CPU clock of another process: to the nanosecond, its ended threads included, unlike /proc's ticks. */
import { libc } from "./library.js";

/** clock ids of processes, include/linux/posix-timers.h: the pid's complement, then CPUCLOCK_SCHED. */
const CPUCLOCK_SCHED = 2;

type ClockGetTime = (clock: number, time: Buffer) => number;
let clockGetTime: ClockGetTime | undefined;

/** CPU time in nanoseconds that all threads of a process have used; undefined when there is no such process. */
export function findProcessCpuTime(pid: number): bigint | undefined {
  clockGetTime ??= libc().func("clock_gettime", "int", ["int", "void *"]) as unknown as ClockGetTime;
  const time = Buffer.alloc(16);
  if (clockGetTime((~pid << 3) | CPUCLOCK_SCHED, time) !== 0) return undefined;
  return time.readBigInt64LE(0) * 1_000_000_000n + time.readBigInt64LE(8);
}
