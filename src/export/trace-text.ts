/** `trace` for people: one line per call, and below it, where asked for, who called it. */
import type { TracedCall } from "../aggregate/index.js";
import { framesOf } from "./call-frames.js";
import { type CallStyle, formatCall, formatDuration, formatFrame, formatTimeOfDay } from "./call-text.js";
import type { Symbolizer } from "./pprof-locations.js";
import { paint } from "./style.js";

export interface CallTextOptions {
  readonly style: CallStyle;
  readonly symbolize: Symbolizer;
  /** With the callers of each call. */
  readonly stacks: boolean;
  /** Every process of a file is traced: a goroutine's number alone says too little. */
  readonly processes: "one" | "several";
}

/** Whose call it was: `g42`, or `4711/g42`; `t4712`, where no goroutine is known, and `–` where a value alone told it apart. */
export function formatGoroutine({ goid, tgid, tid }: TracedCall, processes: CallTextOptions["processes"]): string {
  const own = goid !== 0n ? `g${goid}` : tid === 0 ? "–" : `t${tid}`;
  return processes === "one" ? own : `${tgid}/${own}`;
}

/** Lines with a newline at the end. */
export function formatTraceText(call: TracedCall, { style, symbolize, stacks, processes }: CallTextOptions): string {
  const head = `${formatTimeOfDay(call.time)}  ${formatGoroutine(call, processes).padEnd(7)}`;
  const duration = ` ${formatDuration(call.durationNs)}  `;
  const text = formatCall(call, style, style.width - head.length - duration.length);
  const line = `${paint(style, "faint", head)}${duration}${text}\n`;
  return stacks ? `${line}${formatStack(call, style, symbolize)}` : line;
}

const INDENT = " ".repeat(35);

function formatStack({ stack }: TracedCall, style: CallStyle, symbolize: Symbolizer): string {
  const lines =
    stack === undefined
      ? ["(stack not kept)"]
      : [
          ...framesOf(stack, symbolize).map((frame) => formatFrame(frame, style)),
          ...(stack.truncated ? ["(stack cut)"] : []),
        ];
  return lines.map((line) => `${INDENT}${paint(style, "faint", line)}\n`).join("");
}
