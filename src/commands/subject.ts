/** What every command but doctor begins with: the target, its binary, and the plan for the probes asked for. */
import { type GoBinary, openGoBinary } from "../binary/index.js";
import { type ProbePlan, planProbes } from "../probes/index.js";
import { openTarget, type Target } from "../session/index.js";
import { openSymbolTable, type SymbolTable } from "../symbols/index.js";
import { forewarnings } from "./forewarnings.js";
import type { CommonRequest, PlanRequest, TargetRequest } from "./request.js";
import type { Streams } from "./streams.js";

/** A target whose file is open and understood. */
export class Subject implements Disposable {
  readonly target: Target;
  readonly binary: GoBinary;
  readonly table: SymbolTable;

  private constructor(target: Target, binary: GoBinary, table: SymbolTable) {
    this.target = target;
    this.binary = binary;
    this.table = table;
  }

  static async open(request: TargetRequest): Promise<Subject> {
    const target = openTarget(request);
    const binary = await openGoBinary(target.path, { displayPath: target.displayPath });
    try {
      return new Subject(target, binary, openSymbolTable(binary));
    } catch (error) {
      binary[Symbol.dispose]();
      throw error;
    }
  }

  /** The plan to show, or the plan to measure by, which is sooner there. Throws when nothing can be measured. */
  plan(request: PlanRequest, purpose: "show" | "measure"): ProbePlan {
    return planProbes(this.binary, this.table, {
      probes: request.probes,
      by: request.by,
      signatures: request.signatures,
      of: request.of,
      signaturesOf: purpose === "show" ? "all" : "read",
    });
  }

  [Symbol.dispose](): void {
    this.binary[Symbol.dispose]();
    this.target[Symbol.dispose]();
  }
}

/** What a run should know of its plan before it begins, on stderr. */
export function warn(plan: ProbePlan, request: CommonRequest, streams: Streams): void {
  if (request.quiet) return;
  for (const line of forewarnings(plan, request.verbose ? "named" : "counted")) streams.err.write(`${line}\n`);
}
