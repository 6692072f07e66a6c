/** Shadow stacks of threads (Documentation/arch/x86/shstk.rst), on which the CPU keeps return addresses a second time. */
import { readdirSync } from "node:fs";
import { ProfilerError } from "../base/index.js";
import { readProcFile } from "./proc-file.js";

/** Whether `/proc/PID/status` of a thread says that it has one; kernels that know none have no such line. */
export const hasShadowStack = (status: string): boolean => /^x86_Thread_features:.*\bshstk\b/m.test(status);

/**
 * Whether some thread of the process has one now; undefined when that can't be read.
 * LIMIT: a thread may turn it on later, by its own system call. The C library does that before the program begins.
 */
export function findShadowStack(pid: number): boolean | undefined {
  try {
    return readdirSync(`/proc/${pid}/task`).some((thread) =>
      hasShadowStack(readProcFile(pid, `task/${thread}/status`)),
    );
  } catch (error) {
    // Also where a thread has ended meanwhile.
    if (error instanceof ProfilerError || (error instanceof Error && "code" in error)) return undefined;
    throw error;
  }
}
