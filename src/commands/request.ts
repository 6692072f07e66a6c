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
}

export interface MeasureRequest extends PlanRequest {
  /** Undefined: until interrupted or until the target exits. */
  readonly durationMs: number | undefined;
}

export interface ProfileRequest extends MeasureRequest {
  /** What was typed, as a shell takes it; kept in the profile. */
  readonly commandLine: string;
}

export interface SymbolsRequest extends CommonRequest {
  readonly target: TargetRequest;
}

export interface DoctorRequest extends CommonRequest {
  readonly target: TargetRequest | undefined;
}
