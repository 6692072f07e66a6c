/** What `hist` and `profile` make of their counts; the same when a run has ended and when a recorded one is replayed. */
import { type Aggregate, aggregate, type RecordBatch } from "../aggregate/index.js";
import { invariant } from "../base/index.js";
import {
  encodeProfile,
  formatHistJson,
  formatHistText,
  HIST_TEXT_DEFAULTS,
  nounOf,
  type TextStyle,
} from "../export/index.js";
import type { RunDescription, RunNames } from "../recording/index.js";

/** What was counted, by the functions and dimensions that the run names. */
export const aggregateOf = (description: RunDescription, batch: RecordBatch): Aggregate =>
  aggregate(batch, {
    dimensions: description.dimensions,
    measure: description.measure,
    functions: description.run.probes.map((probe) => probe.function),
    functionOf: description.run.probes.map(({ partOf }, number) => partOf ?? number),
  });

export interface HistReportOptions {
  readonly format: "text" | "json";
  readonly style: TextStyle;
}

/** What `hist` prints of a run that is over, or of a recorded one. */
export function histReport(description: RunDescription, results: Aggregate, options: HistReportOptions): string {
  const { run, view } = description;
  if (options.format === "json") return formatHistJson(run, results);
  return formatHistText(run, results, {
    ...HIST_TEXT_DEFAULTS,
    style: options.style,
    ...(view.verbose ? { detail: "all" } : {}),
    ...(view.linear ? { rows: "linear" } : {}),
  });
}

/** The bytes of a pprof file, compressed. The run must have been a profile. */
export function profileReport(description: RunDescription, results: Aggregate, names: RunNames): Buffer {
  const { mappings, commandLine, run } = description;
  invariant(mappings !== undefined, "a profile has mappings");
  return encodeProfile({
    results,
    mappings,
    symbolize: names.symbolize,
    commandLine,
    noun: nounOf(run.probes),
    where: run.where,
    integerLabels: "numbers",
  });
}
