/**
 * What is measured: a running process, every process of a file, or a command that this run starts. A command is held
 * before its first instruction until its probes are on.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, readlinkSync, statSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { invariant, messageOf, RunError, UnmeasurableError, UnsupportedError } from "../base/index.js";
import { readEndedChildrenCpuTime } from "../kernel/index.js";
import { openProcess, type TargetProcess } from "../process/index.js";

export type TargetRequest =
  | { readonly kind: "pid"; readonly pid: number }
  | { readonly kind: "exe"; readonly path: string }
  | { readonly kind: "command"; readonly argv: readonly string[] };

/** How a command that we started ended. */
export type CommandEnd = { readonly status: number } | { readonly signal: NodeJS.Signals };

export interface Target extends Disposable {
  readonly request: TargetRequest;
  /** Opens the very file that runs, whatever happened to its name. */
  readonly path: string;
  readonly displayPath: string;
  /** The process, once there is exactly one. */
  process(): TargetProcess | undefined;
  /** Starts a command and holds it before its first instruction; nothing for other targets. */
  hold(): Promise<void>;
  /** Lets a held command run. */
  release(): void;
  /** Of a command: how it ends, once it does. Undefined for other targets, and for a command that was never started. */
  end(): Promise<CommandEnd | undefined>;
  /**
   * CPU time of a command that has ended, ns, with that of the children it waited for. Undefined before, and for other
   * targets.
   */
  findFinalCpuTime(): bigint | undefined;
  /** Sends a command a signal; nothing for other targets. */
  signal(signal: NodeJS.Signals): void;
  /** True when there is nothing left to measure: the process is gone, or has become another program. */
  hasEnded(): boolean;
}

/** /proc may be that of another pid namespace than ours, as after `unshare --pid` alone: its numbers are not ours. */
function requireOwnProc(): void {
  const self = readlinkSync("/proc/self");
  if (self === String(process.pid)) return;
  throw new UnsupportedError(
    "foreign-proc",
    `/proc belongs to another pid namespace: it calls process ${process.pid} ${self}`,
    {
      hint: "mount it anew, mount -t proc proc /proc in a mount namespace of its own, or run unshare with --mount-proc",
    },
  );
}

/**
 * Looks the target up; starts nothing. Throws UnmeasurableError when there is no such process, file or command,
 * UnsupportedError when /proc does not know processes by our numbers.
 */
export function openTarget(request: TargetRequest): Target {
  if (request.kind !== "exe") requireOwnProc();
  switch (request.kind) {
    case "pid":
      return pidTarget(request.pid);
    case "exe":
      return exeTarget(request.path);
    case "command":
      return new CommandTarget(request.argv);
  }
}

const nothing = (): void => undefined;

function pidTarget(pid: number): Target {
  const target = openProcess(pid);
  const program = target.findProgram();
  return {
    request: { kind: "pid", pid },
    path: target.executable.path,
    displayPath: target.executable.displayPath,
    process: () => target,
    hold: () => Promise.resolve(),
    release: nothing,
    end: () => Promise.resolve(undefined),
    findFinalCpuTime: () => undefined,
    signal: nothing,
    hasEnded: () => target.findProgram() !== program,
    [Symbol.dispose]: nothing,
  };
}

function exeTarget(path: string): Target {
  requireFile(path);
  return {
    request: { kind: "exe", path },
    path: resolve(path),
    displayPath: path,
    process: () => undefined,
    hold: () => Promise.resolve(),
    release: nothing,
    end: () => Promise.resolve(undefined),
    findFinalCpuTime: () => undefined,
    signal: nothing,
    hasEnded: () => false,
    [Symbol.dispose]: nothing,
  };
}

function requireFile(path: string): void {
  let isFile: boolean;
  try {
    isFile = statSync(path).isFile();
  } catch (cause) {
    throw new UnmeasurableError("no-such-file", `${path}: ${messageOf(cause).replace(/,.*/, "")}`, { cause });
  }
  if (!isFile) throw new UnmeasurableError("not-a-file", `${path}: not a regular file`);
}

/** The file a shell would run. */
function findCommand(name: string): string {
  const candidates = name.includes("/")
    ? [name]
    : (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, name));
  for (const candidate of candidates) {
    try {
      accessSync(candidate, constants.X_OK);
      if (statSync(candidate).isFile()) return resolve(candidate);
    } catch {
      // Not here: the next folder may have it.
    }
  }
  throw new UnmeasurableError("no-such-command", `${name}: command not found, or not executable`);
}

/** Waits for one line on descriptor 3, then becomes what its arguments say; its pid stays the same. */
const GATE = 'read -r gospect_gate <&3 || exit 127; exec 3<&-; exec "$@"';

/** Variables that a shell does not pass on, because they are none of its own: `NAME=VALUE` each. */
const foreignVariables = (): string[] =>
  Object.entries(process.env)
    .filter(([name]) => !/^[A-Za-z_]\w*$/.test(name))
    .map(([name, value]) => `${name}=${value}`);

class CommandTarget implements Target {
  readonly request: TargetRequest;
  readonly path: string;
  readonly displayPath: string;
  private readonly argv: readonly string[];
  private child: ChildProcess | undefined;
  private target: TargetProcess | undefined;
  private ending: Promise<CommandEnd | undefined> = Promise.resolve(undefined);
  private hasExited = false;
  /** Of children before this one, ns. */
  private childrenCpuTime = 0n;
  /** What the process runs once it is the command; see TargetProcess. */
  private program: string | undefined;

  constructor(argv: readonly string[]) {
    const name = argv[0];
    invariant(name !== undefined, "a command has a name");
    this.request = { kind: "command", argv };
    this.argv = argv;
    this.path = findCommand(name);
    this.displayPath = this.path;
  }

  process(): TargetProcess | undefined {
    return this.target;
  }

  async hold(): Promise<void> {
    const command = [this.path, ...this.argv.slice(1)];
    const foreign = foreignVariables();
    // env would take a path with = in it for a variable.
    if (foreign.length > 0 && !this.path.includes("=")) command.unshift("env", ...foreign);
    this.childrenCpuTime = readEndedChildrenCpuTime();
    const child = spawn("/bin/sh", ["-c", GATE, "sh", ...command], {
      stdio: ["inherit", "inherit", "inherit", "pipe"],
    });
    this.child = child;
    this.ending = new Promise((resolve) => {
      child.on("exit", (status, signal) => {
        this.hasExited = true;
        resolve(signal === null ? { status: status ?? 0 } : { signal });
      });
    });
    // A write to a gate that died is reported by the exit.
    child.stdio[3]?.on("error", nothing);
    await new Promise<void>((started, reject) => {
      child.once("spawn", started);
      child.once("error", (cause) =>
        reject(new RunError("start", `start ${this.path}: ${messageOf(cause)}`, { cause })),
      );
    });
    invariant(child.pid !== undefined, "a spawned child has a pid");
    this.target = openProcess(child.pid);
  }

  release(): void {
    const gate = this.child?.stdio[3];
    invariant(gate !== null && gate !== undefined && "end" in gate, "the command is held");
    gate.end("\n");
  }

  end(): Promise<CommandEnd | undefined> {
    return this.ending;
  }

  /** The command is the only child that this process has meanwhile. */
  findFinalCpuTime(): bigint | undefined {
    return this.hasExited ? readEndedChildrenCpuTime() - this.childrenCpuTime : undefined;
  }

  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  hasEnded(): boolean {
    if (this.hasExited) return true;
    // First it is the shell that holds the command.
    if (this.program === undefined && this.target?.executes(this.path)) this.program = this.target.findProgram();
    return this.program !== undefined && this.target?.findProgram() !== this.program;
  }

  /** Ends a command that is still held; one that runs already is not ours to end. */
  [Symbol.dispose](): void {
    const gate = this.child?.stdio[3];
    if (gate !== null && gate !== undefined && "destroy" in gate) gate.destroy();
    this.child?.unref();
  }
}
