/** The built program as a child process: what it prints, and how it ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The program: this file runs as build/test/kernel/cli.js. */
export const MAIN = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));

export interface Outcome {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  /** Resolves when stderr has shown this. */
  said(pattern: RegExp): Promise<void>;
  readonly outcome: Promise<Outcome>;
}

/** Commands that measure. What is compared with a program's own counts must have been on all the time. */
const MEASURING = new Set(["hist", "profile", "trace", "flow", "recipe"]);

/** The arguments, for a run whose probes never rest unless they say so. */
export function ungoverned(words: readonly string[]): readonly string[] {
  const [name = "", ...args] = words;
  const decides = args.some((word) => word.startsWith("--max-overhead") || word === "list" || word === "--help");
  return MEASURING.has(name) && !decides ? [name, "--max-overhead", "100%", ...args] : words;
}

/** LIMIT: how long a run may take: a hang, however busy the machine is. */
const PATIENCE_MS = 180_000;

/** Starts `command` (gospect itself without one) with these arguments; stdin is `input`, and ends there unless held. */
export function start(
  args: readonly string[],
  { input = "", holdsInput = false, env = {}, command = [] as readonly string[] } = {},
): Running {
  const [program = process.execPath, ...rest] = [...command, process.execPath, MAIN, ...ungoverned(args)];
  const child = spawn(program, rest, { env: { ...process.env, ...env }, stdio: "pipe" });
  const deadline = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  let [stdout, stderr] = ["", ""];
  let wake = (): void => undefined;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    wake();
  });
  child.stdin.on("error", () => undefined);
  child.stdin.write(input);
  if (!holdsInput) child.stdin.end();
  const outcome = new Promise<Outcome>((resolve) => {
    child.on("close", (status, signal) => {
      clearTimeout(deadline);
      resolve({ status, signal, stdout, stderr });
      wake();
    });
  });
  const said = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(stderr)) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`ended without ${pattern}: ${stderr}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { child, said, outcome };
}

export const gospect = (args: readonly string[], settings?: Parameters<typeof start>[1]): Promise<Outcome> =>
  start(args, settings).outcome;

export interface HistJson {
  readonly target: { readonly pid: number | null; readonly exe: string };
  readonly balance: Readonly<
    Record<"entries" | "returns" | "panics" | "goexits" | "open" | "unmatchedReturns" | "lost", number>
  >;
  readonly series: readonly {
    readonly by: Readonly<Record<string, unknown>>;
    readonly count: number;
    readonly sum: number | null;
  }[];
}

/** What `hist --json` printed, which is the last line of stdout. */
export const histOf = ({ stdout }: Outcome): HistJson => JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
