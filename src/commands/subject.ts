/** What every command but doctor begins with: the target, its binary, and the plan for the probes asked for. */
import { type GoBinary, openGoBinary } from "../binary/index.js";
import { type Captures, type ProbePlan, planProbes } from "../probes/index.js";
import { openTarget, type Target } from "../session/index.js";
import { openSymbolFile, openSymbolTable, type SymbolFile, type SymbolTable } from "../symbols/index.js";
import { forewarnings } from "./forewarnings.js";
import type { CommonRequest, Naming, PlanRequest, TargetRequest } from "./request.js";
import type { Streams } from "./streams.js";

/** A target whose file is open and understood. */
export class Subject implements Disposable {
  readonly target: Target;
  readonly binary: GoBinary;
  readonly table: SymbolTable;
  private readonly symbolFile: SymbolFile | undefined;

  private constructor(target: Target, binary: GoBinary, symbolFile: SymbolFile | undefined) {
    this.target = target;
    this.binary = binary;
    this.symbolFile = symbolFile;
    this.table = openSymbolTable(binary, { symbolFile });
  }

  /** `symbols` is the path of a symbol file; one of another build is refused. */
  static async open(request: TargetRequest, symbols?: string): Promise<Subject> {
    const target = openTarget(request);
    const binary = await openGoBinary(target.path, { displayPath: target.displayPath });
    let symbolFile: SymbolFile | undefined;
    try {
      if (symbols !== undefined) symbolFile = await openSymbolFile(symbols);
      return new Subject(target, binary, symbolFile);
    } catch (error) {
      symbolFile?.[Symbol.dispose]();
      binary[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * The plan to show, or the plan to measure by, which is sooner there; with `values`, what calls were given and returned is
   * captured. Throws when nothing can be measured.
   */
  plan(request: PlanRequest, purpose: "show" | "measure", captures: "none" | "values" = "none"): ProbePlan {
    const plan = planProbes(this.binary, this.table, {
      probes: request.probes,
      by: request.by,
      signatures: request.signatures,
      of: request.of,
      where: request.where,
      show: request.show,
      captures,
      signaturesOf: purpose === "show" ? "all" : "read",
    });
    return request.naming === undefined ? plan : renamed(plan, request.naming);
  }

  [Symbol.dispose](): void {
    this.symbolFile?.[Symbol.dispose]();
    this.binary[Symbol.dispose]();
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
