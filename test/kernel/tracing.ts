/** Runs that trace calls, in this process: from the plan to the lines that are printed, through the same layers as the commands. */
import { callOf, type EventLoss, type EventRecord, type TracedCall } from "../../src/aggregate/index.js";
import { runNames } from "../../src/commands/run-names.js";
import { Subject } from "../../src/commands/subject.js";
import { formatTraceJson, formatTraceText } from "../../src/export/index.js";
import { openTarget, Session } from "../../src/session/index.js";
import type { Fixture } from "../fixture.js";

export interface TraceAsked {
  readonly probes: readonly string[];
  readonly where?: string;
  readonly show?: readonly string[];
}

/** A line of `trace --json`, as far as tests look at it. */
export interface TraceLine {
  readonly function: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly results: Readonly<Record<string, unknown>>;
  readonly show: Readonly<Record<string, unknown>>;
  readonly outcome: string;
}

export interface Traced {
  readonly events: readonly EventRecord[];
  readonly calls: readonly TracedCall[];
  /** Without what differs from run to run: time, goroutine, duration. */
  readonly texts: readonly string[];
  readonly lines: readonly TraceLine[];
  readonly balance: ReturnType<Session["stop"]>["balance"];
  readonly loss: EventLoss;
}

/** A process, read once, traced as often as wanted. */
export class Tracer implements Disposable {
  private readonly fixture: Fixture;
  private readonly subject: Subject;

  private constructor(fixture: Fixture, subject: Subject) {
    this.fixture = fixture;
    this.subject = subject;
  }

  static async open(fixture: Fixture): Promise<Tracer> {
    return new Tracer(fixture, await Subject.open({ kind: "pid", pid: fixture.pid }));
  }

  async trace({ probes, where, show = [] }: TraceAsked, load: () => Promise<unknown>): Promise<Traced> {
    const request = { probes, where, show, by: [], of: undefined, signatures: [], symbols: undefined };
    const target = { kind: "pid", pid: this.fixture.pid } as const;
    const common = { target, json: false, quiet: true, verbose: false, output: undefined };
    const plan = await this.subject.plan({ ...common, ...request }, "measure", "values");
    const names = runNames(this.subject, plan);
    const keep = { histogram: false, stacks: false, events: true };
    using session = await Session.open(plan, openTarget(target), { keep });
    await load();
    const { balance } = session.stop();
    const events = session.drain();
    const calls = events.map((event) =>
      callOf(event, {
        functions: plan.probes.map((probe) => probe.function.name),
        untyped: new Set(),
        shown: plan.probes.map((probe) => probe.captures?.shown ?? []),
        clock: session.clock,
        names,
        stack: () => undefined,
      }),
    );
    const style = { colour: false, width: 120, values: "whole" } as const;
    const text = { style, symbolize: names.symbolize, stacks: false, processes: "one" } as const;
    return {
      events,
      calls,
      texts: calls.map((call) => withoutTimes(formatTraceText(call, text))),
      lines: calls.map((call) => JSON.parse(formatTraceJson(call, names.symbolize)) as TraceLine),
      balance,
      loss: session.eventLoss(),
    };
  }

  [Symbol.dispose](): void {
    this.subject[Symbol.dispose]();
  }
}

/** `03:04:05.678123  g42      1.06 ms  main.Lookup(…)` without its first three columns. */
export function withoutTimes(line: string): string {
  const columns = /^\d\d:\d\d:\d\d\.\d{6} {2}g\d+ +[\d,.]+ (?:ns|µs|ms|s) {2}/;
  if (!columns.test(line) || !line.endsWith("\n")) throw new Error(`no line of a trace: ${JSON.stringify(line)}`);
  return line.slice(0, -1).replace(columns, "");
}
