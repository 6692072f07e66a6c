/** `hist`: histograms of latency per combination of `--by` values. */
import type { Aggregate } from "../aggregate/index.js";
import { formatHistJson, formatHistText, HIST_TEXT_DEFAULTS, type Run } from "../export/index.js";
import { exitStatus, measure, tellBalance } from "./measure.js";
import type { MeasureRequest } from "./request.js";
import { openResults, styleOf } from "./results.js";
import type { Streams } from "./streams.js";
import { Subject } from "./subject.js";

/** LIMIT: series of one table while the run lasts: what scrolls out of the window cannot be drawn over. */
const LIVE_SERIES = 20;

export async function hist(request: MeasureRequest, streams: Streams): Promise<number> {
  using results = openResults(request.output, streams);
  using subject = await Subject.open(request.target, request.symbols);
  const page = (run: Run, soFar: Aggregate): readonly string[] =>
    formatHistText(run, soFar, { style: styleOf(streams.out), maxSeries: LIVE_SERIES, histograms: 1 }).split("\n");
  const measurement = await measure(subject, subject.plan(request, "measure"), request, streams, {
    keep: { histogram: true, stacks: false },
    page: request.json ? undefined : page,
  });
  const { run } = measurement;
  results.finish(
    request.json
      ? formatHistJson(run, measurement.results)
      : formatHistText(run, measurement.results, {
          style: results.style,
          ...HIST_TEXT_DEFAULTS,
          ...(request.verbose ? { detail: "all" } : {}),
        }),
  );
  tellBalance(measurement, request, streams);
  return await exitStatus(subject, measurement, request, streams);
}
