/**
 * What a measured call of a C function costs, where the latency scripts of other tools are at home: a uretprobe is right
 * there, so bpftrace's and bcc's funclatency measure the same as ours.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { openCodeFile } from "../../src/binary/index.js";
import { type ProbePlan, planProbes } from "../../src/probes/index.js";
import { CodeFile } from "../../src/symbols/index.js";
import { checkout } from "../fixture.js";
import { type Attach, bpftrace, emptyOnPlannedSites, funclatency, nothing, session } from "./attachments.js";
import { type CallSettings, GOAL_BPFTRACE, GOAL_SAME_SITES, onlyProbe } from "./calls.js";
import { probedAt } from "./process-memory.js";
import { type CallingProgram, measureVariants } from "./subject.js";
import { comparison, type Row } from "./table.js";

const FUNCTION = "measured";
const SOURCE = `${checkout}test/bench/c-calls.c`;
const PROGRAM = `${checkout}build/bench/c-calls`;

/** The C program, which is built at once: so many calls a round, with so many different arguments. */
export function cCalls(calls: number, distinct: number): CallingProgram {
  mkdirSync(`${checkout}build/bench`, { recursive: true });
  // At the addresses it is linked for, so that a site's address is the process' own.
  execFileSync("gcc", ["-O2", "-fno-omit-frame-pointer", "-fcf-protection=none", "-no-pie", "-o", PROGRAM, SOURCE]);
  return { path: PROGRAM, args: [`${calls}`, `${distinct}`] };
}

/**
 * Headers of a kernel, which bcc compiles its programs with: any recent one's will do for registers. Debian splits them over
 * two folders, and bcc takes one.
 */
function kernelHeaders(): string {
  const merged = `${checkout}build/bench/kernel-headers`;
  if (existsSync(merged)) return merged;
  const folders = readdirSync("/usr/src").filter((name) => name.startsWith("linux-headers-"));
  const common = folders.find((name) => name.endsWith("-common"));
  const own = folders.find(
    (name) => common !== undefined && name.startsWith(common.slice(0, -"common".length)) && name !== common,
  );
  if (common === undefined || own === undefined)
    throw new Error("bcc needs kernel headers: apt-get install linux-headers-cloud-amd64");
  mkdirSync(merged, { recursive: true });
  for (const name of [common, own]) execFileSync("cp", ["-rsf", `/usr/src/${name}/.`, merged]);
  return merged;
}

/** A plan for the C function. `cCalls` has built the program. */
export async function planCFunction(by: readonly string[]): Promise<ProbePlan> {
  const { elf } = await openCodeFile(PROGRAM);
  using _source = elf.source;
  const main = new CodeFile(elf, PROGRAM);
  return planProbes({ main, libraries: [] }, { probes: [`c:${FUNCTION}`], by, signatures: [] });
}

const scriptOf = (path: string): string =>
  `uprobe:${path}:${FUNCTION} { @start[tid] = nsecs; } ` +
  `uretprobe:${path}:${FUNCTION} /@start[tid]/ { @ns = hist(nsecs - @start[tid]); delete(@start[tid]); }`;

const NAMES = {
  sameSites: "empty programs, same sites",
  hist: "hist",
  histBy: "hist --by arg0",
  counting: "bpftrace count() by arg0",
  script: "bpftrace's latency script",
  funclatency: "bcc's funclatency",
} as const;
type Variant = keyof typeof NAMES;

/** Needs root, uprobe_multi links, gcc, bpftrace and bcc's tools. */
export async function measureCFunction({ callsPerRound, rounds }: CallSettings): Promise<readonly Row[]> {
  const program = cCalls(callsPerRound, 64);
  const plan = await planCFunction([]);
  const probe = onlyProbe(plan);
  const isOn = probedAt(probe.function.address);
  const keep = { histogram: true, stacks: false } as const;
  const attaches: Readonly<Record<Variant | "bare", Attach>> = {
    bare: nothing,
    sameSites: emptyOnPlannedSites(probe),
    hist: session(plan, keep),
    histBy: session(await planCFunction(["arg0"]), keep),
    counting: bpftrace((path) => `uprobe:${path}:${FUNCTION} { @[arg0] = count(); }`, isOn),
    script: bpftrace(scriptOf, isOn),
    funclatency: funclatency(FUNCTION, kernelHeaders(), isOn),
  };
  const { added } = await measureVariants(program, attaches, rounds);
  const row = comparison("a call of a C function, 1 thread", NAMES, added);
  return [
    row("hist", "sameSites"),
    row("histBy", "sameSites", GOAL_SAME_SITES),
    row("script", "sameSites"),
    row("hist", "script", GOAL_BPFTRACE),
    row("hist", "funclatency", GOAL_BPFTRACE),
    row("histBy", "script"),
    row("histBy", "counting"),
    row("sameSites", "counting"),
  ];
}
