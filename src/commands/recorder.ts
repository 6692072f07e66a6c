/** `-o FILE.gospect`: the run itself, for `replay`, in place of what is printed of it. */
import { callOf, type EventLoss, type EventRecord, type RecordBatch, type TracedProbes } from "../aggregate/index.js";
import { callFrames } from "../export/index.js";
import { RememberedNames, type RunDescription, type RunNames, RunWriter } from "../recording/index.js";
import { tracedProbes } from "./call-report.js";
import { aggregateOf, profileReport } from "./count-report.js";
import type { Results } from "./results.js";

/** Whether `-o` asks for the run itself, by the ending of the file. */
export const isRecording = (output: string | undefined): boolean => output?.endsWith(".gospect") === true;

/** Asks of what it records each name that printing it will ask for: those are what the file keeps. */
export class Recorder {
  private readonly results: Results;
  private readonly description: RunDescription;
  private readonly names: RememberedNames;
  private readonly probes: TracedProbes;
  private readonly writer: RunWriter;

  constructor(results: Results, description: RunDescription, names: RunNames) {
    this.results = results;
    this.description = description;
    this.names = new RememberedNames(names);
    this.probes = tracedProbes(description, this.names, () => undefined);
    this.writer = new RunWriter((bytes) => results.append(bytes), description);
  }

  /** A file takes all there is. */
  isReady(): boolean {
    return true;
  }

  take(events: readonly EventRecord[]): void {
    this.writer.add(events);
    for (const event of events) {
      callOf(event, this.probes);
      if (event.createdAt !== undefined) callFrames([event.createdAt], this.names.symbolize);
    }
  }

  finish(batch: RecordBatch, eventLoss: EventLoss): void {
    const results = aggregateOf(this.description, batch);
    if (this.description.command === "profile") profileReport(this.description, results, this.names);
    else for (const { frames } of batch.stacks) callFrames(frames.slice(1), this.names.symbolize);
    this.writer.finish(batch, eventLoss, this.names);
    this.results.finish("");
  }
}
