/** Which measurements make the table: all of them for `make bench`, one quick round of each for CI. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openGoBinary } from "../../src/binary/index.js";
import { planProbes } from "../../src/probes/index.js";
import { goProgram, openSymbolTable } from "../../src/symbols/index.js";
import { fixturePath, goCommand, startFixture } from "../fixture.js";
import { CALL_CASES, measureCalls, USUAL } from "./calls.js";
import { countWork, type WorkRow } from "./instructions.js";
import { LARGE_FUNCTION, writeLargeProgram } from "./large-program.js";
import { tryLatencyScripts } from "./latency-script.js";
import { measureCFunction } from "./native.js";
import { measureReading, type ReadingSubject } from "./reading.js";
import { measureReturns } from "./returns.js";
import { measureAttaching, measureSeries, type ScaleSubject } from "./scale.js";
import { measureHelp, measureStartup, type StartupSubject } from "./startup.js";
import { measureStaticProbes } from "./static-probes.js";
import type { Row } from "./table.js";
import { measureTracing } from "./tracing.js";
import { measureWays } from "./ways.js";

export interface Results {
  readonly rows: readonly Row[];
  /** What the programs execute. */
  readonly work: readonly WorkRow[];
  /** Sentences about what has no ratio. */
  readonly notes: readonly string[];
}

export type Progress = (what: string) => void;

const checkout = fileURLToPath(new URL("../../../", import.meta.url));

/** A program of the bench's own, with its debug data and without; built once. */
interface BuiltProgram {
  readonly name: string;
  readonly plain: string;
  readonly stripped: string;
  readonly function: string;
}

function built(tell: Progress, name: string, cwd: string, what: string): Pick<BuiltProgram, "plain" | "stripped"> {
  const plain = `${checkout}build/bench/${name}`;
  const stripped = `${plain}-stripped`;
  const modes = { [plain]: [], [stripped]: ["-ldflags=-s -w"] };
  for (const [path, flags] of Object.entries(modes)) {
    if (existsSync(path)) continue;
    tell(`building ${path.slice(checkout.length)}, once`);
    mkdirSync(dirname(path), { recursive: true });
    execFileSync(goCommand("1.27"), ["build", ...flags, "-o", path, what], {
      cwd,
      stdio: ["ignore", "inherit", "inherit"],
    });
  }
  return { plain, stripped };
}

const builtCompiler = (tell: Progress): BuiltProgram => ({
  name: "cmd/compile",
  function: "cmd/compile/internal/ssa.(*Func).newValue",
  ...built(tell, "compile", checkout, "cmd/compile"),
});

function builtLarge(tell: Progress): BuiltProgram {
  const source = `${checkout}build/bench/large-source`;
  writeLargeProgram(source);
  return { name: "a large program", function: LARGE_FUNCTION, ...built(tell, "large", source, ".") };
}

const megabytes = (path: string): string => `${(statSync(path).size / 1e6).toFixed(0)} MB`;

const readingSubjects = ({ name, plain, stripped, function: fn }: BuiltProgram): readonly ReadingSubject[] => [
  { name: `${name}, ${megabytes(plain)} with DWARF`, path: plain, withSymbols: plain, function: fn },
  { name: `${name}, ${megabytes(stripped)} stripped`, path: stripped, withSymbols: plain, function: fn },
];

/** Where in the process of a program that is loaded where it was linked the entry probe of `function` sits. */
async function startupSubject(name: string, pid: number, path: string, fn: string): Promise<StartupSubject> {
  using binary = await openGoBinary(path);
  const plan = planProbes(goProgram(binary, openSymbolTable(binary)), { probes: [fn], by: [], signatures: [] });
  const entry = plan.probes[0]?.entry.address;
  if (entry === undefined || plan.target.positionIndependent) throw new Error(`${path}: ${fn} has no fixed place`);
  return { name, pid, function: fn, entryAddress: entry };
}

const ETCD = "/usr/bin/etcd";
/** LIMIT: a program that has just started is busy; this is enough to have a quiet process. */
const SETTLES_MS = 2000;

/** Debian's etcd, idle on the loopback, with a data folder of its own. */
async function startupOnEtcd(rounds: number): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), "gospect-bench-"));
  const any = "http://127.0.0.1:0";
  const args = ["--data-dir", folder, "--listen-client-urls", any, "--advertise-client-urls", any];
  const etcd = spawn(ETCD, [...args, "--listen-peer-urls", any], { stdio: "ignore" });
  try {
    await delay(SETTLES_MS);
    if (etcd.pid === undefined || etcd.exitCode !== null) throw new Error(`${ETCD} does not run`);
    const name = `etcd, ${megabytes(ETCD)} stripped`;
    return await measureStartup(await startupSubject(name, etcd.pid, ETCD, "net/http.(*conn).serve"), rounds);
  } finally {
    etcd.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The large program, idle: it waits for connections on the loopback. */
async function onLarge(path: string, measure: (pid: number) => Promise<readonly Row[]>): Promise<readonly Row[]> {
  const child = spawn(path, ["127.0.0.1:0"], { stdio: "ignore" });
  try {
    await delay(SETTLES_MS);
    if (child.pid === undefined || child.exitCode !== null) throw new Error(`${path} does not run`);
    return await measure(child.pid);
  } finally {
    child.kill("SIGKILL");
  }
}

const startupOnLarge = (program: BuiltProgram, path: string, mode: string, rounds: number): Promise<readonly Row[]> =>
  onLarge(path, async (pid) => {
    const name = `${program.name}, ${megabytes(path)} ${mode}`;
    return measureStartup(await startupSubject(name, pid, path, program.function), rounds);
  });

/** Some ten functions, a hundred, a thousand, twenty thousand. */
const SELECTIONS: ScaleSubject["selections"] = [
  { selectors: ["large/volumeledger97.(*InvoiceReplica17).*"], bpftrace: "measured" },
  { selectors: ["I", "L", "O", "T"].map((letter) => `large/volumeledger97.(*${letter}*`), bpftrace: "measured" },
  { selectors: ["7", "17", "27"].map((number) => `large/volumeledger${number}.*`), bpftrace: "too-slow" },
  { selectors: ["o", "tenant", "ledger", "invoicereplica18"].map((name) => `large/${name}*`), bpftrace: "too-slow" },
];

const attachingToLarge = ({ name, plain }: BuiltProgram, rounds: number): Promise<readonly Row[]> =>
  onLarge(plain, (pid) =>
    measureAttaching({ name: `${name}, ${megabytes(plain)}`, path: plain, pid, selections: SELECTIONS }, rounds),
  );

async function startupOnFixture(rounds: number): Promise<readonly Row[]> {
  const path = fixturePath("busy", "1.27", "plain");
  using fixture = await startFixture(path);
  return await measureStartup(await startupSubject("busy", fixture.pid, path, "main.Frame"), rounds);
}

/** Everything; minutes. */
export async function measureAll(tell: Progress): Promise<Results> {
  const rows: Row[] = [];
  const large = builtLarge(tell);
  tell("start-up");
  rows.push(...(await measureHelp(21)));
  rows.push(...(await startupOnEtcd(11)));
  rows.push(...(await startupOnLarge(large, large.plain, "with DWARF", 5)));
  rows.push(...(await startupOnLarge(large, large.stripped, "stripped", 5)));
  for (const subject of [builtCompiler(tell), large].flatMap(readingSubjects)) {
    tell(`reading ${subject.name}`);
    rows.push(...(await measureReading(subject, 3)));
  }
  tell("many functions, many series");
  rows.push(...(await attachingToLarge(large, 3)), ...(await measureSeries(1000, 100_000, 3)));
  const settings = { callsPerRound: 6000, rounds: 7 };
  for (const each of CALL_CASES) {
    tell(`calls of ${each.function} by ${each.goroutines}`);
    rows.push(...(await measureCalls(each, settings)));
  }
  tell("calls of a C function");
  rows.push(...(await measureCFunction({ callsPerRound: 50_000, rounds: 7 })));
  tell("what specialised programs are worth");
  rows.push(...(await measureWays(settings)));
  tell("traced calls");
  const tracing = await measureTracing({ callsPerRound: 10_000, rounds: 7 });
  rows.push(...tracing.rows);
  tell("static probes");
  rows.push(...(await measureStaticProbes({ passes: 50_000_000, hits: 20_000, rounds: 7 })));
  tell("returns by the program, on another kernel");
  rows.push(...(await measureReturns({ callsPerRound: 2000, rounds: 11 })));
  tell("instructions executed");
  const work = await countWork();
  tell("latency scripts");
  return { rows, work, notes: [...tracing.notes, ...(await tryLatencyScripts(10))] };
}

/** Two functions of busy, and one more. */
async function attachingToFixture(): Promise<readonly Row[]> {
  const path = fixturePath("busy", "1.27", "plain");
  using fixture = await startFixture(path);
  const selections: ScaleSubject["selections"] = [
    { selectors: ["main.Frame", "main.Text"], bpftrace: "measured" },
    { selectors: ["main.Frame", "main.Leaf", "main.Text"], bpftrace: "too-slow" },
  ];
  return await measureAttaching({ name: "busy", path, pid: fixture.pid, selections }, 1);
}

/** The same measurements on fixtures, once each; seconds. */
export async function measureBriefly(tell: Progress): Promise<Results> {
  const rows: Row[] = [...(await measureHelp(1)), ...(await startupOnFixture(1))];
  const path = fixturePath("busy", "1.27", "plain");
  rows.push(...(await measureReading({ name: "busy", path, withSymbols: path, function: "main.Frame" }, 1)));
  rows.push(...(await attachingToFixture()), ...(await measureSeries(10, 100, 1)));
  const settings = { callsPerRound: 2000, rounds: 1 };
  rows.push(...(await measureCalls(USUAL, settings)), ...(await measureCFunction(settings)));
  rows.push(...(await measureWays(settings)));
  tell("traced calls");
  const tracing = await measureTracing(settings);
  rows.push(...tracing.rows, ...(await measureStaticProbes({ passes: 5_000_000, hits: 2000, rounds: 1 })));
  const work = await countWork();
  tell("latency scripts");
  return { rows, work, notes: [...tracing.notes, ...(await tryLatencyScripts(1))] };
}

/** The machine in words that name no machine. */
export function describeMachine(): string {
  const cpuinfo = readFileSync("/proc/cpuinfo", "utf8");
  const cpus = cpuinfo.match(/^processor\s*:/gm)?.length ?? 0;
  const virtual = /^flags\s*:.*\bhypervisor\b/m.test(cpuinfo) ? ", virtual machine" : "";
  const kernel = readFileSync("/proc/sys/kernel/osrelease", "utf8").trim().split(".").slice(0, 2).join(".");
  const idle = (Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0]) / cpus).toFixed(1);
  return `${cpus} CPUs of ${process.arch}${virtual}, kernel ${kernel}, Node ${process.versions.node}, load at the end ${idle} per CPU`;
}
