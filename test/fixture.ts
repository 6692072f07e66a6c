/**
 * The fixture programs as tests see them: where a built one lies, how to start one and talk to it, what it says it did.
 *
 * A fixture prints lines of JSON on stdout and takes words on stdin (fixtures/control). Everything waits with a
 * deadline; a fixture dies with its stdin, and disposal kills the one child process that was started, by its pid.
 */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The versions that every program is built with in the usual modes. */
export const goVersions = ["1.19", "1.22", "1.27"] as const;

/** All versions that Debian has. */
export const everyGoVersion = ["1.19", "1.21", "1.22", "1.23", "1.24", "1.25", "1.26", "1.27"] as const;
export type GoVersion = (typeof everyGoVersion)[number];

export const fixtureModes = ["plain", "pie", "stripped", "pie-stripped"] as const;
export type FixtureMode =
  | (typeof fixtureModes)[number]
  | "external"
  | "static"
  | "unoptimized"
  | "uncompressed"
  | "arm64"
  | "c-shared";

export type FixtureProgram =
  | "abi"
  | "busy"
  | "callers"
  | "cgo"
  | "everyday"
  | "frames"
  | "library"
  | "places"
  | "store"
  | "torture"
  | "tree"
  | "truth"
  | "usdtcgo"
  | "usdtgo"
  | "values"
  | "variety";

/** LIMIT: how long a fixture may take to say its next line, or to end: a hang, however busy the machine is. */
const patienceMs = 180_000;

/** The checkout: this file runs as build/test/fixture.js. */
export const checkout = fileURLToPath(new URL("../../", import.meta.url));

/** The path of a built fixture. Throws, with the command that builds it, when it is missing. */
export function fixturePath(program: FixtureProgram, version: GoVersion, mode: FixtureMode): string {
  const path = `${checkout}build/fixtures/${program}/${version}-${mode}/${program}`;
  if (!existsSync(path)) {
    throw new Error(`${path} is not built: node fixtures/build.mjs ${program} --go ${version} --mode ${mode}`);
  }
  return path;
}

/** The path of a file of the C fixture `usdt`: the program, or one of its libraries. */
export function usdtPath(optimization: "O0" | "O2", file: "usdt" | "libfix.so" | "libmemory.so" = "usdt"): string {
  const path = `${checkout}build/fixtures/usdt/c-${optimization}/${file}`;
  if (!existsSync(path)) throw new Error(`${path} is not built: node fixtures/build.mjs usdt`);
  return path;
}

/** An argument as a fixture passed it; integers beyond 2^53 are strings, null is what no uprobe can read. */
export type FiredArgument = number | string | null;

/** A span's time lies between `innerNs` and `outerNs`. */
export interface SpanTruth {
  readonly goid?: number;
  readonly begin: readonly FiredArgument[];
  readonly end: readonly FiredArgument[];
  readonly innerNs: number;
  readonly outerNs: number;
}

/** What the programs with USDT probes did in one round; of `usdt` alone the functions, of the others alone the callers. */
export interface UsdtTruth {
  /** By `provider:name`: the arguments of each time it was fired, in no order. */
  readonly probes: Readonly<Record<string, readonly (readonly FiredArgument[])[]>>;
  /** By `provider:name..provider:name`. */
  readonly spans: Readonly<Record<string, readonly SpanTruth[]>>;
  /** By symbol: the calls. */
  readonly functions?: Readonly<
    Record<string, readonly { readonly args: readonly unknown[]; readonly ret?: FiredArgument; readonly left?: true }[]>
  >;
  /** By `provider:name`: the count at the end of the round. */
  readonly semaphores?: Readonly<Record<string, readonly number[]>>;
  /** By `provider:name`: who fired it; a stack is that of the Go functions, from the one that fired it on. */
  readonly callers?: Readonly<
    Record<
      string,
      readonly { readonly goid: number; readonly args: readonly FiredArgument[]; readonly stack: readonly string[] }[]
    >
  >;
}

/** Has `usdt`, `usdtcgo` or `usdtgo` do one round of its work and returns what happened. */
export async function runUsdt(fixture: Fixture): Promise<UsdtTruth> {
  fixture.send("go");
  return await fixture.nextMessage<UsdtTruth>();
}

/** The path of that version's `go`, the independent truth about binaries; fetched when it is not there yet. */
export function goCommand(version: GoVersion): string {
  return execFileSync(`${checkout}fixtures/toolchain.sh`, [version], { encoding: "utf8" }).trim();
}

/** A running program that speaks in lines. Disposal kills it. */
export class Fixture implements Disposable {
  readonly pid: number;
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly name: string;
  private readonly lines: string[] = [];
  private unfinished = "";
  private complaints = "";
  private ended = false;
  private wake: () => void = () => {};

  constructor(path: string, args: readonly string[]) {
    this.name = `${path} ${args.join(" ")}`;
    this.child = spawn(path, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.pid = this.child.pid ?? 0;
    this.child.stdout.setEncoding("utf8").on("data", (text: string) => this.receive(text));
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.complaints += text;
    });
    // A write to a fixture that has ended is reported by what is awaited next.
    this.child.stdin.on("error", () => {});
    this.child.on("error", (error) => this.end(`${error.message}\n`));
    this.child.on("close", () => this.end(""));
  }

  /** Writes one word, with its newline. */
  send(word: string): void {
    this.child.stdin.write(`${word}\n`);
  }

  /** The next line of stdout. Rejects, with what the program wrote on stderr, when it ended or stays silent too long. */
  async nextLine(timeoutMs = patienceMs): Promise<string> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const line = this.lines.shift();
      if (line !== undefined) return line;
      if (this.ended) throw this.failure("ended without another line");
      if (Date.now() >= deadline) throw this.failure(`said nothing for ${timeoutMs} ms`);
      await this.change(deadline);
    }
  }

  /** The next line, parsed. The caller knows which message it asked for. */
  async nextMessage<T>(timeoutMs = patienceMs): Promise<T> {
    const message: T = JSON.parse(await this.nextLine(timeoutMs));
    return message;
  }

  /** Sends `quit` and waits for the end; rejects unless the program exits with status 0. */
  async stop(timeoutMs = patienceMs): Promise<void> {
    this.send("quit");
    await this.waitForEnd(timeoutMs);
    if (this.child.exitCode !== 0) {
      throw this.failure(`ended with ${this.child.signalCode ?? `status ${this.child.exitCode}`}`);
    }
  }

  /** Waits until the program has ended, however it does. */
  async waitForEnd(timeoutMs = patienceMs): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!this.ended) {
      if (Date.now() >= deadline) throw this.failure(`did not end within ${timeoutMs} ms`);
      await this.change(deadline);
    }
  }

  get hasEnded(): boolean {
    return this.ended;
  }

  /** What it has written on stderr so far. */
  get stderr(): string {
    return this.complaints;
  }

  [Symbol.dispose](): void {
    // Node forgets the pid with the child's end, so this never reaches another process.
    this.child.kill("SIGKILL");
    this.child.stdin.destroy();
  }

  private failure(what: string): Error {
    return new Error(`${this.name} ${what}${this.complaints === "" ? "" : `:\n${this.complaints}`}`);
  }

  private receive(text: string): void {
    const parts = (this.unfinished + text).split("\n");
    this.unfinished = parts.pop() ?? "";
    this.lines.push(...parts);
    this.wake();
  }

  private end(complaint: string): void {
    this.complaints += complaint;
    this.ended = true;
    this.wake();
  }

  /** Resolves when a line or the end has come, or at the deadline. */
  private async change(deadline: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, deadline - Date.now()));
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Starts a fixture that speaks the protocol and returns once it is ready to be measured. */
export async function startFixture(path: string, args: readonly string[] = []): Promise<Fixture> {
  const fixture = new Fixture(path, args);
  try {
    const greeting = await fixture.nextMessage<{ ready?: boolean }>();
    if (greeting.ready !== true) throw new Error(`${path} began with ${JSON.stringify(greeting)}`);
    return fixture;
  } catch (error) {
    fixture[Symbol.dispose]();
    throw error;
  }
}

/** Durations of some calls. */
export interface Times {
  /** Nanoseconds. */
  readonly sum: number;
  /** How many have 0 significant bits, 1, 2…: those of n bits are in [2^(n-1), 2^n). */
  readonly bits?: readonly number[];
}

/** How calls of one kind ended, and their times: measured by the function itself, and by its caller around it. */
export interface Ending {
  readonly count: number;
  readonly inner: Times;
  readonly outer: Times;
}

/** entries = return.count + panic.count + goexit.count + open. Unmatched returns are not among the entries. */
export interface Tally {
  readonly entries: number;
  readonly return: Ending;
  readonly panic: Ending;
  readonly goexit: Ending;
  readonly open: number;
  readonly unmatchedReturns: number;
}

/** The calls with one value of an expression. null: nil was on the way. `hex` holds the bytes of what is not UTF-8. */
export interface Series extends Tally {
  readonly value: number | string | boolean | null;
  readonly hex?: string;
}

/** What one function did in a round of `truth`; `by` is keyed by the expression as --by takes it. */
export interface FunctionTruth extends Tally {
  readonly by?: Readonly<Record<string, readonly Series[]>>;
}

export type Truth = Readonly<Record<string, FunctionTruth>>;

/** Has `truth` do one round of its work and returns what happened. Integers beyond 2^53 are strings. */
export async function runTruth(fixture: Fixture): Promise<Truth> {
  fixture.send("go");
  const answer = await fixture.nextMessage<{ truth: Truth }>();
  return answer.truth;
}
