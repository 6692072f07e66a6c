/** The programs of a run as well as this kernel can have them: found by trying, never by its version. */
import { RunError, UnsupportedError } from "../base/index.js";
import { type AttachMode, canDoReturns, hasUprobeMulti } from "../bpf/index.js";
import type { ProbePlan } from "../probes/index.js";
import { type CallPrograms, loadCallPrograms } from "./programs.js";
import type { DoneReturns } from "./returns.js";
import type { RunSettings } from "./wire.js";

export interface LoadedPrograms {
  readonly programs: CallPrograms;
  readonly mode: AttachMode;
  /** Who does the returns of Go functions: the programs, or the kernel by a second trap. */
  readonly returns: "programs" | "kernel";
}

export interface LoadOptions {
  /** Without it, the best this kernel has. */
  readonly attachMode?: AttachMode;
  /** Whether programs may use `bpf_loop`; without it, if the kernel has it. */
  readonly loops?: "never";
  /** Asked where the kernel takes programs that do returns. */
  readonly findReturns?: () => DoneReturns | undefined;
}

type Settings = Omit<RunSettings, "hasLoop" | "returns">;

/** Codes are run by bpf_loop, and events tell of calls that are ended by it. */
const needsLoop = (plan: ProbePlan, { events }: Settings): boolean =>
  events ||
  plan.probes.some(
    ({ condition, recipes, value }) =>
      condition !== undefined || value?.code !== undefined || recipes.some(({ code }) => code !== undefined),
  );

const noLoop = (cause?: RunError): UnsupportedError =>
  new UnsupportedError("no-bpf-loop", "conditions, searches and events take bpf_loop, which this kernel lacks", {
    hint: "a kernel from 5.17 on has it; histograms and profiles by plain arguments work here",
    ...(cause === undefined ? {} : { cause }),
  });

/** Of an exit whose return other programs may do, or the kernel, it can't be told whether it takes one trap or two. */
export const noNetBesideOthers = (): UnsupportedError =>
  new UnsupportedError(
    "net-beside-others",
    "--net can't tell what probes take where another run has probes on returns",
    {
      hint: "without --net, durations contain probe time",
    },
  );

/** The verifier's name for a helper that it does not know ends in its number: that of bpf_loop. */
const LOOP_UNKNOWN = /unknown.*#181\b/;

function loadLooping(load: () => CallPrograms): CallPrograms {
  try {
    return load();
  } catch (error) {
    if (error instanceof RunError && LOOP_UNKNOWN.test(error.message)) throw noLoop(error);
    throw error;
  }
}

/** When the kernel refuses the programs either way, both of its reasons are told. */
function loadWithoutLoop(first: RunError, load: () => CallPrograms): CallPrograms {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    const { message, hint } = error;
    throw new RunError(error.code, `${message}; with bpf_loop: ${first.message}`, { hint, cause: error });
  }
}

/**
 * Throws as loadCallPrograms does, and UnsupportedError where the kernel lacks what was asked for: `no-uprobe-multi`, or
 * `no-bpf-loop` when the plan can't do without; and `net-beside-others`. LIMIT: who comes later is not seen.
 */
export function loadPrograms(
  plan: ProbePlan,
  settings: Settings,
  { attachMode, loops, findReturns }: LoadOptions,
): LoadedPrograms {
  const mustLoop = needsLoop(plan, settings);
  if (mustLoop && loops === "never") throw noLoop();
  const load = (mode: AttachMode): LoadedPrograms => {
    const returns = canDoReturns(mode) ? findReturns?.() : undefined;
    if (settings.net && returns?.by === "others") throw noNetBesideOthers();
    const programs = loadLoopingOrNot((hasLoop) => loadCallPrograms(plan, { ...settings, returns, hasLoop }, mode));
    return { programs, mode, returns: returns?.by === "this run" ? "programs" : "kernel" };
  };
  const loadLoopingOrNot = (loadWith: (hasLoop: boolean) => CallPrograms): CallPrograms => {
    if (mustLoop) return loadLooping(() => loadWith(true));
    if (loops === "never") return loadWith(false);
    try {
      return loadWith(true);
    } catch (error) {
      if (!(error instanceof RunError)) throw error;
      return loadWithoutLoop(error, () => loadWith(false));
    }
  };
  const mode = attachMode ?? "uprobe-multi";
  const loaded = load(mode);
  if (mode === "perf-event" || hasUprobeMulti(loaded.programs.site)) return loaded;
  loaded.programs[Symbol.dispose]();
  if (attachMode !== undefined) throw new UnsupportedError("no-uprobe-multi", "this kernel has no uprobe_multi links");
  return load("perf-event");
}
