/** `hist`: histograms of latency, or of a value, per combination of `--by` values. */
import type { Aggregate } from "../aggregate/index.js";
import { formatHistText } from "../export/index.js";
import type { RunDescription } from "../recording/index.js";
import { histReport } from "./count-report.js";
import { exitStatus, measure, recordCounts, tellBalance } from "./measure.js";
import type { HistRequest } from "./request.js";
import { openResults, styleOf, textOutput } from "./results.js";
import type { Streams } from "./streams.js";
import { Subject } from "./subject.js";

/** LIMIT: series of one table while the run lasts: what scrolls out of the window cannot be drawn over. */
const LIVE_SERIES = 20;

export async function hist(request: HistRequest, streams: Streams): Promise<number> {
  using results = openResults(textOutput(request.output), streams);
  using subject = await Subject.open(request.target, request.symbols);
  const page = ({ run }: RunDescription, soFar: Aggregate): readonly string[] =>
    formatHistText(run, soFar, {
      style: styleOf(streams.out),
      maxSeries: LIVE_SERIES,
      histograms: 1,
      ...(request.linear ? { rows: "linear" } : {}),
    }).split("\n");
  const measurement = await measure(subject, await subject.plan(request, "measure"), request, streams, {
    command: "hist",
    keep: { histogram: true, stacks: false },
    view: { stacks: false, verbose: request.verbose, linear: request.linear },
    page: request.json ? undefined : page,
  });
  if (!recordCounts(measurement, request, subject, results)) {
    const format = request.json ? "json" : "text";
    results.finish(histReport(measurement.description, measurement.results, { format, style: results.style }));
  }
  tellBalance(measurement, request, streams);
  return await exitStatus(subject, measurement, request, streams);
}
