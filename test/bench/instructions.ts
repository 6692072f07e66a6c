/**
 * How much the programs do for one call, at its entry and at its return: BPF instructions executed, map operations, reads
 * of the process' memory. Exact, by executing the loaded programs on made-up hits (`interpreter/`), in the steady
 * state: all series, stacks and histogram rows are there already.
 */
import { gsBalance } from "../../src/abi/index.js";
import type { PlannedProbe, ProbePlan, RegisterName, Site } from "../../src/probes/index.js";
import { loadCallPrograms } from "../../src/session/programs.js";
import { siteCookie } from "../../src/session/wire.js";
import { planCalls, TEXT } from "./calls.js";
import { type Hit, Interpreter, type Work } from "./interpreter/machine.js";
import { readLoadedProgram } from "./interpreter/program.js";
import { askedByCode } from "./ways.js";

/** What one kind of run does for a call. */
export interface WorkRow {
  readonly name: string;
  readonly entry: Work;
  readonly exit: Work;
  /** Instructions of the whole program as it is loaded. */
  readonly loaded: number;
}

const TGID = 4242;
const G = 0xc0_0000_1000n;
const STACK_TOP = 0xc0_0010_0000n;
/** Frames that a walk of the stack finds; what calls are made from in the field is about as deep. */
const FRAMES = 10;
const FRAME_BYTES = 64n;
const TENANT = 0xc0_0020_0000n;
/** Different arguments, each made twice: a first time that makes its series, and one that counts. */
const ARGUMENTS = 64;

/** Memory of a made-up process: g, and a stack of frames that lead to each other. */
function processMemory(plan: ProbePlan, sp: bigint): Map<bigint, Buffer> {
  const word = (value: bigint): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(value);
    return bytes;
  };
  const words = new Map<bigint, Buffer>([
    [G + 8n, word(STACK_TOP)],
    [G + BigInt(plan.runtime?.goidOffset ?? 0), word(17n)],
    [sp, word(BigInt(plan.target.imageBase) + 0x1000n)],
  ]);
  for (let frame = 0n; frame < FRAMES; frame++) {
    const at = sp + FRAME_BYTES * (frame + 1n);
    const last = frame + 1n === BigInt(FRAMES);
    words.set(
      at,
      Buffer.concat([word(last ? 0n : at + FRAME_BYTES), word(BigInt(plan.target.imageBase) + 0x2000n + frame)]),
    );
  }
  return words;
}

const reader =
  (words: ReadonlyMap<bigint, Buffer>) =>
  (address: bigint, size: number): Buffer | undefined => {
    if (address >= TENANT && address < TENANT + 4096n) return Buffer.alloc(size, "t");
    const bytes = words.get(address);
    return bytes !== undefined && bytes.length >= size ? bytes.subarray(0, size) : undefined;
  };

/** Fields of `struct pt_regs`, in their order. */
const PT_REGS: readonly string[] = [
  ...["r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax", "cx", "dx", "si", "di"],
  ...["orig_ax", "ip", "cs", "flags", "sp", "ss"],
];

function registersOf(values: Readonly<Partial<Record<RegisterName | "ip" | "sp", bigint>>>): Buffer {
  const bytes = Buffer.alloc(8 * PT_REGS.length);
  for (const [name, value] of Object.entries(values)) bytes.writeBigUInt64LE(value, 8 * PT_REGS.indexOf(name));
  return bytes;
}

function hitAt(plan: ProbePlan, probe: PlannedProbe, site: Site, argument: number): Hit {
  const sp = STACK_TOP - FRAME_BYTES * BigInt(FRAMES + 4);
  const isText = probe.function.name === TEXT.function;
  const atReturn = site.kind === "return";
  return {
    cookie: siteCookie(plan, site, plan.probes.indexOf(probe), probe),
    registers: registersOf({
      ax: isText && !atReturn ? TENANT + BigInt(argument) : BigInt(argument),
      bx: BigInt(8 + (argument % 17)),
      bp: sp + FRAME_BYTES,
      r14: G,
      ip: BigInt(site.address),
      sp,
    }),
    read: reader(processMemory(plan, sp)),
  };
}

interface Keep {
  readonly histogram: boolean;
  readonly stacks: boolean;
  readonly events: boolean;
}

/** Runs the calls of a plan's first probe; throws when the maps do not hold what they should then. Needs root and bpftool. */
function workOf(name: string, plan: ProbePlan, keep: Keep): WorkRow {
  const probe = plan.probes[0];
  const exit = probe?.exits[0];
  if (probe === undefined || exit === undefined) throw new Error(`${name}: no call to be made`);
  const settings = {
    ...keep,
    tgid: TGID,
    pidNamespace: undefined,
    origins: false,
    hasLoop: true,
    seriesCapacity: 1000,
  };
  using programs = loadCallPrograms(plan, settings, "uprobe-multi");
  programs.measure("on");
  const program = readLoadedProgram(programs.site);
  const machine = new Interpreter(program, TGID);
  const entries: Work[] = [];
  const exits: Work[] = [];
  for (let call = 0; call < 2 * ARGUMENTS; call++) {
    const [atEntry, atExit] = [probe.entry, exit].map((site) =>
      machine.run(hitAt(plan, probe, site, call % ARGUMENTS)),
    );
    if (call < ARGUMENTS || atEntry === undefined || atExit === undefined) continue;
    entries.push(atEntry);
    exits.push(atExit);
  }
  const balance = machine.map("balance").element(0);
  const [begun, ended] = [gsBalance.entries, gsBalance.returns].map(({ offset }) =>
    Number(balance.readBigUInt64LE(offset)),
  );
  if (begun !== 2 * ARGUMENTS || ended !== begun) throw new Error(`${name}: ${begun} calls began, ${ended} returned`);
  return { name, entry: mean(entries), exit: mean(exits), loaded: program.instructions.length };
}

function mean(works: readonly Work[]): Work {
  const of = (field: keyof Work): number => works.reduce((sum, work) => sum + work[field], 0) / works.length;
  return { instructions: of("instructions"), mapOperations: of("mapOperations"), reads: of("reads") };
}

const HISTOGRAM = { histogram: true, stacks: false, events: false } as const;
const STACKS = { histogram: false, stacks: true, events: false } as const;
const EVENTS = { histogram: false, stacks: false, events: true } as const;

/** Every kind of run that the table of costs has. */
export async function countWork(): Promise<readonly WorkRow[]> {
  const frame = { function: "main.Frame" };
  const byArgument = await planCalls(frame, ["n"]);
  return [
    workOf("hist", await planCalls(frame, []), HISTOGRAM),
    workOf("hist --by n", byArgument, HISTOGRAM),
    workOf("hist --by n, log2(n), ret", await planCalls(frame, ["n", "log2(n)", "ret"]), HISTOGRAM),
    workOf("hist --by tenant", await planCalls(TEXT, ["tenant"]), HISTOGRAM),
    workOf(`profile --by n, ${FRAMES} frames`, byArgument, STACKS),
    workOf("trace", await planCalls(frame, [], "values"), EVENTS),
    workOf("hist --by n, as a code", askedByCode(byArgument), HISTOGRAM),
  ];
}

const count = (value: number): string => value.toLocaleString("en-US", { maximumFractionDigits: 1 });

/** Aligned text: a line per kind of run, each number at the entry and at the return. */
export function formatWork(rows: readonly WorkRow[]): string {
  const head = ["BPF work of one call, entry + return", "instructions", "map operations", "reads of memory", "program"];
  const pair = (entry: number, exit: number): string => `${count(entry)} + ${count(exit)}`;
  const lines = rows.map(({ name, entry, exit, loaded }) => [
    `  ${name}`,
    pair(entry.instructions, exit.instructions),
    pair(entry.mapOperations, exit.mapOperations),
    pair(entry.reads, exit.reads),
    count(loaded),
  ]);
  const widths = head.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)));
  const format = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ");
  return `${[head, ...lines].map(format).join("\n")}\n`;
}
