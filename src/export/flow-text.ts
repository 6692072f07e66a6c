/** `flow` for people: each goroutine's calls as an indented tree, with what each took and what of that was its own. */
import type { FlowCall, TracedCall } from "../aggregate/index.js";
import { type CallStyle, formatCall, formatDuration, formatOrigin, formatTimeOfDay } from "./call-text.js";
import { fit, pad, paint } from "./style.js";
import type { CallTextOptions } from "./trace-text.js";
import { formatQuantity } from "./units.js";

/** LIMIT: steps of indentation; a recursion goes deeper than any window is wide. */
const MOST_STEPS = 24;

/** Of the times before each call. */
const COLUMNS_BEFORE = 37;
const NO_TIME = " ".repeat(15);

/** Prints trees one after the other; a goroutine is introduced whenever it is another one than before. */
export class FlowText {
  private readonly options: Omit<CallTextOptions, "stacks">;
  private previous: string | undefined;

  constructor(options: Omit<CallTextOptions, "stacks">) {
    this.options = options;
  }

  /** Lines with a newline at the end. */
  tree(tree: FlowCall): string {
    const { style } = this.options;
    const lines = [...this.heading(tree.call)];
    // Not by recursion: the program's own may be deeper than ours can be.
    const open = [{ node: tree, depth: 0 }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { node, depth } = next;
      lines.push(formatNode(node, depth, style));
      for (const child of node.children.toReversed()) open.push({ node: child, depth: depth + 1 });
    }
    return lines.map((line) => `${line}\n`).join("");
  }

  private heading(call: TracedCall): readonly string[] {
    const { style, processes, symbolize } = this.options;
    const own = call.goid !== 0n ? `goroutine ${call.goid}` : call.tid === 0 ? "thread unknown" : `thread ${call.tid}`;
    const name = processes === "one" ? own : `process ${call.tgid}, ${own}`;
    if (name === this.previous) return [];
    const first = this.previous === undefined;
    this.previous = name;
    const known = formatOrigin(call, style, symbolize);
    const origin = known === "" ? "" : `, ${known}`;
    const shown = style.values === "short" ? fit(origin, Math.max(style.width - name.length, 1)) : origin;
    const line = `${paint(style, "title", name)}${paint(style, "faint", shown)}`;
    if (!first) return ["", line];
    return [
      paint(style, "faint", `${pad("time", 15, "left")}  ${pad("took", 8, "right")}  ${pad("own", 8, "right")}`),
      line,
    ];
  }
}

function formatNode({ call, ownNs, missingCallers, shownBefore }: FlowCall, depth: number, style: CallStyle): string {
  const time = depth === 0 ? paint(style, "faint", formatTimeOfDay(call.time)) : NO_TIME;
  const steps = depth <= MOST_STEPS ? "  ".repeat(depth) : `${"  ".repeat(MOST_STEPS)}(${depth} deep) `;
  const note = [
    ...(missingCallers === 0 ? [] : [`inside ${formatQuantity(missingCallers, "call")} not shown`]),
    ...(shownBefore === 0 ? [] : [`around ${formatQuantity(shownBefore, "call")} shown before`]),
  ]
    .map((each) => `  (${each})`)
    .join("");
  // A tree whose lines are broken is none: they end where the terminal does.
  const columns = style.width - COLUMNS_BEFORE - steps.length - note.length;
  const text = formatCall(call, style, columns);
  return `${time}  ${formatDuration(call.durationNs)}  ${formatDuration(ownNs)}  ${steps}${text}${paint(style, "faint", note)}`;
}
