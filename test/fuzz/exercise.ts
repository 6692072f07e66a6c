/**
 * Everything the readers can say of one binary, asked for: each question ends in a value or a ProfilerError, whatever
 * the bytes are. What else is thrown passes through.
 */
import { ProfilerError } from "../../src/base/index.js";
import {
  type ElfFile,
  findBuildInfo,
  findGnuBuildId,
  findGoBuildId,
  type GoBinary,
  type GoType,
  memorySource,
  openElf,
  openGoSource,
  readElfSymbols,
  readGoProbes,
  readNoteSection,
  readUsdtNotes,
  stampNotes,
} from "../../src/binary/index.js";
import { describeFunctions, type ProbePlan, planProbes, type Site } from "../../src/probes/index.js";
import { goProgram, openSymbolTable, type SymbolTable } from "../../src/symbols/index.js";

/** What is asked, in this order; each name stands in the `expect` line of a seed. */
export const QUESTIONS = ["elf", "open", "functions", "lines", "types", "dwarf", "plan", "arguments"] as const;
export type Question = (typeof QUESTIONS)[number];

export interface Findings {
  /** Per question: `value` when every part of it was answered, else the code of the first ProfilerError; or `unasked`. */
  readonly answers: Readonly<Record<Question, string>>;
  /** Where probes would be put, of all plans together. */
  readonly sites: readonly Site[];
  /** Bytes outside of the heap at the worst of the moments looked at. */
  readonly externalBytes: number;
}

export const formatAnswers = (answers: Findings["answers"]): string =>
  QUESTIONS.map((question) => `${question}=${answers[question]}`).join(" ");

/** How many functions and lines of each kind are looked up; the rest differ in nothing but their place. */
const SAMPLE = 400;

/** Plans of arguments that between them use every kind of expression on the functions of programs/tiny. */
const ARGUMENTS: readonly {
  readonly probes: readonly string[];
  readonly by: readonly string[];
  readonly sig?: string;
}[] = [
  { probes: ["main.(*store).lookup"], by: ["key", "limit", "strict", "s.tenant.next.next.quota"] },
  { probes: ["main.(*store).lookup"], by: ["len(s.items)", "cap(s.keys)", "ret0.name", "ret1 != nil"] },
  { probes: ["main.measure"], by: ["of != nil", "by[0]", "wide[2]", "len(more)"] },
  { probes: ["main.measure"], by: ["ratio"] },
  { probes: ["main.*"], by: ["n"] },
  { probes: ["main.largest[...]"], by: ["len(values)"] },
  { probes: ["main.pick"], by: ["log2(n)", "len(ret0)"], sig: "main.pick=func(n int) string" },
  { probes: ["runtime.mallocgc"], by: ["size", "typ.Size_", "needzero"] },
  { probes: ["main.lookpu"], by: [] },
];

/** Asks questions, and keeps what came of each. */
export class Examiner {
  readonly answers: Record<Question, string> = {
    elf: "unasked",
    open: "unasked",
    functions: "unasked",
    lines: "unasked",
    types: "unasked",
    dwarf: "unasked",
    plan: "unasked",
    arguments: "unasked",
  };
  readonly sites: Site[] = [];
  externalBytes = 0;
  private question: Question = "elf";

  begin(question: Question): void {
    this.question = question;
    this.answers[question] = "value";
    this.weigh();
  }

  /** The answer to one part of a question; undefined where it is refused. */
  ask<T>(part: () => T): T | undefined {
    try {
      return part();
    } catch (error) {
      return this.refuse(error);
    }
  }

  refuse(error: unknown): undefined {
    if (!(error instanceof ProfilerError)) throw error;
    // The code of an error that is none of ours to print would be the next bug.
    const { code, message, hint } = error;
    if (code === "" || message === "" || hint === "") throw new Error(`an error without words: ${code}`);
    if (this.answers[this.question] === "value") this.answers[this.question] = code;
    return undefined;
  }

  findings(): Findings {
    const { answers, sites, externalBytes } = this;
    return { answers, sites, externalBytes };
  }

  weigh(): void {
    const { external, arrayBuffers } = process.memoryUsage();
    this.externalBytes = Math.max(this.externalBytes, external, arrayBuffers);
  }
}

function examineElf(examiner: Examiner, elf: ElfFile): void {
  examiner.begin("elf");
  for (const which of ["symtab", "dynsym"] as const) {
    examiner.ask(() => readElfSymbols(elf, which).map((symbol) => symbol.name.length));
  }
  examiner.ask(() => findGnuBuildId(elf));
  examiner.ask(() => findGoBuildId(elf));
  examiner.ask(() => findBuildInfo(elf));
  // Never refused as a whole.
  readUsdtNotes(elf);
  for (const section of elf.sections) {
    examiner.ask(() => readNoteSection(elf, section.name));
    if (section.type !== 8) examiner.ask(() => elf.sectionData(section));
  }
}

/** Every `step`th of `count` things, `SAMPLE` at most. */
export function* sampled(count: number): Generator<number> {
  const step = Math.max(1, Math.floor(count / SAMPLE));
  for (let index = 0; index < count; index += step) yield index;
}

function examineFunctions(examiner: Examiner, binary: GoBinary): SymbolTable | undefined {
  examiner.begin("functions");
  const pclntab = examiner.ask(() => binary.pclntab);
  if (pclntab === undefined) return undefined;
  const table = openSymbolTable(binary);
  examiner.ask(() => pclntab.names());
  examiner.ask(() => pclntab.inlinedCopyCounts());
  for (const fn of table.functions()) examiner.ask(() => [fn.name, fn.entry, fn.end, fn.assembly, fn.wrapper]);
  for (const index of sampled(table.functionCount)) {
    examiner.ask(() => pclntab.function(index));
    examiner.ask(() => pclntab.inlinedFunctionNames(index));
  }
  for (const name of [
    "runtime.mallocgc",
    "main.(*store).lookup",
    "main.largest[...]",
    "main.twice",
    "main.lookpu",
    "",
  ]) {
    examiner.ask(() => table.findByName(name));
    examiner.ask(() => table.nearest(name, 5));
    examiner.ask(() => table.inlinedCopies(new Set([name])));
    examiner.ask(() => table.inlinedPlaces(new Set([name])));
  }
  return table;
}

function examineLines(examiner: Examiner, binary: GoBinary, table: SymbolTable): void {
  examiner.begin("lines");
  for (const index of sampled(table.functionCount)) {
    const entry = binary.pclntab.entryOf(index);
    for (const offset of [0, 1, 0x33, -1]) {
      const address = (entry + offset) as typeof entry;
      examiner.ask(() => binary.pclntab.lineAt(address));
      examiner.ask(() => table.symbolize(address));
      examiner.ask(() => table.findByAddress(address));
      examiner.ask(() => binary.pclntab.stackDepthAt(address));
      examiner.ask(() =>
        binary
          .dwarf()
          ?.scopesAt(address)
          .map(({ variables }) => variables.length),
      );
      examiner.ask(() => binary.dwarf()?.statementsIn(entry, address).length);
    }
  }
}

/** Follows a type into everything it is made of. */
export function examineType(examiner: Examiner, type: GoType | undefined, seen: Set<string>): void {
  if (type === undefined || seen.has(`${type.kind} ${type.name}`) || seen.size > SAMPLE) return;
  seen.add(`${type.kind} ${type.name}`);
  if (!(type.size >= 0)) throw new Error(`type ${type.name} of ${type.size} bytes`);
  const follow = (next: () => GoType): void => examineType(examiner, examiner.ask(next), seen);
  switch (type.kind) {
    case "pointer":
      follow(type.target);
      return;
    case "array":
    case "slice":
    case "chan":
      follow(type.element);
      return;
    case "map":
      follow(type.key);
      follow(type.element);
      return;
    case "struct":
      for (const field of type.fields) follow(() => field.type);
      return;
    default:
      return;
  }
}

function examineTypes(examiner: Examiner, binary: GoBinary, table: SymbolTable): void {
  examiner.begin("types");
  const types = examiner.ask(() => binary.runtimeTypes());
  if (types === undefined) return;
  for (const fn of table.functions()) examiner.ask(() => types.findSignature(fn.entry, fn.name));
  const addresses = examiner.ask(() => [...types.types()]) ?? [];
  const seen = new Set<string>();
  for (const index of sampled(addresses.length)) {
    const address = addresses[index];
    if (address === undefined) continue;
    const type = examiner.ask(() => types.typeAt(address));
    examineType(examiner, type, seen);
    if (type !== undefined && !(examiner.ask(() => types.addressesOf(type.name))?.includes(address) ?? true))
      throw new Error(`type ${type.name} is not found where it is`);
  }
  for (const { concrete } of examiner.ask(() => types.itabs()) ?? []) examiner.ask(() => types.typeAt(concrete));
  const probes = examiner.ask(() => readGoProbes(binary)?.probes) ?? [];
  examiner.ask(() => stampNotes(binary.elf, probes));
  for (const name of ["string", "*main.store", "error", ""]) examiner.ask(() => types.addressesOf(name));
}

function examineDwarf(examiner: Examiner, binary: GoBinary): void {
  examiner.begin("dwarf");
  const dwarf = examiner.ask(() => binary.dwarf());
  if (dwarf === undefined) return;
  const functions = examiner.ask(() => [...dwarf.functions()]) ?? [];
  for (const index of sampled(functions.length)) {
    const fn = functions[index];
    if (fn === undefined) continue;
    examiner.ask(() => [fn.name, fn.file, fn.line]);
    const signature = examiner.ask(() => fn.signature);
    const seen = new Set<string>();
    const captures = examiner.ask(() => signature?.captures?.().variables);
    for (const { type } of [...(signature?.parameters ?? []), ...(signature?.results ?? []), ...(captures ?? [])])
      examineType(examiner, type, seen);
    for (const variable of examiner.ask(() => fn.variables()) ?? []) examiner.ask(() => variable.locationAt(fn.lowPc));
    examiner.ask(() => dwarf.lineAt(fn.lowPc));
    examiner.ask(() => dwarf.findFunctionAt(fn.lowPc));
  }
  for (const name of ["runtime.g", "runtime.m", "main.store", "*main.tenant", "string", "nothing"])
    examineType(
      examiner,
      examiner.ask(() => dwarf.findType(name)),
      new Set(),
    );
  for (const name of ["main.(*store).lookup", "runtime.mallocgc", "main.twice"]) {
    examiner.ask(() => dwarf.findFunction(name));
    examiner.ask(() => dwarf.inlinedCopies(name));
  }
  const table = examiner.ask(() => openSymbolTable(binary));
  for (const name of ["runtime.allgs", "main.nosuch"]) examiner.ask(() => table?.variable(name)?.type);
  examiner.ask(() => table?.nearestVariables("runtime.allg", 5));
  examiner.ask(() => [...dwarf.variables()].length);
  examiner.ask(() => dwarf.inlinedCopyCounts());
}

function examinePlans(examiner: Examiner, binary: GoBinary, table: SymbolTable): void {
  const plan = (probes: readonly string[], by: readonly string[], signatures: readonly string[]): void => {
    const planned = examiner.ask(() => planProbes(goProgram(binary, table), { probes, by, signatures }));
    if (planned !== undefined) examiner.sites.push(...sitesOf(planned));
  };
  examiner.begin("plan");
  plan(["*"], [], []);
  examiner.begin("arguments");
  for (const { probes, by, sig } of ARGUMENTS) plan(probes, by, sig === undefined ? [] : [sig]);
  examiner.ask(() => [...describeFunctions(binary, table, { patterns: ["main.*"], signatures: [] })]);
}

function* sitesOf(plan: ProbePlan): Generator<Site> {
  for (const probe of plan.probes) {
    yield probe.entry;
    yield* probe.exits;
  }
  yield* plan.runtimeSites;
}

/** Asks everything of the file with these bytes. Rejects with what is neither a value nor a ProfilerError. */
export async function examine(bytes: Buffer): Promise<Findings> {
  const examiner = new Examiner();
  try {
    examineElf(examiner, await openElf(memorySource("damaged", bytes)));
  } catch (error) {
    examiner.refuse(error);
  }
  examiner.begin("open");
  try {
    const binary = await openGoSource(memorySource("damaged", bytes));
    const table = examineFunctions(examiner, binary);
    if (table !== undefined) {
      examineLines(examiner, binary, table);
      examineTypes(examiner, binary, table);
      examinePlans(examiner, binary, table);
    }
    examineDwarf(examiner, binary);
  } catch (error) {
    examiner.refuse(error);
  }
  examiner.weigh();
  return examiner.findings();
}
