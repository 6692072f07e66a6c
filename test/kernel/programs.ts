/**
 * Programs as their users run them, gospect among them: a server of Debian's with its data in a folder of its own on
 * loopback ports of its own, the metrics it keeps about itself, and a measuring run around a load.
 *
 * Everything waits with a deadline; disposal ends the one child process that was started, by its pid.
 */
import assert from "node:assert/strict";
import { type ChildProcessByStdio, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { type GoVersion, goCommand } from "../fixture.js";
import { ungoverned } from "./cli.js";

const MAIN = "build/src/cli/main.js";

/** LIMIT: how long a program may take to start, to answer, or to end: a hang, however busy the machine is. */
const PATIENCE_MS = 180_000;

/** Asks until the answer is one. */
export async function until<T>(what: string, ask: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${PATIENCE_MS} ms`);
    await sleep(20);
  }
}

/** A port of 127.0.0.1 that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  assert.ok(address !== null && typeof address === "object");
  return address.port;
}

/** A child process that only prints. */
class Child {
  readonly pid: number;
  stdout = "";
  stderr = "";
  private readonly process: ChildProcessByStdio<null, Readable, Readable>;
  private readonly closed: Promise<unknown>;
  private hasClosed = false;

  constructor(file: string, args: readonly string[], cwd?: string) {
    this.process = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], ...(cwd === undefined ? {} : { cwd }) });
    this.pid = this.process.pid ?? 0;
    this.process.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    this.process.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.closed = new Promise<void>((resolve) => {
      this.process.on("error", (error) => {
        this.stderr += error.message;
        resolve();
      });
      this.process.on("close", () => resolve());
    }).then(() => {
      this.hasClosed = true;
    });
  }

  get hasEnded(): boolean {
    return this.hasClosed;
  }

  /** Asks it to end and waits; the status, or what killed it. */
  async end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null> {
    this.process.kill(signal);
    const killing = setTimeout(() => this.process.kill("SIGKILL"), PATIENCE_MS);
    await this.closed;
    clearTimeout(killing);
    return this.process.exitCode ?? this.process.signalCode;
  }
}

/** A server that is up: it has answered at its address. */
export class Server implements AsyncDisposable {
  readonly pid: number;
  /** Its folder, removed with it. */
  readonly folder: string;
  private readonly child: Child;
  private readonly url: string;

  private constructor(child: Child, folder: string, url: string) {
    this.child = child;
    this.pid = child.pid;
    this.folder = folder;
    this.url = url;
  }

  /** `arguments_` gets the server's own folder, which is its working directory too. */
  static async start(file: string, port: number, arguments_: (folder: string) => readonly string[]): Promise<Server> {
    const folder = mkdtempSync(join(tmpdir(), "gospect-server-"));
    const server = new Server(new Child(file, arguments_(folder), folder), folder, `http://127.0.0.1:${port}`);
    try {
      await until(`${file} answers`, async () => {
        if (server.child.hasEnded) throw new Error(`${file} has ended:\n${server.child.stderr}`);
        return await fetch(`${server.url}/metrics`).then(
          (response) => (response.ok ? true : undefined),
          () => undefined,
        );
      });
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  async get(path: string): Promise<string> {
    const response = await fetch(this.url + path);
    const text = await response.text();
    assert.ok(response.ok, `${path}: ${response.status} ${text}`);
    return text;
  }

  /** What the program counts of itself (Prometheus text format): value by name and labels, as printed. */
  async metrics(): Promise<Metrics> {
    const lines = (await this.get("/metrics")).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    return new Metrics(
      lines.map((line) => {
        const end = line.lastIndexOf(" ");
        return [line.slice(0, end), Number(line.slice(end + 1))];
      }),
    );
  }

  /** Ends the server as an init system would; it must end well. */
  async stop(): Promise<void> {
    const status = await this.child.end("SIGTERM");
    assert.ok(status === 0 || status === "SIGTERM", `${this.url} ended with ${status}:\n${this.child.stderr}`);
    assert.doesNotMatch(this.child.stderr, /^(panic|fatal error|unexpected (fault|signal)|SIG[A-Z]+):/m);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.child.hasEnded) await this.child.end("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class Metrics {
  private readonly values: ReadonlyMap<string, number>;

  constructor(values: Iterable<readonly [string, number]>) {
    this.values = new Map(values);
  }

  /** The sum over all series of that name whose labels hold all of these: `{code: "200"}`. */
  get(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
    let sum = 0;
    for (const [series, value] of this.values) {
      const [own, rest = ""] = series.split(/\{(.*)\}$/s);
      if (own === name && wanted.every((label) => rest.split(/,(?=\w+=")/).includes(label))) sum += value;
    }
    return sum;
  }
}

/** A run of the built program on a process. */
export class Run implements AsyncDisposable {
  private readonly child: Child;

  private constructor(child: Child) {
    this.child = child;
  }

  /** Resolves when the probes are on. */
  static async start(...args: readonly string[]): Promise<Run> {
    const run = new Run(new Child(process.execPath, [MAIN, ...ungoverned(args)]));
    await until(`gospect ${args.join(" ")}`, () => {
      if (run.child.hasEnded) throw new Error(`gospect ${args.join(" ")}:\n${run.child.stderr}`);
      return /^measuring /m.test(run.child.stderr) ? true : undefined;
    });
    return run;
  }

  /** Ctrl-C, and what was printed by then. */
  async stop(): Promise<{ readonly stdout: string; readonly stderr: string }> {
    assert.equal(await this.child.end("SIGINT"), 0, this.child.stderr);
    return this.child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.child.hasEnded) await this.child.end("SIGKILL");
  }
}

/** What this suite reads of `hist --json`. */
export interface Hist {
  readonly balance: Readonly<
    Record<"entries" | "returns" | "panics" | "goexits" | "open" | "unmatchedReturns" | "lost", number>
  >;
  readonly series: readonly {
    readonly function: string;
    readonly by: Readonly<Record<string, unknown>>;
    readonly count: number;
    readonly sum: number;
  }[];
}

/** The histograms of what happens in a process during `load`. */
export const hist = (pid: number, args: readonly string[], load: () => Promise<unknown>): Promise<Hist> =>
  histOf(["-p", String(pid)], args, load);

/** The same of any target, which is given as on the command line. */
export async function histOf(
  target: readonly string[],
  args: readonly string[],
  load: () => Promise<unknown>,
): Promise<Hist> {
  await using run = await Run.start("hist", ...target, "--json", ...args);
  await load();
  const result: Hist = JSON.parse((await run.stop()).stdout);
  return result;
}

/** Writes the profile of what happens during `load` to `file`. */
export async function profile(
  pid: number,
  file: string,
  args: readonly string[],
  load: () => Promise<unknown>,
): Promise<void> {
  await using run = await Run.start("profile", "-p", String(pid), "-o", file, ...args);
  await load();
  await run.stop();
}

/** Calls that were all seen from entry to return. */
export const allReturned = (calls: number): Hist["balance"] => ({
  entries: calls,
  returns: calls,
  panics: 0,
  goexits: 0,
  open: 0,
  unmatchedReturns: 0,
  lost: 0,
});

/** Places that were passed, which have no end. */
export const allPassed = (times: number): Hist["balance"] & { readonly counted: number } => ({
  ...allReturned(0),
  counted: times,
});

/** Counts by function or by the text of the given values, in the order of their names. */
export function counts(series: Hist["series"], ...by: readonly string[]): Record<string, number> {
  const result = new Map<string, number>();
  for (const one of series) {
    const key = by.length === 0 ? one.function : by.map((name) => String(one.by[name])).join(" ");
    result.set(key, (result.get(key) ?? 0) + one.count);
  }
  return Object.fromEntries([...result].sort());
}

/** Waits for a command; its stdout. Rejects unless it succeeds. */
export async function output(file: string, ...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(file, args, { timeout: PATIENCE_MS })).stdout;
}

/**
 * What `go tool pprof` of that version prints. Lines that tell when and how the run was are left out; each call has a
 * cache folder of its own, so that no other build with the same id is taken for the file.
 */
export function pprof(version: GoVersion, file: string, ...options: readonly string[]): string {
  const scratch = mkdtempSync(join(tmpdir(), "gospect-pprof-"));
  try {
    const text = execFileSync(goCommand(version), ["tool", "pprof", ...options, file], {
      encoding: "utf8",
      env: { ...process.env, GOTOOLCHAIN: "local", PPROF_TMPDIR: scratch, PPROF_BINARY_PATH: scratch },
      stdio: ["ignore", "pipe", "pipe"],
    });
    return text.replace(/^(File|Build ID|Time|Duration|gospect profile|\d+ entr(y|ies) =).*\n/gm, "");
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** The stacks of a report of `-traces`, leaf first. */
export function tracesOf(report: string): { readonly calls: number; readonly stack: readonly string[] }[] {
  return report
    .split(/^-+\+-+\n/m)
    .slice(1)
    .filter((trace) => trace.trim() !== "")
    .map((trace) => {
      const [first = "", ...callers] = trace.trimEnd().split("\n");
      const [, calls, leaf = ""] = /^ *(\d+) {3}(.*)$/.exec(first) ?? [];
      return { calls: Number(calls), stack: [leaf, ...callers.map((line) => line.trim())] };
    });
}

/** The functions of a report of `-top` that have something of their own: what, its share, and the name. */
export function flatOf(report: string): string[] {
  return [...report.matchAll(/^ *([1-9]\S*) +(\S+%) +\S+% +\S+ +\S+% {2}(.*)$/gm)].map(([, flat, share, name]) =>
    [flat, share, name].join(" "),
  );
}
