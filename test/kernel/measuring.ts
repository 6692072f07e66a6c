/**
 * What the kernel tests share: whether this machine can measure, and sessions on a process from the request to the
 * aggregate, through the same layers as the commands.
 */
import { type Aggregate, aggregate } from "../../src/aggregate/index.js";
import { openGoBinary } from "../../src/binary/index.js";
import { type ProbePlan, partOf, planProbes } from "../../src/probes/index.js";
import { openTarget, Session, type SessionOptions, type TargetRequest } from "../../src/session/index.js";
import { goProgram, openSymbolFile, openSymbolTable } from "../../src/symbols/index.js";

/** False with the reason as a test's skip option; GOSPECT_REQUIRE_KERNEL turns the skip into a failure, see test/run. */
export const withoutKernel: string | false = process.geteuid?.() === 0 ? false : "needs root";

export interface Request {
  readonly probes: readonly string[];
  readonly by?: readonly string[];
  readonly of?: string;
  readonly signatures?: readonly string[];
}

/** A file, read once, for as many plans as wanted; `symbols` is the path of a symbol file. */
export async function planner(target: TargetRequest, symbols?: string): Promise<(request: Request) => ProbePlan> {
  using opened = openTarget(target);
  const binary = await openGoBinary(opened.path, { displayPath: opened.displayPath });
  const symbolFile = symbols === undefined ? undefined : await openSymbolFile(symbols);
  const table = openSymbolTable(binary, { symbolFile });
  return ({ probes, by = [], signatures = [], of }) =>
    planProbes(goProgram(binary, table, opened.path), { probes, by, signatures, of });
}

export class Measuring implements Disposable {
  readonly plan: ProbePlan;
  readonly session: Session;

  private constructor(plan: ProbePlan, session: Session) {
    this.plan = plan;
    this.session = session;
  }

  static async start(plan: ProbePlan, target: TargetRequest, options?: Partial<SessionOptions>): Promise<Measuring> {
    const session = await Session.open(plan, openTarget(target), {
      keep: { histogram: true, stacks: false },
      ...options,
    });
    return new Measuring(plan, session);
  }

  stop(): Aggregate {
    const { probes } = this.plan;
    return aggregate(this.session.stop(), {
      dimensions: this.plan.dimensions,
      measure: this.plan.measure,
      functions: probes.map(({ name }) => name),
      functionOf: probes.map((_, number) => partOf(probes, number) ?? number),
    });
  }

  [Symbol.dispose](): void {
    this.session[Symbol.dispose]();
  }
}
