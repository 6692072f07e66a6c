/** What every command but doctor begins with: the target, its binary, and the plan for the probes asked for. */
import { UnmeasurableError } from "../base/index.js";
import { type CodeObject, openCodeFile } from "../binary/index.js";
import { type Captures, type ProbePlan, planProbes, reachesLibraries } from "../probes/index.js";
import { openTarget, type Target } from "../session/index.js";
import {
  CodeFile,
  type GoProgram,
  openSymbolFile,
  openSymbolTable,
  type Program,
  type SymbolFile,
} from "../symbols/index.js";
import { forewarnings } from "./forewarnings.js";
import { openLibraries } from "./libraries.js";
import type { CommonRequest, Naming, PlanRequest, TargetRequest } from "./request.js";
import type { Streams } from "./streams.js";

/** A target whose file is open and understood. */
export class Subject implements Disposable {
  readonly target: Target;
  readonly main: CodeFile;
  /** Undefined: no Go program. */
  readonly go: GoProgram | undefined;
  private readonly symbolFile: SymbolFile | undefined;
  private libraries: readonly CodeFile[] | undefined;

  private constructor(target: Target, { elf, go }: CodeObject, symbolFile: SymbolFile | undefined) {
    this.target = target;
    this.symbolFile = symbolFile;
    this.go = go === undefined ? undefined : { binary: go, symbols: openSymbolTable(go, { symbolFile }) };
    this.main = new CodeFile(elf, target.path, this.go);
  }

  /** `symbols` is the path of a symbol file; one of another build is refused. */
  static async open(request: TargetRequest, symbols?: string): Promise<Subject> {
    const target = openTarget(request);
    const file = await openCodeFile(target.path, { displayPath: target.displayPath });
    let symbolFile: SymbolFile | undefined;
    try {
      if (symbols !== undefined) symbolFile = await openSymbolFile(symbols);
      return new Subject(target, file, symbolFile);
    } catch (error) {
      symbolFile?.[Symbol.dispose]();
      file.elf.source[Symbol.dispose]();
      throw error;
    }
  }

  /** What PROBEs are looked for in: the libraries too where one of them can be there. Throws as openLibraries does. */
  async program(probes: readonly string[]): Promise<Program> {
    const { main } = this;
    if (!reachesLibraries(probes)) return { main, libraries: [] };
    this.libraries ??= await openLibraries(this.target, main);
    return { main, libraries: this.libraries };
  }

  /** The files of a plan that was made of it, by their numbers. */
  files(plan: ProbePlan): readonly (CodeFile | undefined)[] {
    const libraryAt = (access: string) => this.libraries?.find((library) => library.access === access);
    return [this.main, ...plan.libraries.map(({ access }) => libraryAt(access))];
  }

  /** Throws UnmeasurableError `not-go`. */
  requireGo(): GoProgram {
    if (this.go !== undefined) return this.go;
    throw new UnmeasurableError("not-go", `${this.target.displayPath}: not a Go program`, {
      hint: "its C functions are named c:SYMBOL, its USDT probes usdt:PROVIDER:NAME",
    });
  }

  /**
   * The plan to show, or the plan to measure by, which is sooner there; with `values`, what calls were given and returned is
   * captured. Throws when nothing can be measured.
   */
  async plan(
    request: PlanRequest,
    purpose: "show" | "measure",
    captures: "none" | "values" = "none",
  ): Promise<ProbePlan> {
    const plan = planProbes(await this.program(request.probes), {
      probes: request.probes,
      by: request.by,
      signatures: request.signatures,
      of: request.of,
      where: request.where,
      show: request.show,
      match: request.match ?? [],
      captures,
      signaturesOf: purpose === "show" ? "all" : "read",
    });
    return request.naming === undefined ? plan : renamed(plan, request.naming);
  }

  [Symbol.dispose](): void {
    this.symbolFile?.[Symbol.dispose]();
    for (const { elf } of [this.main, ...(this.libraries ?? [])]) elf.source[Symbol.dispose]();
    this.target[Symbol.dispose]();
  }
}

const renamed = (plan: ProbePlan, naming: Naming): ProbePlan => ({
  ...plan,
  dimensions: plan.dimensions.map((dimension, index) => ({ ...dimension, name: naming.by[index] ?? dimension.name })),
  measure:
    plan.measure.kind === "value"
      ? { ...plan.measure, name: naming.measure ?? plan.measure.name, unit: naming.unit ?? plan.measure.unit }
      : plan.measure,
  probes: plan.probes.map((probe) =>
    probe.captures === undefined ? probe : { ...probe, captures: renamedShows(probe.captures, naming.show) },
  ),
});

function renamedShows(captures: Captures, names: readonly string[]): Captures {
  const shows = captures.shown.filter(({ role }) => role === "show");
  const named = captures.shown.map((each) => ({ ...each, name: names[shows.indexOf(each)] ?? each.name }));
  return { ...captures, shown: named };
}

/** What a run should know of its plan before it begins, on stderr. */
export function warn(plan: ProbePlan, request: CommonRequest, streams: Streams): void {
  if (request.quiet) return;
  for (const line of forewarnings(plan, request.verbose ? "named" : "counted")) streams.err.write(`${line}\n`);
}
