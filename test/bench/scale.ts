/**
 * Many functions at once, and many series: how long whole commands take until the last probe is on and from Ctrl-C to
 * their end, beside bpftrace; and what reading the series takes of us while a run goes on.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openGoBinary } from "../../src/binary/index.js";
import { type ProbePlan, planProbes } from "../../src/probes/index.js";
import { goProgram, openSymbolTable } from "../../src/symbols/index.js";
import { endTool, openSession } from "./attachments.js";
import { cCalls, planCFunction } from "./native.js";
import { LiveCode } from "./process-memory.js";
import { measureInRounds, type Series } from "./rounds.js";
import { Subject } from "./subject.js";
import { type Row, rowOf } from "./table.js";

const gospect = fileURLToPath(new URL("../../bundle/cli/main.js", import.meta.url));

/** LIMIT: how long a tool may take to put all its probes on. */
const PATIENCE_MS = 120_000;

/** Detaching is to take less than this. */
const DETACH_MS = 1000;

/** A running program, loaded where it was linked, and selectors for some of its functions. */
export interface ScaleSubject {
  /** For people: `a large program, 97 MB`. */
  readonly name: string;
  readonly path: string;
  readonly pid: number;
  /** Selectors by how many functions they are meant to be; the same for bpftrace, which knows a star too. */
  readonly selections: readonly {
    readonly selectors: readonly string[];
    /** Whether bpftrace, which takes 100 ms to let go of each, is asked too. */
    readonly bpftrace: "measured" | "too-slow";
  }[];
}

interface Turn {
  readonly attachMs: number;
  readonly detachMs: number;
}

const elapsedMs = (since: bigint): number => Number(process.hrtime.bigint() - since) / 1e6;

/** From start until all the places have their probes, then from Ctrl-C until its end. */
async function attachAndDetach(
  pid: number,
  places: readonly number[],
  [file, ...args]: readonly [string, ...string[]],
): Promise<Turn> {
  using code = new LiveCode(pid);
  const start = process.hrtime.bigint();
  const child = spawn(file, args, {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, BPFTRACE_MAX_PROBES: "100000" },
  });
  let complaint = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  const ended = once(child, "close");
  // Probes only come, in any order, so what is on need not be looked at again.
  for (let place = 0; place < places.length; ) {
    if (code.hasProbe(places[place] ?? 0)) {
      place++;
      continue;
    }
    if (child.exitCode !== null || elapsedMs(start) > PATIENCE_MS) {
      child.kill("SIGKILL");
      throw new Error(`${file}: ${place} of ${places.length} probes on: ${complaint}`);
    }
    await delay(1);
  }
  const attachMs = elapsedMs(start);
  const asked = process.hrtime.bigint();
  await endTool(child);
  const detachMs = elapsedMs(asked);
  await ended;
  return { attachMs, detachMs };
}

const many = (count: number): string => `${count.toLocaleString("en-US")} functions`;

async function planOf(path: string, probes: readonly string[]): Promise<ProbePlan> {
  using binary = await openGoBinary(path);
  return planProbes(goProgram(binary, openSymbolTable(binary)), { probes, by: [], signatures: [] });
}

/** Needs root, uprobe_multi links and bpftrace. */
export async function measureAttaching(
  { name, path, pid, selections }: ScaleSubject,
  rounds: number,
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  let theirs: Theirs | undefined;
  for (const { selectors, bpftrace } of selections) {
    const { probes } = await planOf(path, selectors);
    const ours: Turn[] = [];
    const entries = probes.map(({ entry }) => Number(entry.address));
    for (let round = 0; round < rounds; round++) {
      ours.push(
        await attachAndDetach(pid, entries, [process.execPath, gospect, "hist", "-q", "-p", `${pid}`, ...selectors]),
      );
    }
    if (bpftrace === "measured") {
      const firsts = probes.map(({ function: fn }) => Number(fn.address));
      const places = selectors.map((selector) => `uprobe:/proc/${pid}/exe:"${selector}"`);
      const script = `${places.join(",")} { @ = count(); }`;
      const turn = await attachAndDetach(pid, firsts, ["bpftrace", "-p", `${pid}`, "-e", script]);
      theirs = { name: `bpftrace, ${many(probes.length)}`, turn };
    }
    if (theirs === undefined) throw new Error("the first selection is compared with bpftrace");
    rows.push(...turnRows(`gospect hist on many functions of ${name}`, many(probes.length), ours, theirs));
  }
  return rows;
}

/** What bpftrace took for that many functions, of which it may have had fewer. */
interface Theirs {
  readonly name: string;
  readonly turn: Turn;
}

function turnRows(group: string, count: string, ours: readonly Turn[], { name, turn }: Theirs): readonly Row[] {
  const row = (what: string, reference: string, cost: Series, referenceCost: number, goal?: number): Row =>
    rowOf(
      { group, subject: `${count}, ${what}`, reference, unit: "ms", ...(goal === undefined ? {} : { goal }) },
      cost,
      cost.map(() => referenceCost),
    );
  const attached = ours.map(({ attachMs }) => attachMs);
  const detached = ours.map(({ detachMs }) => detachMs);
  return [
    row("start to last probe", name, attached, turn.attachMs),
    row("Ctrl-C to end", name, detached, turn.detachMs),
    row("Ctrl-C to end", "allowance", detached, DETACH_MS, 1),
  ];
}

interface Reading {
  readonly ms: Series;
  readonly cpuMs: Series;
}

/** A session that has so many series: what a snapshot of them takes, wall time and CPU time of ours. */
async function readSeries(count: number, rounds: number): Promise<Reading> {
  const program = cCalls(count, count);
  const plan = await planCFunction(["arg0"]);
  const cpu: number[] = [];
  let taken: Series = [];
  await using subject = await Subject.start(`${count} series`, program, async (pid) => {
    const session = await openSession(plan, pid, {
      keep: { histogram: true, stacks: false },
      seriesCapacity: count,
      capacities: { rows: 4 * count },
    });
    return {
      stop: async () => {
        using _stopping = session;
        const { series } = await measureInRounds(
          {
            series: async () => {
              const start = process.hrtime.bigint();
              const before = process.cpuUsage();
              const found = session.snapshot().series.length;
              const { user, system } = process.cpuUsage(before);
              if (found < count) throw new Error(`${found} series of ${count}`);
              cpu.push((user + system) / 1000);
              return elapsedMs(start);
            },
          },
          rounds,
        );
        taken = series;
        return undefined;
      },
    };
  });
  await subject.round();
  await subject.finish();
  // What warmed up is in the CPU times alone.
  return { ms: taken, cpuMs: cpu.slice(-taken.length) };
}

/** What reading `most` series takes against so many times what reading `least` does. */
export async function measureSeries(least: number, most: number, rounds: number): Promise<readonly Row[]> {
  const few = await readSeries(least, rounds);
  const all = await readSeries(most, rounds);
  const factor = most / least;
  const row = (subject: string, of: (reading: Reading) => Series): Row =>
    rowOf(
      {
        group: "a snapshot of all series of a run",
        subject: `${most.toLocaleString("en-US")} series, ${subject}`,
        reference: `${factor} × that of ${least.toLocaleString("en-US")}`,
        unit: "ms",
      },
      of(all),
      of(few).map((ms) => factor * ms),
    );
  return [row("wall time", ({ ms }) => ms), row("CPU time of gospect", ({ cpuMs }) => cpuMs)];
}
