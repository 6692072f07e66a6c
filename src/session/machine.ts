/** What this machine allows of a run, found by trying: the real programs, an empty plan, nothing attached. */
import { fileOffset, ProfilerError, virtualAddress } from "../base/index.js";
import { type AttachMode, canDoReturns, hasUprobeMulti } from "../bpf/index.js";
import type { Capture, Code, ProbePlan } from "../probes/index.js";
import type { LoadedPrograms } from "./load.js";
import { type CallObject, type CallPrograms, loadCallPrograms } from "./programs.js";

export interface MachineFindings {
  /** Why no run is possible; undefined when one is. */
  readonly obstacle: ProfilerError | undefined;
  /** Undefined with an obstacle. */
  readonly attachMode: AttachMode | undefined;
  /** Who does the returns of Go functions where nothing speaks against the programs. */
  readonly returns: LoadedPrograms["returns"];
  /** Whether programs may loop by `bpf_loop` (kernel 5.17). */
  readonly hasLoop: boolean;
  /** Why there are no conditions, searches and events; undefined when there are. */
  readonly codesObstacle: ProfilerError | undefined;
  /** Why functions can't be measured that don't keep the goroutine in its register; undefined when they can. */
  readonly threadStorageObstacle: ProfilerError | undefined;
}

const NOWHERE = virtualAddress(0);
const TRUE: Code = [{ op: "set", value: 1n }];
const NOTHING_KEPT: Capture = { code: TRUE, slots: 1, tailBytes: 0 };

const EMPTY_PLAN: ProbePlan = {
  target: {
    path: "",
    access: "",
    arch: "amd64",
    goVersion: "",
    goBuildId: undefined,
    gnuBuildId: undefined,
    positionIndependent: false,
    imageBase: NOWHERE,
  },
  libraries: [],
  runtime: {
    goidOffset: 0,
    mOffset: 0,
    curgOffset: 0,
    schedSpOffset: 0,
    tlsOffset: 0,
    goroutineInRegister: true,
    source: "table",
  },
  dimensions: [],
  measure: { kind: "duration" },
  probes: [],
  refused: [],
  runtimeSites: [],
  warnings: [],
};

/** Something to run of every kind: a condition and a capture at either end. */
const CODED_PLAN: ProbePlan = {
  ...EMPTY_PLAN,
  probes: [
    {
      name: "",
      function: { name: "", address: NOWHERE, size: 0, file: undefined, line: undefined, wrapper: false },
      signature: undefined,
      kind: "call",
      file: 0,
      identity: "goroutine",
      entry: { kind: "entry", address: NOWHERE, offset: fileOffset(0), bytes: Buffer.alloc(0), instruction: "" },
      exits: [],
      goroutine: "register",
      inlinedCopies: 0,
      recipes: [],
      value: undefined,
      condition: { decisions: [TRUE], entry: TRUE, return: TRUE },
      captures: { entry: NOTHING_KEPT, return: NOTHING_KEPT, shown: [] },
      notes: [],
    },
  ],
};

/** The programs of a plan, to be disposed, or why there are none. */
function tryLoad(
  mode: AttachMode,
  hasLoop: boolean,
  name: CallObject,
  plan: ProbePlan = EMPTY_PLAN,
): CallPrograms | ProfilerError {
  const settings = {
    tgid: 0,
    pidNamespace: undefined,
    seriesCapacity: 1,
    histogram: true,
    stacks: true,
    events: plan === CODED_PLAN,
    origins: plan === CODED_PLAN,
    hasLoop,
  };
  try {
    return loadCallPrograms(plan, settings, mode, name);
  } catch (error) {
    if (error instanceof ProfilerError) return error;
    throw error;
  }
}

function findObstacle(loaded: CallPrograms | ProfilerError): ProfilerError | undefined {
  if (loaded instanceof ProfilerError) return loaded;
  loaded[Symbol.dispose]();
  return undefined;
}

/** Never throws a ProfilerError: what stands in the way is the answer. */
export function examineMachine(): MachineFindings {
  let obstacle: ProfilerError | undefined;
  for (const hasLoop of [true, false]) {
    for (const attachMode of ["uprobe-multi", "perf-event"] as const) {
      const loaded = tryLoad(attachMode, hasLoop, "calls");
      if (loaded instanceof ProfilerError) {
        obstacle ??= loaded;
        continue;
      }
      using programs = loaded;
      if (attachMode === "uprobe-multi" && !hasUprobeMulti(programs.site)) continue;
      const threadStorageObstacle = findObstacle(tryLoad(attachMode, hasLoop, "calls-tls"));
      const codesObstacle = findObstacle(tryLoad(attachMode, hasLoop, "calls", CODED_PLAN));
      const returns = canDoReturns(attachMode) ? "programs" : "kernel";
      return { obstacle: undefined, attachMode, returns, hasLoop, codesObstacle, threadStorageObstacle };
    }
  }
  return {
    obstacle,
    attachMode: undefined,
    returns: "kernel",
    hasLoop: false,
    codesObstacle: obstacle,
    threadStorageObstacle: obstacle,
  };
}
