/** What `trace` and `flow` print of their events; the same while they run and when a recorded run is replayed. */
import {
  callOf,
  type EventLoss,
  type EventRecord,
  FlowBuilder,
  type FlowCall,
  type StackRecord,
  type TracedCall,
  type TracedProbes,
} from "../aggregate/index.js";
import {
  type CallLoss,
  type CallStyle,
  FlowText,
  formatFlowJson,
  formatTraceJson,
  formatTraceText,
} from "../export/index.js";
import type { RunDescription, RunNames } from "../recording/index.js";

export interface CallReportOptions {
  readonly format: "text" | "json";
  readonly style: CallStyle;
}

/** What the events of a run refer to. */
export const tracedProbes = (
  { run, shown, clock }: RunDescription,
  names: RunNames,
  stack: (key: bigint) => StackRecord | undefined,
): TracedProbes => ({
  functions: run.probes.map((probe) => probe.function),
  untyped: new Set(run.probes.flatMap(({ untyped }, probe) => (untyped === true ? [probe] : []))),
  shown,
  clock,
  names,
  stack,
});

/** Undefined where calls were only counted. */
export function callLoss({ command }: RunDescription, loss: EventLoss | undefined): CallLoss | undefined {
  if (loss === undefined || (command !== "trace" && command !== "flow")) return undefined;
  return { ...loss, shownAs: command === "flow" ? "trees" : "lines" };
}

/** Takes events in their order, and answers with the lines that they come to. */
export interface CallReport {
  take(events: readonly EventRecord[]): string;
  /** The rest, after the last event. */
  finish(): string;
}

/** As the run was asked for: lines of `trace` or trees of `flow`. `stack` finds the callers that an event has the key of. */
export function callReport(
  description: RunDescription,
  names: RunNames,
  stack: (key: bigint) => StackRecord | undefined,
  options: CallReportOptions,
): CallReport {
  const probes = tracedProbes(description, names, stack);
  return description.command === "flow"
    ? flowReport(probes, printerOfTrees(description, names, options))
    : traceReport(probes, printerOfCalls(description, names, options));
}

const processesOf = ({ run }: RunDescription): "one" | "several" => (run.target.pid === undefined ? "several" : "one");

function printerOfCalls(
  description: RunDescription,
  { symbolize }: RunNames,
  { format, style }: CallReportOptions,
): (call: TracedCall) => string {
  if (format === "json") return (call) => formatTraceJson(call, symbolize);
  const options = { style, symbolize, stacks: description.view.stacks, processes: processesOf(description) };
  return (call) => formatTraceText(call, options);
}

function printerOfTrees(
  description: RunDescription,
  { symbolize }: RunNames,
  { format, style }: CallReportOptions,
): (tree: FlowCall) => string {
  if (format === "json") return (tree) => formatFlowJson(tree, symbolize);
  const text = new FlowText({ style, symbolize, processes: processesOf(description) });
  return (tree) => text.tree(tree);
}

const traceReport = (probes: TracedProbes, print: (call: TracedCall) => string): CallReport => ({
  take: (events) => events.map((event) => print(callOf(event, probes))).join(""),
  finish: () => "",
});

function flowReport(probes: TracedProbes, print: (tree: FlowCall) => string): CallReport {
  const builder = new FlowBuilder();
  const printAll = (trees: readonly FlowCall[]): string => trees.map(print).join("");
  return {
    take: (events) => events.map((event) => printAll(builder.add(callOf(event, probes)))).join(""),
    finish: () => printAll(builder.finish()),
  };
}
