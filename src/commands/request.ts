/** What a command is asked to do, after the command line was understood. */
import type { TargetRequest } from "../session/index.js";

export type { TargetRequest };

/** Every command has these. */
export interface CommonRequest {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Results go to this file instead of stdout. */
  readonly output: string | undefined;
}

export interface ListRequest extends CommonRequest {
  readonly target: TargetRequest;
  /** Empty: everything. */
  readonly patterns: readonly string[];
  /** `names`: only what the function table tells, for which nothing else is read. */
  readonly extent: "names" | "everything";
  /** `FUNC=func(SIGNATURE)`, as written. */
  readonly signatures: readonly string[];
  /** A symbol file for a stripped program. */
  readonly symbols: string | undefined;
  /** Whether the list of a whole file may be one that was made before. */
  readonly cache: "use" | "leave";
}

export interface PlanRequest extends CommonRequest {
  readonly target: TargetRequest;
  readonly probes: readonly string[];
  readonly by: readonly string[];
  readonly signatures: readonly string[];
  /** A symbol file for a stripped program. */
  readonly symbols: string | undefined;
  /** The expression measured instead of durations: `hist --of`, `profile --value`. */
  readonly of: string | undefined;
  /** Which calls are of interest. */
  readonly where: string | undefined;
  /** What a trace shows beside arguments and results. */
  readonly show: readonly string[];
  /** `--match`: what tells spans apart, instead of their threads. */
  readonly match?: readonly string[];
  readonly naming?: Naming;
}

/** What values are called in results, where it is not as they were asked for. */
export interface Naming {
  /** Of each `by`, in its order. */
  readonly by: readonly string[];
  /** Of `of`. */
  readonly measure: string | undefined;
  /** Of `of`: `ns` for a time that the program keeps as a plain number. */
  readonly unit: "ns" | undefined;
  /** Of each `show`, in its order. */
  readonly show: readonly string[];
}

export interface MeasureRequest extends PlanRequest {
  /** Undefined: until interrupted or until the target exits. */
  readonly durationMs: number | undefined;
  /** What probes may cost, of the target's CPU time or one CPU's: 0 to 1. */
  readonly maxOverhead: number;
  /** Whether probe time stays in durations. */
  readonly durations: "gross" | "net";
  /** What was typed, as a shell takes it; kept in profiles and recordings. */
  readonly commandLine: string;
}

export interface HistRequest extends MeasureRequest {
  /** Histograms are drawn in rows of equal width. */
  readonly linear: boolean;
}

export interface TraceRequest extends MeasureRequest {
  /** With the callers of each call. */
  readonly stacks: boolean;
}

export interface ReplayRequest extends CommonRequest {
  /** A recorded run. */
  readonly file: string;
}

export interface RecipeRequest extends CommonRequest {
  /** Its name, or the path of a file. */
  readonly recipe: string;
  readonly target: TargetRequest;
  /** As of any measurement. */
  readonly maxOverhead: number;
  readonly durations: MeasureRequest["durations"];
  readonly durationMs: number | undefined;
  /** In place of the recipe's own. */
  readonly by: readonly string[];
  /** On top of the recipe's own. */
  readonly where: string | undefined;
  readonly signatures: readonly string[];
  readonly symbols: string | undefined;
  /** What was typed, as a shell takes it. */
  readonly commandLine: string;
}

export interface SymbolsRequest extends CommonRequest {
  readonly target: TargetRequest;
}

export interface DoctorRequest extends CommonRequest {
  readonly target: TargetRequest | undefined;
}

export interface StampRequest extends CommonRequest {
  /** The program; the stamped one takes its place unless `output` names another. */
  readonly file: string;
}
