/** A running process as the target of a measurement. */
import { existsSync, statSync } from "node:fs";
import { ProfilerError, UnmeasurableError } from "../base/index.js";
import { mappingsOfAccess } from "./code-files.js";
import { type Mapping, mappingsOfFile, parseMappings } from "./mappings.js";
import { type PidNamespace, readPidNamespace } from "./namespace.js";
import { noSuchProcess, readProcFile, readProcIdentity, readProcLink } from "./proc-file.js";
import { type ProcessStat, type ProcessStatus, parseStat, parseStatus } from "./status.js";

/** Whether there is a process with this number, ended but not yet waited for included. */
export const processExists = (pid: number): boolean => existsSync(`/proc/${pid}`);

/** Whether the process has such a thread. */
export const threadExists = (pid: number, tid: number): boolean => existsSync(`/proc/${pid}/task/${tid}`);

/** The file a process runs. */
export interface ProcessExecutable {
  /** `/proc/PID/exe`: opens this very file, in whatever container, replaced or deleted. */
  readonly path: string;
  /** For people: the path in the process' own mount namespace. */
  readonly displayPath: string;
  /** What /proc calls the file in links and mappings; has ` (deleted)` behind it once it is. */
  readonly linkPath: string;
  /** The name is gone, or by now another file's: a deploy replaced it. */
  readonly deleted: boolean;
  readonly inode: bigint;
}

const DELETED = " (deleted)";

/** Whether `path` names the file with that identity; false also when nothing is there, or nothing we may see. */
function isSameFile(path: string, identity: { readonly device: bigint; readonly inode: bigint }): boolean {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return dev === identity.device && ino === identity.inode;
  } catch {
    return false;
  }
}

function readExecutable(pid: number): ProcessExecutable {
  const linkPath = readProcLink(pid, "exe");
  const identity = readProcIdentity(pid, "exe");
  // A file's own name may end in those words.
  const deleted = linkPath.endsWith(DELETED) && !isSameFile(linkPath, identity);
  return {
    path: `/proc/${pid}/exe`,
    displayPath: deleted ? linkPath.slice(0, -DELETED.length) : linkPath,
    linkPath,
    deleted,
    inode: identity.inode,
  };
}

const hasEnded = (stat: ProcessStat): boolean => /[ZXx]/.test(stat.state) && stat.threads <= 1;

/** It was there and ours to look at when it was opened: it has ended, or become a program of other privileges. */
const isOutOfSight = (error: unknown): boolean =>
  error instanceof ProfilerError && (error.code === "no-such-process" || error.code === "not-permitted");

/** What was true when it was opened, and questions that are asked anew each time. */
export class TargetProcess {
  readonly pid: number;
  readonly command: string;
  readonly executable: ProcessExecutable;
  /** Effective user. */
  readonly userId: number;
  readonly startTicks: number;
  /** Its innermost pid namespace, and its pid there. */
  readonly namespace: PidNamespace;
  readonly namespacePid: number;

  constructor(pid: number, stat: ProcessStat, status: ProcessStatus, executable: ProcessExecutable) {
    this.pid = pid;
    this.command = stat.command;
    this.startTicks = stat.startTicks;
    this.userId = status.userId;
    this.namespacePid = status.namespacePid;
    this.executable = executable;
    this.namespace = readPidNamespace(pid);
  }

  /** False once it has ended, even if another process has its pid by now, or has become what we may not look at. */
  isAlive(): boolean {
    return this.findStat() !== undefined;
  }

  /**
   * Tells the program that it runs from every other that it was before or becomes by exec, the same file run anew
   * included. Undefined once it has ended, or has become what we may not look at, and while it is becoming another: an exec
   * whose program has many probes takes the kernel long, and the stack that it begins with moves meanwhile.
   * LIMIT: without address space randomization a file run anew looks the same.
   */
  findProgram(): string | undefined {
    const stat = this.findStat();
    if (stat === undefined || stat.codeStart === 0) return undefined;
    try {
      const { device, inode } = readProcIdentity(this.pid, "exe");
      return `${device}:${inode} ${stat.stackStart}`;
    } catch (error) {
      if (isOutOfSight(error)) return undefined;
      throw error;
    }
  }

  /** Whether what it runs now is the file at `path`. */
  executes(path: string): boolean {
    try {
      return isSameFile(path, readProcIdentity(this.pid, "exe"));
    } catch (error) {
      if (isOutOfSight(error)) return false;
      throw error;
    }
  }

  /** All its mappings now. Throws as openProcess does. */
  readMappings(): readonly Mapping[] {
    return parseMappings(readProcFile(this.pid, "maps"));
  }

  /** Those of its executable, whatever that is called now. Throws as openProcess does. */
  readExecutableMappings(): readonly Mapping[] {
    return mappingsOfFile(this.readMappings(), readExecutable(this.pid));
  }

  /** Those of the file that a path of `readCodeFiles`, or any other, opens. Empty when it has none of it. Throws as openProcess does. */
  readMappingsOf(access: string): readonly Mapping[] {
    if (access === this.executable.path) return this.readExecutableMappings();
    return mappingsOfAccess(this.pid, this.readMappings(), access);
  }

  private findStat(): ProcessStat | undefined {
    try {
      const stat = parseStat(readProcFile(this.pid, "stat"));
      return stat.startTicks === this.startTicks && !hasEnded(stat) ? stat : undefined;
    } catch (error) {
      if (isOutOfSight(error)) return undefined;
      throw error;
    }
  }
}

/**
 * Looks a process up by its pid. Throws UnmeasurableError (`no-such-process`, `not-a-process` for a thread's id,
 * `no-executable` for kernel threads) or UnsupportedError (`not-permitted`).
 */
export function openProcess(pid: number): TargetProcess {
  const stat = parseStat(readProcFile(pid, "stat"));
  const status = parseStatus(readProcFile(pid, "status"));
  if (status.processId !== pid)
    throw new UnmeasurableError("not-a-process", `${pid} is a thread of process ${status.processId}`, {
      hint: `name the process: --pid ${status.processId}`,
    });
  if (hasEnded(stat)) throw noSuchProcess(pid);
  return new TargetProcess(pid, stat, status, requireExecutable(pid));
}

function requireExecutable(pid: number): ProcessExecutable {
  try {
    return readExecutable(pid);
  } catch (error) {
    const gone = error instanceof ProfilerError && error.code === "no-such-process";
    // A kernel thread is there, but has no executable: only that link does not lead anywhere.
    if (!gone || hasEnded(parseStat(readProcFile(pid, "stat")))) throw error;
    throw new UnmeasurableError("no-executable", `process ${pid} runs no executable file: a kernel thread?`, {
      cause: error,
    });
  }
}
