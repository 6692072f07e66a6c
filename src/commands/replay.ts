/** `replay`: the text, JSON or profile of a recorded run, as the run itself would have given it. */
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { UsageError } from "../base/index.js";
import { formatBalanceText } from "../export/index.js";
import { namesOf, openRecordedRun, type RecordedRun } from "../recording/index.js";
import { callLoss, callReport } from "./call-report.js";
import { aggregateOf, histReport, profileReport } from "./count-report.js";
import { isSameFile } from "./output-file.js";
import { DEFAULT_OUTPUT, profileOutput, tellProfile } from "./profile.js";
import type { ReplayRequest } from "./request.js";
import { openResults, type Results, styleOf, textOutput } from "./results.js";
import type { Streams } from "./streams.js";

export async function replay(request: ReplayRequest, streams: Streams): Promise<number> {
  if (request.output !== undefined && isSameFile(request.output, request.file)) {
    throw new UsageError(`${request.output} is the recording itself, and would be overwritten`);
  }
  using recorded = openRecordedRun(request.file);
  const { batch, eventLoss } = recorded;
  const view = { ...recorded.description.view, ...(request.verbose ? { verbose: true } : {}) };
  const description = { ...recorded.description, view };
  const names = namesOf(recorded.names);
  const results = aggregateOf(description, batch);
  const isProfile = description.command === "profile";
  const output = isProfile ? replayedProfileOutput(request, streams) : textOutput(request.output);
  using destination = openResults(output, streams);
  const options = { format: request.json ? "json" : "text", style: destination.style } as const;
  if (isProfile) destination.finish(profileReport(description, results, names));
  else if (description.command === "hist") destination.finish(histReport(description, results, options));
  else await replayCalls(recorded, destination, request);
  if (request.quiet) return 0;
  if (isProfile && output !== undefined) tellProfile(output, description.run, results, streams);
  const loss = callLoss(description, eventLoss);
  streams.err.write(formatBalanceText(description.run, results, styleOf(streams.err), loss));
  return 0;
}

/** A replay is asked of a recording, whose kind nobody need remember: it overwrites nothing that was not named. */
function replayedProfileOutput({ file, json, output }: ReplayRequest, streams: Streams): string {
  if (json)
    throw new UsageError(`${file} is the recording of a profile, which is no JSON`, { hint: "leave out --json" });
  if (output === undefined && existsSync(DEFAULT_OUTPUT)) {
    throw new UsageError(`${file} is the recording of a profile, and there is a ${DEFAULT_OUTPUT} already`, {
      hint: "name a file: -o FILE.pb.gz",
    });
  }
  return profileOutput(output, streams);
}

async function replayCalls(recorded: RecordedRun, destination: Results, { json }: ReplayRequest): Promise<void> {
  const { description, batch } = recorded;
  const stacks = new Map(batch.stacks.map((stack) => [stack.id, stack]));
  const options = { format: json ? "json" : "text", style: destination.style } as const;
  const report = callReport(description, namesOf(recorded.names), (key) => stacks.get(key), options);
  for (const events of recorded.events()) {
    destination.append(report.take(events));
    await drained(destination);
  }
  destination.finish(report.finish());
}

/** LIMIT: bytes that wait for somebody who reads slowly, and how long until they are looked at again. */
const MOST_BACKLOG = 1 << 22;
const PAUSE_MS = 20;

async function drained(destination: Results): Promise<void> {
  while (destination.backlog() > MOST_BACKLOG) await sleep(PAUSE_MS);
}
