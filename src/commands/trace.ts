/** `trace` and `flow`: calls one by one, as they end, by themselves or as the trees they make up. */
import type { EventRecord } from "../aggregate/index.js";
import { UnmeasurableError } from "../base/index.js";
import type { ProbePlan } from "../probes/index.js";
import { type CallReport, callReport } from "./call-report.js";
import { exitStatus, type Follower, measure, tellBalance } from "./measure.js";
import { isRecording, Recorder } from "./recorder.js";
import type { TraceRequest } from "./request.js";
import { openResults, type Results, textOutput } from "./results.js";
import { runNames } from "./run-names.js";
import type { Streams } from "./streams.js";
import { Subject } from "./subject.js";

export const trace = (request: TraceRequest, streams: Streams): Promise<number> => follow("trace", request, streams);

export const flow = (request: TraceRequest, streams: Streams): Promise<number> => follow("flow", request, streams);

async function follow(command: "trace" | "flow", request: TraceRequest, streams: Streams): Promise<number> {
  using results = openResults(textOutput(request.output), streams);
  using subject = await Subject.open(request.target, request.symbols);
  const plan = await subject.plan(request, "measure", "values");
  if (command === "flow") requireGoCalls(plan);
  const names = runNames(subject, plan);
  const measurement = await measure(subject, plan, request, streams, {
    command,
    keep: { histogram: false, stacks: request.stacks, events: true, origins: command === "flow" },
    view: { stacks: request.stacks, verbose: request.verbose, linear: false },
    follow: (session, description) => {
      if (isRecording(request.output)) return new Recorder(results, description, names);
      const format = request.json ? "json" : "text";
      const stack = remembered((key: bigint) => session.findStack(key));
      return new Printer(results, callReport(description, names, stack, { format, style: results.style }));
    },
  });
  tellBalance(measurement, request, streams);
  return await exitStatus(subject, measurement, request, streams);
}

/** Which call is inside which the stack of a goroutine tells; nothing tells it of threads, and of spans. */
function requireGoCalls({ probes }: ProbePlan): void {
  const other = probes.find(({ nest, identity }) => nest !== undefined || identity !== "goroutine");
  if (other === undefined) return;
  throw new UnmeasurableError(
    "not-supported",
    `${other.name} is no Go function, and flow shows how those call each other`,
    {
      hint: "gospect trace shows each call; --stack with its callers",
    },
  );
}

/** Asks once: a stack never changes. */
function remembered<K, V>(ask: (key: K) => V | undefined): (key: K) => V | undefined {
  const known = new Map<K, V>();
  return (key) => {
    const answer = known.get(key) ?? ask(key);
    if (answer !== undefined) known.set(key, answer);
    return answer;
  };
}

/** LIMIT: bytes of text on their way to somebody who reads slowly; beyond it, calls stay in the kernel's buffer. */
const MOST_BACKLOG = 1 << 20;

class Printer implements Follower {
  private readonly results: Results;
  private readonly report: CallReport;

  constructor(results: Results, report: CallReport) {
    this.results = results;
    this.report = report;
  }

  isReady(): boolean {
    return this.results.backlog() < MOST_BACKLOG;
  }

  take(events: readonly EventRecord[]): void {
    this.results.append(this.report.take(events));
  }

  finish(): void {
    this.results.finish(this.report.finish());
  }
}
