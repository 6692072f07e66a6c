/** What this machine allows of a run, found by trying: the real programs, an empty plan, nothing attached. */
import { ProfilerError, virtualAddress } from "../base/index.js";
import { type AttachMode, hasUprobeMulti } from "../bpf/index.js";
import type { ProbePlan } from "../probes/index.js";
import { type CallObject, type CallPrograms, loadCallPrograms } from "./programs.js";

export interface MachineFindings {
  /** Why no run is possible; undefined when one is. */
  readonly obstacle: ProfilerError | undefined;
  /** Undefined with an obstacle. */
  readonly attachMode: AttachMode | undefined;
  /** Whether programs may loop by `bpf_loop` (kernel 5.17). */
  readonly hasLoop: boolean;
  /** Why functions can't be measured that don't keep the goroutine in its register; undefined when they can. */
  readonly threadStorageObstacle: ProfilerError | undefined;
}

const EMPTY_PLAN: ProbePlan = {
  target: {
    path: "",
    arch: "amd64",
    goVersion: "",
    goBuildId: undefined,
    gnuBuildId: undefined,
    positionIndependent: false,
    imageBase: virtualAddress(0),
  },
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

function tryLoad(mode: AttachMode, hasLoop: boolean, name: CallObject): CallPrograms | ProfilerError {
  const settings = {
    tgid: 0,
    pidNamespace: undefined,
    seriesCapacity: 1,
    histogram: true,
    stacks: true,
    events: false,
    origins: false,
    hasLoop,
  };
  try {
    return loadCallPrograms(EMPTY_PLAN, settings, mode, name);
  } catch (error) {
    if (error instanceof ProfilerError) return error;
    throw error;
  }
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
      const threadStorage = tryLoad(attachMode, hasLoop, "calls-tls");
      if (threadStorage instanceof ProfilerError)
        return { obstacle: undefined, attachMode, hasLoop, threadStorageObstacle: threadStorage };
      threadStorage[Symbol.dispose]();
      return { obstacle: undefined, attachMode, hasLoop, threadStorageObstacle: undefined };
    }
  }
  return { obstacle, attachMode: undefined, hasLoop: false, threadStorageObstacle: obstacle };
}
