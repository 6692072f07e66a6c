/** `trace --json` and `flow --json`: a line per call by cli.md, or per tree of calls. */
import {
  type FlowCall,
  integerJson,
  type NamedValue,
  objectJson,
  type TracedCall,
  type ValueJson,
  valueJson,
} from "../aggregate/index.js";
import { type CallFrame, creatorOf, framesOf } from "./call-frames.js";
import { formatJsonLine } from "./json-text.js";
import type { Symbolizer } from "./pprof-locations.js";

const valuesJson = (values: readonly NamedValue[]): ValueJson =>
  objectJson(values.map(({ name, value }) => [name, valueJson(value)]));

const frameJson = ({ function: name, file, line }: CallFrame): ValueJson => ({
  function: name,
  file: file ?? null,
  line: line ?? null,
});

const NANOSECONDS_PER_MILLISECOND = 1_000_000n;

/** RFC 3339, UTC, to the nanosecond. */
function timeJson(nanosecondsSince1970: bigint): string {
  const milliseconds = Number(nanosecondsSince1970 / NANOSECONDS_PER_MILLISECOND);
  const rest = (nanosecondsSince1970 % NANOSECONDS_PER_MILLISECOND).toString().padStart(6, "0");
  return `${new Date(milliseconds).toISOString().slice(0, -1)}${rest}Z`;
}

function callJson(call: TracedCall): { readonly [key: string]: ValueJson } {
  return {
    time: timeJson(call.time),
    goid: call.goid === 0n ? null : integerJson(call.goid),
    pid: call.tgid,
    tid: call.tid,
    function: call.function,
    args: valuesJson(call.arguments),
    results: valuesJson(call.results),
    show: valuesJson(call.shown),
    durationNs: call.durationNs === undefined ? null : integerJson(call.durationNs),
    outcome: call.outcome,
    // Only there when something is missing.
    ...(call.untyped ? { untyped: true } : {}),
    ...(call.entryLost ? { entryLost: true } : {}),
  };
}

/** A line with its newline. The stack is empty where none was asked for, or kept. */
export function formatTraceJson(call: TracedCall, symbolize: Symbolizer): string {
  const { stack } = call;
  const frames = stack === undefined ? [] : framesOf(stack, symbolize).map(frameJson);
  return formatJsonLine({
    ...callJson(call),
    stack: frames,
    ...(stack?.truncated === true ? { stackCut: true } : {}),
  });
}

/** A line per tree: the outermost call with its goroutine's origin, and in `children` what it called. */
export function formatFlowJson(tree: FlowCall, symbolize: Symbolizer): string {
  const { parentGoid } = tree.call;
  const creator = creatorOf(tree.call, symbolize);
  return formatJsonLine({
    ...flowCallJson(tree),
    parentGoid: parentGoid === undefined || parentGoid === 0n ? null : integerJson(parentGoid),
    createdBy: creator === undefined ? null : frameJson(creator),
  });
}

/** LIMIT: levels of `children`; jq, for one, reads no more than 256 of anything. */
const MOST_LEVELS = 100;

function flowCallJson(tree: FlowCall, depth = 0): { readonly [key: string]: ValueJson } {
  const { call, ownNs, missingCallers, shownBefore } = tree;
  return {
    ...callJson(call),
    level: call.level,
    ownNs: ownNs === undefined ? null : integerJson(ownNs),
    ...(missingCallers === 0 ? {} : { missingCallers }),
    ...(shownBefore === 0 ? {} : { shownBefore }),
    children:
      depth < MOST_LEVELS
        ? tree.children.map((child) => flowCallJson(child, depth + 1))
        : deepChildren(tree).map((child) => flowCallJson({ ...child, children: [] })),
  };
}

/** Everything inside, one beside the other; `level` still tells how deep it was. */
function deepChildren(tree: FlowCall): readonly FlowCall[] {
  const inside: FlowCall[] = [];
  const open = tree.children.toReversed();
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    inside.push(next);
    open.push(...next.children.toReversed());
  }
  return inside;
}
