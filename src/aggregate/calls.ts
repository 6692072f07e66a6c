/** Calls with everything that is shown of them, from the events of a run. */
import { invariant } from "../base/index.js";
import { type CapturedNames, decodeCaptured } from "./captured.js";
import type { CapturedPart, EventRecord, StackRecord } from "./records.js";
import type { ShownValue } from "./shape.js";
import type { Value } from "./value.js";

export interface NamedValue {
  readonly name: string;
  readonly value: Value;
}

/** A call as it ended, or as far as it had come; or a place that was passed. */
export interface TracedCall {
  readonly probe: number;
  readonly function: string;
  readonly outcome: EventRecord["outcome"];
  /** When it began, nanoseconds since 1970. */
  readonly time: bigint;
  /** So far, of an open call; undefined of a place. */
  readonly durationNs: bigint | undefined;
  /** 0: unknown. */
  readonly goid: bigint;
  readonly tgid: number;
  readonly tid: number;
  /** Measured calls of the goroutine that were open around it. */
  readonly level: number;
  readonly arguments: readonly NamedValue[];
  /** None of a call that did not return. */
  readonly results: readonly NamedValue[];
  /** Of the `--show` expressions. */
  readonly shown: readonly NamedValue[];
  /** Nothing tells what it takes and returns: there are neither, whatever it was given. */
  readonly untyped: boolean;
  /** What was captured at its entry found no room. */
  readonly entryLost: boolean;
  readonly stack: StackRecord | undefined;
  /** Who made its goroutine, and where: the address after the `go` statement. */
  readonly parentGoid: bigint | undefined;
  readonly createdAt: number | undefined;
}

/** One moment on both clocks. */
export interface RunClock {
  /** CLOCK_REALTIME, nanoseconds since 1970. */
  readonly realNs: bigint;
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly monotonicNs: bigint;
}

/** What the events of a run refer to. */
export interface TracedProbes {
  /** Names of the measured functions; the index is the probe number. */
  readonly functions: readonly string[];
  /** Probes of functions whose arguments and results nothing tells. */
  readonly untyped: ReadonlySet<number>;
  /** Per probe. */
  readonly shown: readonly (readonly ShownValue[])[];
  readonly clock: RunClock;
  readonly names: CapturedNames;
  /** The stack with this key, where it was kept. */
  readonly stack: (key: bigint) => StackRecord | undefined;
}

/** Throws nothing but an invariant: an event that its probes can't have made. */
export function callOf(event: EventRecord, probes: TracedProbes): TracedCall {
  const name = probes.functions[event.probe];
  const shown = probes.shown[event.probe];
  invariant(
    name !== undefined && shown !== undefined,
    `an event is of probe ${event.probe}, which the plan does not have`,
  );
  const { clock } = probes;
  const values: Record<ShownValue["role"], NamedValue[]> = { argument: [], result: [], show: [] };
  const hasResults = event.outcome === "return" || event.outcome === "passed";
  for (const value of shown) {
    if (value.role !== "result" || hasResults) values[value.role].push(namedValue(value, event, probes.names));
  }
  return {
    probe: event.probe,
    function: name,
    outcome: event.outcome,
    time: clock.realNs + event.start - clock.monotonicNs,
    durationNs: event.outcome === "passed" ? undefined : event.end - event.start,
    goid: event.goid,
    tgid: event.tgid,
    tid: event.tid,
    level: event.level,
    arguments: values.argument,
    results: values.result,
    shown: values.show,
    untyped: probes.untyped.has(event.probe),
    entryLost: event.entry === "lost",
    stack: event.stack === undefined ? undefined : probes.stack(event.stack),
    parentGoid: event.parentGoid,
    createdAt: event.createdAt,
  };
}

function namedValue({ name, phase, shape }: ShownValue, event: EventRecord, names: CapturedNames): NamedValue {
  const part: CapturedPart | "lost" | undefined = phase === "entry" ? event.entry : event.return;
  return { name, value: decodeCaptured(shape, { part, bias: event.bias, names }) };
}
