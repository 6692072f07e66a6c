/** Kernel errors by name: what a system call failed with, and what that means for the user. */
import { constants } from "node:os";
import {
  type ProfilerError,
  type ProfilerErrorOptions,
  RunError,
  UnmeasurableError,
  UnsupportedError,
} from "../base/index.js";
import { koffi } from "./library.js";

const NAMES = new Map<number, string>(Object.entries(constants.errno).map(([name, value]) => [value, name]));
/** Kernel-internal, but uprobes return it to user space: the instruction cannot carry a probe. */
export const ENOTSUPP = 524;

export const errnoName = (errno: number): string =>
  errno === ENOTSUPP ? "ENOTSUPP" : (NAMES.get(errno) ?? `errno ${errno}`);

/** The errno of the last failed call through koffi; read it at once. */
export const lastErrno = (): number => koffi().errno();

/** The process or the file that was to be measured is no longer there. */
export const targetGone = (message: string, options?: ProfilerErrorOptions): UnmeasurableError =>
  new UnmeasurableError("target-gone", message, options);

/** `operation: ENAME`, as the error the user can act on. */
export function kernelError(operation: string, errno: number): ProfilerError {
  const message = `${operation}: ${errnoName(errno)}`;
  if (errno === constants.errno.EPERM || errno === constants.errno.EACCES) {
    return new UnsupportedError("not-permitted", message, {
      hint: "run as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE; `gospect doctor` shows what is missing",
    });
  }
  if (errno === ENOTSUPP) {
    return new RunError("instruction-not-supported", message, {
      hint: "the kernel does not put a uprobe on one of the instructions; `gospect plan` shows them",
    });
  }
  if (errno === constants.errno.ESRCH) return targetGone(`${message}: the target has exited`);
  return new RunError("kernel", message);
}
