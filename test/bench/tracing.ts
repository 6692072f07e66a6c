/**
 * What a traced call costs: the target, per call, against counting it and against bpftrace printing the same line; and
 * whoever reads and prints, per line.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { findProcessCpuTime } from "../../src/kernel/index.js";
import {
  type Attach,
  type Counted,
  emptyOnPlannedSites,
  endTool,
  nothing,
  SESSION_SETTLES_MS,
  session,
} from "./attachments.js";
import { busy, type CallSettings, onlyProbe, planCalls, TEXT } from "./calls.js";
import { probedAt } from "./process-memory.js";
import type { Series } from "./rounds.js";
import { type MeasuredVariants, measureVariants } from "./subject.js";
import { comparison, type Row, rowOf } from "./table.js";

const MAIN = fileURLToPath(new URL("../../../build/bundle/cli/main.js", import.meta.url));

/** LIMIT: how long a tool may take to attach. */
const PATIENCE_MS = 30_000;
/** Lines of a call end so, whoever prints them. */
const LINE = /main\.Text\(tenant=/g;

/** A tool that prints a line per call into a file, and what of the processor it took. */
class LineTool {
  /** CPU time, ns, that it took from its attaching until it was asked to end. */
  cpuNs = 0n;
  lines = 0;

  readonly attach: (
    command: readonly string[],
    isOn: () => boolean | Promise<boolean>,
    env?: NodeJS.ProcessEnv,
  ) => ReturnType<Attach> = async ([file = "", ...args], isOn, env = {}) => {
    const folder = mkdtempSync(join(tmpdir(), "gospect-bench-"));
    const path = join(folder, "lines");
    const output = openSync(path, "w");
    const child = spawn(file, args, { stdio: ["ignore", output, "ignore"], env: { ...process.env, ...env } });
    closeSync(output);
    const deadline = Date.now() + PATIENCE_MS;
    while (!(await isOn())) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${file} ${args.join(" ")} did not attach`);
      await delay(50);
    }
    // Probes are there a moment before calls count.
    await delay(SESSION_SETTLES_MS);
    const begin = cpuTimeOf(child);
    const stop = async (): Promise<Counted> => {
      // What was written last is printed within a moment.
      await delay(SESSION_SETTLES_MS);
      this.cpuNs = cpuTimeOf(child) - begin;
      const closed = once(child, "close");
      await endTool(child);
      await closed;
      this.lines = readFileSync(path, "latin1").match(LINE)?.length ?? 0;
      rmSync(folder, { recursive: true });
      return { calls: this.lines, exact: false };
    };
    return { stop };
  };
}

function cpuTimeOf(child: ChildProcess): bigint {
  const time = child.pid === undefined ? undefined : findProcessCpuTime(child.pid);
  if (time === undefined) throw new Error("the tool has ended");
  return time;
}

type Variant = "empty" | "hist" | "leftOut" | "trace" | "bpftrace";

export interface TracingResults {
  readonly rows: readonly Row[];
  readonly notes: readonly string[];
}

/** Needs root, uprobe_multi links and bpftrace. */
export async function measureTracing(settings: CallSettings): Promise<TracingResults> {
  const how = { ...TEXT, goroutines: 1 };
  const probe = onlyProbe(await planCalls(how, []));
  const isProbed = probedAt(probe.function.address);
  // Ours is on the stack check's jump, behind the first instruction.
  const isMeasured = probedAt(probe.entry.address);
  const tools = { trace: new LineTool(), leftOut: new LineTool(), bpftrace: new LineTool() };
  const trace = (pid: number, ...more: string[]): string[] => [
    process.execPath,
    MAIN,
    ...["trace", "-q", "--max-overhead", "100%", "-p", `${pid}`, how.function, ...more],
  ];
  const printing = (pid: number): string =>
    `uprobe:/proc/${pid}/exe:"${how.function}" { printf("%s  ${how.function}(tenant=\\"%s\\")\\n", strftime("%H:%M:%S.%f", nsecs), ${how.bpftraceKey}); }`;
  const attaches: Readonly<Record<Variant | "bare", Attach>> = {
    bare: nothing,
    empty: emptyOnPlannedSites(probe),
    hist: session(await planCalls(how, [how.by]), { histogram: true, stacks: false }),
    leftOut: async (pid) => {
      const { stop } = await tools.leftOut.attach(trace(pid, "--where", "$duration > 1h"), () => isMeasured(pid));
      return { stop: async () => void (await stop()) };
    },
    trace: (pid) => tools.trace.attach(trace(pid), () => isMeasured(pid)),
    bpftrace: (pid) =>
      tools.bpftrace.attach(["bpftrace", "-p", `${pid}`, "-e", printing(pid)], () => isProbed(pid), {
        BPFTRACE_PERF_RB_PAGES: "4096",
      }),
  };
  const measured = await measureVariants(busy(how, settings.callsPerRound), attaches, settings.rounds);
  return {
    rows: rowsOf(how.by, measured, tools),
    notes: [rateOf(measured.callsPerSecond("trace"), tools.trace)],
  };
}

function rowsOf(
  by: string,
  { added }: MeasuredVariants<Variant>,
  tools: Readonly<Record<"trace" | "bpftrace", LineTool>>,
): readonly Row[] {
  const names = {
    empty: "empty programs, same sites",
    hist: `hist --by ${by}`,
    leftOut: "trace --where, left out",
    trace: "trace",
    bpftrace: "bpftrace printf() of the arguments",
  } as const;
  const group = "a traced call of a function of a string (main.Text), 1 goroutine";
  const row = comparison(group, names, added);
  const perLine = ({ cpuNs, lines }: LineTool): Series => [Number(cpuNs) / lines];
  const reading = {
    group: "reading and printing a line of a traced call",
    subject: names.trace,
    reference: names.bpftrace,
    unit: "ns",
  } as const;
  return [
    row("leftOut", "empty"),
    row("trace", "hist"),
    row("trace", "bpftrace"),
    rowOf(reading, perLine(tools.trace), perLine(tools.bpftrace)),
  ];
}

/** Calls a second while they were made, of which all were printed. */
function rateOf(perSecond: number, { lines }: LineTool): string {
  return `trace: ${Math.round(perSecond).toLocaleString("en-US")} calls a second of 1 goroutine, each of ${lines.toLocaleString("en-US")} printed`;
}
