/** `profile`: a pprof file of stacks, calls and latency, with `--by` values as labels. */
import type { Aggregate } from "../aggregate/index.js";
import { UsageError } from "../base/index.js";
import { buildIdOf, formatQuantity, nounOf, type ProfileMapping, type Run } from "../export/index.js";
import { FILE_WINDOW, type ProbePlan } from "../probes/index.js";
import { profileReport } from "./count-report.js";
import { exitStatus, measure, recordCounts, tellBalance } from "./measure.js";
import type { MeasureRequest } from "./request.js";
import { openResults } from "./results.js";
import { runNames } from "./run-names.js";
import type { Streams } from "./streams.js";
import { Subject } from "./subject.js";

/** Where a profile goes unless told. */
export const DEFAULT_OUTPUT = "gospect.pb.gz";

/** The code of each file, side by side as in the run. */
const codeMappings = (subject: Subject, plan: ProbePlan): readonly ProfileMapping[] =>
  [plan.target, ...plan.libraries].flatMap((planned, number) => {
    const segments = subject.files(plan)[number]?.elf.segments ?? [];
    return segments
      .filter(({ type, executable }) => type === "load" && executable)
      .map(({ virtualAddress, memorySize, fileOffset }) => ({
        start: number * FILE_WINDOW + virtualAddress,
        limit: number * FILE_WINDOW + virtualAddress + memorySize,
        fileOffset,
        path: planned.path,
        buildId: buildIdOf(planned),
        hasLines: subject.files(plan)[number]?.go !== undefined,
      }));
  });

/** Where a profile goes. */
export function profileOutput(output: string | undefined, streams: Streams): string {
  if (output === "-" && streams.out.isTerminal) {
    throw new UsageError("a profile is binary: it does not go to a terminal", { hint: "write it to a file: -o FILE" });
  }
  return output ?? DEFAULT_OUTPUT;
}

/** What a profile's user does next. */
export function tellProfile(output: string, run: Run, results: Aggregate, streams: Streams): void {
  if (output === "-") return;
  const calls = results.samples.reduce((sum, { count }) => sum + count, 0n);
  streams.err.write(`${output}: ${formatQuantity(calls, nounOf(run.probes))}; go tool pprof ${output} opens it\n`);
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
    mappings: codeMappings(subject, plan),
  });
  const { description, results } = measurement;
  if (!recordCounts(measurement, request, subject, destination)) {
    destination.finish(profileReport(description, results, runNames(subject, plan)));
    if (!request.quiet) tellProfile(output, description.run, results, streams);
  }
  tellBalance(measurement, request, streams);
  return await exitStatus(subject, measurement, request, streams);
}
