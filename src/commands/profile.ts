/** `profile`: a pprof file of stacks, calls and latency, with `--by` values as labels. */
import type { Aggregate } from "../aggregate/index.js";
import { UnmeasurableError, UsageError } from "../base/index.js";
import { buildIdOf, formatQuantity, type ProfileMapping } from "../export/index.js";
import type { ProbePlan } from "../probes/index.js";
import { profileReport } from "./count-report.js";
import { exitStatus, measure, recordCounts, tellBalance } from "./measure.js";
import type { MeasureRequest } from "./request.js";
import { openResults } from "./results.js";
import { runNames } from "./run-names.js";
import type { Streams } from "./streams.js";
import { Subject } from "./subject.js";

/** Where a profile goes unless told. */
export const DEFAULT_OUTPUT = "gospect.pb.gz";

/** The segment that all code of a Go program lies in. */
function codeMapping({ main }: Subject, plan: ProbePlan): ProfileMapping {
  const code = plan.probes[0]?.entry.address ?? 0;
  const segment = main.elf.segments.find(
    ({ type, executable, virtualAddress, memorySize }) =>
      type === "load" && executable && code >= virtualAddress && code < virtualAddress + memorySize,
  );
  if (segment === undefined) throw new UnmeasurableError("no-code", `${plan.target.path}: no executable segment`);
  return {
    start: segment.virtualAddress,
    limit: segment.virtualAddress + segment.memorySize,
    fileOffset: segment.fileOffset,
    path: plan.target.path,
    buildId: buildIdOf(plan.target),
  };
}

/** Where a profile goes. */
export function profileOutput(output: string | undefined, streams: Streams): string {
  if (output === "-" && streams.out.isTerminal) {
    throw new UsageError("a profile is binary: it does not go to a terminal", { hint: "write it to a file: -o FILE" });
  }
  return output ?? DEFAULT_OUTPUT;
}

/** What a profile's user does next. */
export function tellProfile(output: string, results: Aggregate, streams: Streams): void {
  if (output === "-") return;
  const calls = results.samples.reduce((sum, { count }) => sum + count, 0n);
  streams.err.write(`${output}: ${formatQuantity(calls, "call")}; go tool pprof ${output} opens it\n`);
}

export async function profile(request: MeasureRequest, streams: Streams): Promise<number> {
  const output = profileOutput(request.output, streams);
  using destination = openResults(output, streams);
  using subject = await Subject.open(request.target, request.symbols);
  const plan = await subject.plan(request, "measure");
  const measurement = await measure(subject, plan, request, streams, {
    command: "profile",
    keep: { histogram: false, stacks: true },
    view: { stacks: true, verbose: request.verbose, linear: false },
    mapping: codeMapping(subject, plan),
  });
  const { description, results } = measurement;
  if (!recordCounts(measurement, request, subject, destination)) {
    destination.finish(profileReport(description, results, runNames(subject)));
    if (!request.quiet) tellProfile(output, results, streams);
  }
  tellBalance(measurement, request, streams);
  return await exitStatus(subject, measurement, request, streams);
}
