/** What a results page says about the run beside its numbers. */

export interface RunTarget {
  /** Undefined when every process of a file was measured. */
  readonly pid: number | undefined;
  readonly exe: string;
  readonly buildId: string | undefined;
  readonly goVersion: string;
}

/** A probe of the run, whether it was called or not. */
export interface RunProbe {
  readonly function: string;
  readonly entrySites: number;
  readonly returnSites: number;
  readonly inlinedCopies: number;
}

export interface Run {
  readonly target: RunTarget;
  /** By probe number. */
  readonly probes: readonly RunProbe[];
  /** The condition of the run, as it was written. */
  readonly where?: string | undefined;
}
