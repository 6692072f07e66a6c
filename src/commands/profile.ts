/** `profile`: a pprof file of stacks, calls and latency, with `--by` values as labels. */
import { UnmeasurableError, UsageError } from "../base/index.js";
import type { GoBinary } from "../binary/index.js";
import { encodeProfile, formatQuantity, type ProfileMapping } from "../export/index.js";
import type { ProbePlan } from "../probes/index.js";
import { exitStatus, measure, tellBalance } from "./measure.js";
import type { ProfileRequest } from "./request.js";
import { openResults } from "./results.js";
import type { Streams } from "./streams.js";
import { Subject } from "./subject.js";

const DEFAULT_OUTPUT = "gospect.pb.gz";

/** The segment that all code of a Go program lies in. */
function codeMapping(binary: GoBinary, plan: ProbePlan): ProfileMapping {
  const code = plan.probes[0]?.entry.address ?? 0;
  const segment = binary.elf.segments.find(
    ({ type, executable, virtualAddress, memorySize }) =>
      type === "load" && executable && code >= virtualAddress && code < virtualAddress + memorySize,
  );
  if (segment === undefined) throw new UnmeasurableError("no-code", `${plan.target.path}: no executable segment`);
  return {
    start: segment.virtualAddress,
    limit: segment.virtualAddress + segment.memorySize,
    fileOffset: segment.fileOffset,
    path: plan.target.path,
    buildId: plan.target.gnuBuildId ?? plan.target.goBuildId,
  };
}

export async function profile(request: ProfileRequest, streams: Streams): Promise<number> {
  const output = request.output ?? DEFAULT_OUTPUT;
  if (output === "-" && streams.out.isTerminal) {
    throw new UsageError("a profile is binary: it does not go to a terminal", { hint: "write it to a file: -o FILE" });
  }
  using destination = openResults(output, streams);
  using subject = await Subject.open(request.target, request.symbols);
  const plan = subject.plan(request, "measure");
  const mapping = codeMapping(subject.binary, plan);
  const measurement = await measure(subject, plan, request, streams, {
    keep: { histogram: false, stacks: true },
    page: undefined,
  });
  const { results } = measurement;
  const calls = results.samples.reduce((sum, { count }) => sum + count, 0n);
  destination.finish(
    encodeProfile({
      results,
      mapping,
      symbolize: (address) => subject.table.symbolize(address),
      commandLine: request.commandLine,
      integerLabels: "numbers",
    }),
  );
  if (!request.quiet && output !== "-") {
    streams.err.write(`${output}: ${formatQuantity(calls, "call")}; go tool pprof ${output} opens it\n`);
  }
  tellBalance(measurement, request, streams);
  return await exitStatus(subject, measurement, request, streams);
}
