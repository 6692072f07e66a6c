/** Reads files of /proc/PID and says in one sentence why that failed. */
import { readFileSync, readlinkSync, statSync } from "node:fs";
import { messageOf, RunError, UnmeasurableError, UnsupportedError } from "../base/index.js";

/** What is thrown wherever a process turns out not to be there. */
export const noSuchProcess = (pid: number, cause?: unknown): UnmeasurableError =>
  new UnmeasurableError("no-such-process", `process ${pid}: no such process`, {
    cause,
    hint: "list processes with ps -e; inside a container only its own processes are visible",
  });

function failure(pid: number, file: string, error: unknown): Error {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  switch (code) {
    // A process that ends while one of its files is being read makes that read fail with ESRCH.
    case "ENOENT":
    case "ESRCH":
      return noSuchProcess(pid, error);
    case "EACCES":
    case "EPERM":
      return new UnsupportedError("not-permitted", `process ${pid}: not permitted to read /proc/${pid}/${file}`, {
        cause: error,
        hint:
          process.geteuid?.() === 0
            ? "it takes CAP_SYS_PTRACE, which this root does not have over that process"
            : "run as root, for example with sudo",
      });
    default:
      return new RunError("proc-unreadable", `process ${pid}: /proc/${pid}/${file}: ${messageOf(error)}`, {
        cause: error,
      });
  }
}

function attempt<T>(pid: number, file: string, read: (path: string) => T): T {
  try {
    return read(`/proc/${pid}/${file}`);
  } catch (error) {
    throw failure(pid, file, error);
  }
}

/**
 * Text of `/proc/PID/FILE`. Throws UnmeasurableError (`no-such-process`), UnsupportedError (`not-permitted`) or
 * RunError (`proc-unreadable`); so do the two below.
 */
export const readProcFile = (pid: number, file: string): string =>
  attempt(pid, file, (path) => readFileSync(path, "utf8"));

/** Target of the link `/proc/PID/FILE`. */
export const readProcLink = (pid: number, file: string): string => attempt(pid, file, (path) => readlinkSync(path));

/** Device and inode of what the link `/proc/PID/FILE` leads to. */
export function readProcIdentity(pid: number, file: string): { readonly device: bigint; readonly inode: bigint } {
  const { dev, ino } = attempt(pid, file, (path) => statSync(path, { bigint: true }));
  return { device: dev, inode: ino };
}
