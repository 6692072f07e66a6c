/** The course of a measuring run: plan, attach, show progress, end well, hand over what was counted. */
import { constants } from "node:os";
import { type Aggregate, type EventLoss, type EventRecord, printable, type RecordBatch } from "../aggregate/index.js";
import { UnmeasurableError } from "../base/index.js";
import {
  buildIdOf,
  formatBalanceText,
  formatCount,
  formatNanoseconds,
  formatQuantity,
  type Run,
  type RunProbe,
} from "../export/index.js";
import { type PlannedProbe, type ProbePlan, partOf } from "../probes/index.js";
import type { RecordedCommand, RunDescription, RunView } from "../recording/index.js";
import { type CommandEnd, Session, type SessionOptions, type Target } from "../session/index.js";
import { callLoss } from "./call-report.js";
import { aggregateOf } from "./count-report.js";
import { LiveText } from "./display.js";
import { slowEnd } from "./forewarnings.js";
import { isRecording, Recorder } from "./recorder.js";
import type { MeasureRequest } from "./request.js";
import { type Results, styleOf } from "./results.js";
import { type RunEnd, waitForEnd } from "./run-end.js";
import { runNames } from "./run-names.js";
import type { Streams } from "./streams.js";
import { type Subject, warn } from "./subject.js";

export interface Measurement {
  readonly plan: ProbePlan;
  readonly description: RunDescription;
  readonly batch: RecordBatch;
  readonly results: Aggregate;
  /** Undefined where calls were only counted. */
  readonly eventLoss: EventLoss | undefined;
  /** Why it ended. */
  readonly end: RunEnd;
}

/** Takes what becomes of calls while a run lasts. */
export interface Follower {
  take(events: readonly EventRecord[]): void;
  /** Whether it can take more now, or should be asked later: what then finds no room is counted by the kernel. */
  isReady(): boolean;
  finish(batch: RecordBatch, eventLoss: EventLoss): void;
}

export interface MeasureOptions {
  readonly command: RecordedCommand;
  readonly keep: SessionOptions["keep"];
  readonly view: RunView;
  /** Of a profile. */
  readonly mappings?: RunDescription["mappings"];
  /** Draws results while the run lasts, a line each; undefined: only the progress line is shown. */
  readonly page?: ((description: RunDescription, results: Aggregate) => readonly string[]) | undefined;
  /** Called when the run has begun, where its calls are wanted one by one. */
  readonly follow?: ((session: Session, description: RunDescription) => Follower) | undefined;
}

function nounOf({ kind, place }: PlannedProbe): RunProbe["noun"] {
  if (kind === "span-begin" || kind === "span-end") return "span";
  return place?.kind === "usdt" ? "hit" : undefined;
}

const runOf = (plan: ProbePlan, target: Target): Run => ({
  target: {
    pid: target.process()?.pid,
    exe: plan.target.path,
    buildId: buildIdOf(plan.target),
    goVersion: plan.target.goVersion,
  },
  probes: plan.probes.map((probe, number) => ({
    function: probe.name,
    entrySites: probe.kind === "span-end" ? 0 : 1,
    returnSites: probe.kind === "span-end" ? 1 : probe.exits.length,
    inlinedCopies: probe.inlinedCopies,
    partOf: partOf(plan.probes, number),
    untyped: probe.captures?.untyped,
    noun: nounOf(probe),
    identity: probe.identity === "goroutine" ? undefined : probe.identity,
  })),
  where: plan.where,
});

const descriptionOf = (
  { plan, clock }: Session,
  target: Target,
  request: MeasureRequest,
  { command, mappings, view }: MeasureOptions,
): RunDescription => ({
  command,
  commandLine: request.commandLine,
  run: runOf(plan, target),
  dimensions: plan.dimensions,
  measure: plan.measure,
  shown: plan.probes.map((probe) => probe.captures?.shown ?? []),
  clock,
  mappings,
  view,
});

type Progress = Pick<ReturnType<Session["progress"]>, "balance" | "durationNs">;

const MILLION = 1_000_000n;

/** What is measured, in a few words. */
function objectOf(plan: ProbePlan): string {
  const [only, ...more] = new Set(plan.probes.map(({ name }) => name));
  if (only !== undefined && more.length === 0) return printable(only);
  const all = plan.probes.every((probe) => nounOf(probe) === undefined) ? "functions" : "probes";
  return `${more.length + 1} ${all}`;
}

function progressLine({ plan }: Session, progress: Progress, durationMs: number | undefined): string {
  const elapsed = formatNanoseconds((progress.durationNs / (1000n * MILLION)) * 1000n * MILLION);
  const limit = durationMs === undefined ? "" : ` of ${formatNanoseconds(BigInt(durationMs) * MILLION)}`;
  const { returns, counted, open, lost } = progress.balance;
  const losses = lost === 0n ? "" : `, ${formatCount(lost)} lost`;
  return `${objectOf(plan)}: ${formatQuantity(returns + counted, "call")}, ${formatCount(open)} running${losses}; ${elapsed}${limit}; Ctrl-C ends the run well`;
}

/** News of a run, every second, where somebody watches. */
class News {
  private readonly request: MeasureRequest;
  private readonly streams: Streams;
  private readonly options: MeasureOptions;
  private readonly live: LiveText;
  private readonly withPage: boolean;

  constructor(request: MeasureRequest, streams: Streams, options: MeasureOptions) {
    this.request = request;
    this.streams = streams;
    this.options = options;
    this.withPage = options.page !== undefined && streams.out.isTerminal && request.output === undefined;
    this.live = new LiveText(this.withPage ? streams.out : streams.err);
  }

  tell(session: Session, description: RunDescription): void {
    // Lines of calls and a line that is drawn over itself would mix.
    if (this.options.follow !== undefined && this.streams.out.isTerminal && this.request.output === undefined) return;
    if (this.request.quiet || !(this.withPage || this.streams.err.isTerminal)) return;
    const { page } = this.options;
    const { durationMs } = this.request;
    if (!this.withPage || page === undefined) {
      this.live.draw([progressLine(session, session.progress(), durationMs)]);
      return;
    }
    const results = aggregateOf(description, session.snapshot());
    this.live.draw([progressLine(session, results, durationMs), "", ...page(description, results)]);
  }

  clear(): void {
    this.live.clear();
  }
}

/** For whoever waits for the first call that counts: a script that starts the load next. A terminal shows progress. */
function tellStart(plan: ProbePlan, request: MeasureRequest, streams: Streams): void {
  if (request.quiet || streams.err.isTerminal) return;
  streams.err.write(`measuring ${objectOf(plan)}\n`);
}

function tellEnd(end: RunEnd, target: Target, streams: Streams): void {
  if (end === "target-exited") streams.err.write(`${printable(target.displayPath)} has ended\n`);
}

/** LIMIT: calls that are taken at a time: as many more may be there at once, and a full buffer holds a hundred thousand. */
const MANY_CALLS = 4096;

/** Probe time is taken off durations, by the account of the goroutine or thread that the calls are on. */
function requireDurations({ measure: { kind }, probes }: ProbePlan): void {
  if (kind !== "duration") {
    const what = kind === "value" ? "a value is measured" : "nothing that is measured has an end";
    throw new UnmeasurableError("no-durations", `--net takes probe time off durations, and ${what}`, {
      hint: "leave --net out",
    });
  }
  if (probes.some(({ identity }) => identity === "value")) {
    throw new UnmeasurableError(
      "net-by-value",
      "--net can't tell whose time probes took in spans that belong together by --match: several threads may be in one",
      { hint: "leave --net or --match out" },
    );
  }
}

/** Measures until the run is over. Probes are off when this returns or throws. */
export async function measure(
  subject: Subject,
  plan: ProbePlan,
  request: MeasureRequest,
  streams: Streams,
  options: MeasureOptions,
): Promise<Measurement> {
  if (request.durations === "net") requireDurations(plan);
  warn(plan, request, streams);
  // Before anything is attached: from here on Ctrl-C ends the run well.
  const interruption = streams.interruption();
  using session = await Session.open(plan, subject.target, {
    keep: options.keep,
    maxOverhead: request.maxOverhead < 1 ? request.maxOverhead : undefined,
    net: request.durations === "net",
  });
  tellStart(plan, request, streams);
  const slow = request.quiet ? undefined : slowEnd(session.slowProbes);
  if (slow !== undefined) streams.err.write(`${slow}\n`);
  const description = descriptionOf(session, subject.target, request, options);
  const news = new News(request, streams, options);
  const follower = options.follow?.(session, description);
  const limits = {
    durationMs: request.durationMs,
    interruption,
    targetHasEnded: () => subject.target.hasEnded(),
  };
  const end = await waitForEnd(limits, {
    tell: () => news.tell(session, description),
    follow: follower === undefined ? undefined : () => followOn(session, follower),
  });
  if (slow !== undefined) {
    news.clear();
    streams.err.write(`ending the run: ${slow}\n`);
  }
  const batch = session.stop();
  const { failure } = session;
  if (failure !== undefined && !subject.target.hasEnded()) {
    streams.err.write(`warning: probes that had rested could not be put back on: ${printable(failure.message)}\n`);
  }
  news.clear();
  const eventLoss = follower === undefined ? undefined : finish(session, batch, follower);
  if (!request.quiet) tellEnd(end, subject.target, streams);
  return { plan, description, batch, results: aggregateOf(description, batch), end, eventLoss };
}

/**
 * The last of the calls, those that had not ended among them: inner ones first, as if they ended now. Those whose condition
 * would have been decided by their end are left out.
 */
function finish(session: Session, batch: RecordBatch, follower: Follower): EventLoss {
  while (takeSome(session, follower) === "part");
  const { probes } = session.plan;
  const open = session.openCalls().filter(({ probe }) => probes[probe]?.condition?.return === undefined);
  follower.take(open.toReversed());
  const eventLoss = session.eventLoss();
  follower.finish(batch, eventLoss);
  return eventLoss;
}

function followOn(session: Session, follower: Follower): "all" | "part" {
  return follower.isReady() ? takeSome(session, follower) : "all";
}

function takeSome(session: Session, follower: Follower): "all" | "part" {
  const events = session.drain(MANY_CALLS);
  follower.take(events);
  return events.length < MANY_CALLS ? "all" : "part";
}

const NO_LOSS: EventLoss = { dropped: 0n, captures: 0n };

/** `-o FILE.gospect`, of a run whose calls were only counted. False when something else was asked for. */
export function recordCounts(
  { plan, description, batch }: Measurement,
  { output }: MeasureRequest,
  subject: Subject,
  results: Results,
): boolean {
  if (!isRecording(output)) return false;
  new Recorder(results, description, runNames(subject, plan)).finish(batch, NO_LOSS);
  return true;
}

/** The closing words on stderr. */
export function tellBalance(measurement: Measurement, { quiet, output }: MeasureRequest, { err }: Streams): void {
  if (quiet) return;
  if (isRecording(output)) err.write(`${output}: gospect replay ${output} shows it\n`);
  const { description, results, eventLoss } = measurement;
  err.write(formatBalanceText(description.run, results, styleOf(err), callLoss(description, eventLoss)));
}

/** As a shell reports it. */
const statusOf = (end: CommandEnd | undefined): number =>
  end === undefined ? 0 : "status" in end ? end.status : 128 + constants.signals[end.signal];

/**
 * The exit status of a run that went well: a command's own, for which it waits, and 0 for other targets. A command that
 * goes on after its measurement is told when we are told to end; Ctrl-C reaches it through its terminal.
 */
export async function exitStatus(
  { target }: Subject,
  { end }: Measurement,
  request: MeasureRequest,
  streams: Streams,
): Promise<number> {
  if (target.request.kind === "command" && end !== "target-exited" && !request.quiet) {
    streams.err.write(`${printable(target.displayPath)} goes on without probes\n`);
  }
  const interruption = streams.interruption();
  const pass = (): void => {
    const reason: unknown = interruption.reason;
    if (reason === "SIGTERM" || reason === "SIGHUP") target.signal(reason);
  };
  if (interruption.aborted) pass();
  else interruption.addEventListener("abort", pass, { once: true });
  try {
    return statusOf(await target.end());
  } finally {
    interruption.removeEventListener("abort", pass);
  }
}
