/**
 * What it takes to read a program's file: `list`, `list --names` and `plan` of one function with its arguments, beside the
 * tools that read the same tables. Wall time of whole commands, and the largest resident set of ours.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { goCommand } from "../fixture.js";
import { measureInRounds, median, type Series } from "./rounds.js";
import { type Row, rowOf } from "./table.js";

const gospect = fileURLToPath(new URL("../../bundle/cli/main.js", import.meta.url));
const memoryPeak = fileURLToPath(new URL("memory-peak.cjs", import.meta.url));

/** Times `go tool nm`. */
const GOAL_LIST = 2;
/** Of a plan: so many times Node's own start, and so many milliseconds. */
const GOAL_STARTS = 1.5;
const GOAL_MS = 100;
const GOAL_MEGABYTES = 150;
const KIB = 1024;
const MEGABYTE = 1e6;

export interface ReadingSubject {
  /** For people: `cmd/compile, 37 MB with DWARF`. */
  readonly name: string;
  readonly path: string;
  /** The same program with its symbol table, which `go tool nm` cannot do without. */
  readonly withSymbols: string;
  /** To be planned. */
  readonly function: string;
}

/** Runs to its end, output thrown away. Answers the wall time and what it wrote on descriptor 3. */
async function run(
  command: string,
  args: readonly string[],
  env = process.env,
): Promise<{ readonly ms: number; readonly note: string }> {
  const start = process.hrtime.bigint();
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit", "pipe"], env });
  let note = "";
  child.stdio[3]?.on("data", (bytes: Buffer) => {
    note += bytes.toString();
  });
  const exited = once(child, "exit").then(() => Number(process.hrtime.bigint() - start) / 1e6);
  await once(child, "close");
  if (child.exitCode !== 0) throw new Error(`${command} ${args.join(" ")}: ${child.signalCode ?? child.exitCode}`);
  return { ms: await exited, note };
}

/** A command of ours, and the memory of its runs. */
class Command {
  readonly peaks: number[] = [];
  private readonly args: readonly string[];
  private readonly env: NodeJS.ProcessEnv;

  /** What it keeps for the next time is in `cacheHome`. */
  constructor(cacheHome: string, ...args: readonly string[]) {
    this.args = args;
    this.env = { ...process.env, XDG_CACHE_HOME: cacheHome };
  }

  async run(): Promise<number> {
    const { ms, note } = await run(process.execPath, ["--require", memoryPeak, gospect, ...this.args], this.env);
    this.peaks.push((Number(note) * KIB) / MEGABYTE);
    return ms;
  }
}

/** The row for a largest resident set against what a command may take. */
export function memoryRow(group: string, subject: string, peaks: Series): Row {
  const cost = median(peaks);
  return {
    group,
    subject,
    cost,
    reference: "allowance",
    referenceCost: GOAL_MEGABYTES,
    unit: "MB",
    ratio: cost / GOAL_MEGABYTES,
    goal: 1,
  };
}

export async function measureReading(subject: ReadingSubject, rounds: number): Promise<readonly Row[]> {
  const cacheHome = mkdtempSync(join(tmpdir(), "gospect-bench-"));
  try {
    return await measureReadingWith(cacheHome, subject, rounds);
  } finally {
    rmSync(cacheHome, { recursive: true });
  }
}

async function measureReadingWith(cacheHome: string, subject: ReadingSubject, rounds: number): Promise<readonly Row[]> {
  const { path, withSymbols } = subject;
  const go = goCommand("1.27");
  const list = new Command(cacheHome, "list", "--no-cache", "-e", path);
  const again = new Command(cacheHome, "list", "-e", path);
  const names = new Command(cacheHome, "list", "--names", "-e", path);
  const plan = new Command(cacheHome, "plan", "-e", path, subject.function);
  await again.run();
  again.peaks.length = 0;
  const taken = await measureInRounds(
    {
      list: () => list.run(),
      again: () => again.run(),
      names: () => names.run(),
      plan: () => plan.run(),
      nm: async () => (await run(go, ["tool", "nm", withSymbols])).ms,
      readelf: async () => (await run("readelf", ["--debug-dump=info", withSymbols])).ms,
      bpftrace: async () => (await run("bpftrace", ["-l", `uprobe:${withSymbols}:*`])).ms,
      empty: async () => (await run(process.execPath, ["-e", "0"])).ms,
    },
    rounds,
  );
  const group = `reading ${subject.name}`;
  const row = (what: string, cost: Series, reference: string, referenceCost: Series, goal?: number): Row =>
    rowOf(
      { group, subject: what, reference, unit: "ms", ...(goal === undefined ? {} : { goal }) },
      cost,
      referenceCost,
    );
  const allowance = taken.empty.map((ms) => GOAL_STARTS * ms + GOAL_MS);
  return [
    row("list", taken.list, "go tool nm", taken.nm, GOAL_LIST),
    row("list", taken.list, "readelf --debug-dump=info", taken.readelf),
    row("list, once more", taken.again, "go tool nm", taken.nm, GOAL_LIST),
    row("list --names", taken.names, "go tool nm", taken.nm, GOAL_LIST),
    row("list --names", taken.names, "bpftrace -l 'uprobe:FILE:*'", taken.bpftrace),
    row("plan of a function", taken.plan, "node -e 0", taken.empty),
    row("plan of a function", taken.plan, `${GOAL_STARTS} × node -e 0 + ${GOAL_MS} ms`, allowance, 1),
    memoryRow(group, "list, peak memory", list.peaks),
    memoryRow(group, "list, once more, peak memory", again.peaks),
    memoryRow(group, "list --names, peak memory", names.peaks),
    memoryRow(group, "plan, peak memory", plan.peaks),
  ];
}
