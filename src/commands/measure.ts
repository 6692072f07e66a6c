/** The course of a measuring run: plan, attach, show progress, end well, hand over what was counted. */
import { constants } from "node:os";
import { type Aggregate, aggregate } from "../aggregate/index.js";
import { formatBalanceText, formatCount, formatNanoseconds, formatQuantity, type Run } from "../export/index.js";
import type { ProbePlan } from "../probes/index.js";
import { type CommandEnd, Session, type SessionOptions, type Target } from "../session/index.js";
import { LiveText } from "./display.js";
import type { MeasureRequest } from "./request.js";
import { styleOf } from "./results.js";
import { type RunEnd, waitForEnd } from "./run-end.js";
import type { Streams } from "./streams.js";
import { type Subject, warn } from "./subject.js";

export interface Measurement {
  readonly plan: ProbePlan;
  readonly run: Run;
  readonly results: Aggregate;
  /** Why it ended. */
  readonly end: RunEnd;
}

export interface MeasureOptions {
  readonly keep: SessionOptions["keep"];
  /** Draws results while the run lasts, a line each; undefined: only the progress line is shown. */
  readonly page: ((run: Run, results: Aggregate) => readonly string[]) | undefined;
}

const runOf = (plan: ProbePlan, target: Target): Run => ({
  target: {
    pid: target.process()?.pid,
    exe: plan.target.path,
    buildId: plan.target.goBuildId ?? plan.target.gnuBuildId,
    goVersion: plan.target.goVersion,
  },
  probes: plan.probes.map((probe) => ({
    function: probe.name,
    entrySites: 1,
    returnSites: probe.exits.length,
    inlinedCopies: probe.inlinedCopies,
  })),
});

const aggregateOf = (session: Session, batch: ReturnType<Session["stop"]>): Aggregate =>
  aggregate(batch, {
    dimensions: session.plan.dimensions,
    measure: session.plan.measure,
    functions: session.plan.probes.map((probe) => probe.name),
  });

type Progress = ReturnType<Session["progress"]>;

const MILLION = 1_000_000n;

/** What is measured, in a few words. */
function objectOf(plan: ProbePlan): string {
  const [only, ...more] = plan.probes;
  return only !== undefined && more.length === 0 ? only.name : `${plan.probes.length} functions`;
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

  tell(session: Session, run: Run): void {
    if (this.request.quiet || !(this.withPage || this.streams.err.isTerminal)) return;
    const { page } = this.options;
    const { durationMs } = this.request;
    if (!this.withPage || page === undefined) {
      this.live.draw([progressLine(session, session.progress(), durationMs)]);
      return;
    }
    const results = aggregateOf(session, session.snapshot());
    this.live.draw([progressLine(session, results, durationMs), "", ...page(run, results)]);
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
  if (end === "target-exited") streams.err.write(`${target.displayPath} has ended\n`);
}

/** Measures until the run is over. Probes are off when this returns or throws. */
export async function measure(
  subject: Subject,
  plan: ProbePlan,
  request: MeasureRequest,
  streams: Streams,
  options: MeasureOptions,
): Promise<Measurement> {
  warn(plan, request, streams);
  // Before anything is attached: from here on Ctrl-C ends the run well.
  const interruption = streams.interruption();
  using session = await Session.open(plan, subject.target, { keep: options.keep });
  tellStart(plan, request, streams);
  const run = runOf(plan, subject.target);
  const news = new News(request, streams, options);
  const limits = {
    durationMs: request.durationMs,
    interruption,
    targetHasEnded: () => subject.target.hasEnded(),
  };
  const end = await waitForEnd(limits, () => news.tell(session, run));
  const batch = session.stop();
  news.clear();
  if (!request.quiet) tellEnd(end, subject.target, streams);
  return { plan, run, results: aggregateOf(session, batch), end };
}

/** The closing words on stderr. */
export function tellBalance({ results }: Measurement, request: MeasureRequest, streams: Streams): void {
  if (!request.quiet) streams.err.write(formatBalanceText(results, styleOf(streams.err)));
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
    streams.err.write(`${target.displayPath} goes on without probes\n`);
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
