/** `plan`: the exact sites, instructions and recipes that a run would use, and what memory, without attaching. */
import { formatPlanJson, formatPlanText, type KernelMemory } from "../export/index.js";
import type { ProbePlan } from "../probes/index.js";
import { type Keep, kernelMemory } from "../session/index.js";
import type { PlanRequest } from "./request.js";
import { openResults } from "./results.js";
import type { Streams } from "./streams.js";
import { Subject } from "./subject.js";

/** What the commands keep in the kernel, at most. */
const RUNS: Readonly<Record<string, Keep>> = {
  hist: { histogram: true, stacks: false, events: false },
  profile: { histogram: false, stacks: true, events: false },
  "trace --stack": { histogram: false, stacks: true, events: true },
};

/** A plan is the same on every machine, so it tells of several: CPUs that they could have. */
const MACHINES = [2, 16, 128];

const memoryOf = (plan: ProbePlan): readonly KernelMemory[] =>
  Object.entries(RUNS).flatMap(([command, keep]) =>
    MACHINES.map((cpus) => ({ command, cpus, bytes: kernelMemory(plan, keep, cpus) })),
  );

export async function plan(request: PlanRequest, streams: Streams): Promise<number> {
  using results = openResults(request.output, streams);
  using subject = await Subject.open(request.target, request.symbols);
  const planned = await subject.plan(request, "show", request.show.length > 0 ? "values" : "none");
  const memory = memoryOf(planned);
  results.finish(request.json ? formatPlanJson(planned, memory) : formatPlanText(planned, memory, results.style));
  return 0;
}
