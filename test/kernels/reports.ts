/** What the programs of guest/ print. */
import type { Session } from "../../src/session/index.js";

/** What fixtures/torture says of itself. */
export type TortureReport = Readonly<Record<"errors" | "rounds" | "grown" | "panics" | "goexits" | "values", number>>;

/** By function; those without calls are left out. */
export type FunctionCounts = Readonly<Record<string, number>>;

/** What one run saw. */
export interface Counted {
  readonly returns: Session["returns"];
  readonly balance: Readonly<Record<string, number>>;
  readonly calls: FunctionCounts;
}

export interface DoctorReport {
  readonly release: string;
  readonly attachMode: string | undefined;
  readonly hasLoop: boolean;
  readonly returns: Session["returns"];
  /** Messages; none where everything works. */
  readonly obstacles: readonly string[];
}

interface Measured {
  readonly attachMode: Session["attachMode"];
  readonly entries: number;
  readonly discrepancy: number;
  /** By value, as measured, and as the program counted them. */
  readonly calls: FunctionCounts;
  readonly truth: FunctionCounts;
}

export interface MeasuresReport {
  readonly release: string;
  readonly all: Measured;
  readonly deep: Measured;
}

/** Two runs on functions that count their own calls. */
export interface TruthReport {
  readonly first: Counted;
  readonly second: Counted;
  /** As the program counted them. */
  readonly calls: FunctionCounts;
}

export interface ReturnsReport {
  /** Of the kernel. */
  readonly release: string;
  /** Reports from before the attachment, after it, before the detachment, after it. */
  readonly torture: Counted & {
    readonly workers: number;
    readonly reports: Readonly<Record<"before" | "attached" | "last" | "after", TortureReport>>;
  };
  /** Both runs all the time; the probes of the first one gone now and then, and back. */
  readonly together: TruthReport;
  readonly resting: TruthReport;
  /** As `resting`, beside a second run that would take a return which is done already for a panic. */
  readonly unaware: TruthReport;
}

/** Nanoseconds of CPU time that `hist --by` adds to a call in each round, by who does the return. */
export type ReturnCostReport = Readonly<Record<Session["returns"], readonly number[]>>;

export interface LoadsReport {
  readonly release: string;
  /** Kinds of run whose programs were tried. */
  readonly loaded: number;
  /** The verifier's reasons, by kind of run. */
  readonly refused: Readonly<Record<string, string>>;
}
