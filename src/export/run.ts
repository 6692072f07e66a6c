/** What a results page says about the run beside its numbers. */

export interface RunTarget {
  /** Undefined when every process of a file was measured. */
  readonly pid: number | undefined;
  readonly exe: string;
  readonly buildId: string | undefined;
  /** Undefined: no Go program. */
  readonly goVersion: string | undefined;
}

/** A probe of the run, whether it was called or not. */
export interface RunProbe {
  readonly function: string;
  readonly entrySites: number;
  readonly returnSites: number;
  readonly inlinedCopies: number;
  /** The probe as whose calls its own are told: of a function's inlined copies, and of a line's second place. */
  readonly partOf?: number | undefined;
  /** Of a trace: nothing tells what it takes and returns. */
  readonly untyped?: boolean | undefined;
  /** What is counted, where it is no calls: passages of a USDT probe, or what lies between two. */
  readonly noun?: Exclude<Noun, "call"> | undefined;
  /** By what its calls are told apart, where it is not by goroutines. */
  readonly identity?: "thread" | "value" | undefined;
}

export interface Run {
  readonly target: RunTarget;
  /** By probe number. */
  readonly probes: readonly RunProbe[];
  /** The condition of the run, as it was written. */
  readonly where?: string | undefined;
}

/** What one of the counts of a run is called. */
export type Noun = "call" | "hit" | "span";

/** One word for what is counted by these probes: the one that all of them have, else `call`. */
export function nounOf(probes: readonly Pick<RunProbe, "noun">[]): Noun {
  const [first, ...others] = probes;
  return first?.noun !== undefined && others.every(({ noun }) => noun === first.noun) ? first.noun : "call";
}

/** One word for these probes themselves. */
export const probesNoun = (probes: readonly Pick<RunProbe, "noun">[]): "function" | "probe" =>
  probes.every(({ noun }) => noun === undefined) ? "function" : "probe";

/** What all results call a build: GNU's id, by which pprof finds files; Go's where the linker left no other. */
export const buildIdOf = ({
  gnuBuildId,
  goBuildId,
}: {
  readonly gnuBuildId: string | undefined;
  readonly goBuildId: string | undefined;
}): string | undefined => gnuBuildId ?? goBuildId;
