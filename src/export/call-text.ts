/** A call in a line, for `trace` and `flow`: what it was given and what came of it. */
import { formatValueText, type NamedValue, printable, type TracedCall } from "../aggregate/index.js";
import { type CallFrame, creatorOf } from "./call-frames.js";
import type { Symbolizer } from "./pprof-locations.js";
import { formatPlace } from "./signature.js";
import { paint, type TextStyle } from "./style.js";
import { formatNanoseconds } from "./units.js";

/** LIMIT: characters of one call's values: what nobody reads, and what takes a terminal longer than the call took. */
const MOST_CHARACTERS = 1000;

const named = ({ name, value }: NamedValue): string => `${printable(name)}=${formatValueText(value)}`;

/** Unnamed results are called `ret`, `ret0`, …, which says nothing in a line. */
const resultText = (result: NamedValue): string =>
  /^ret\d*$/.test(result.name) ? formatValueText(result.value) : named(result);

const cut = (text: string): string =>
  text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS).replace(/[\ud800-\udbff]$/, "")}…`;

const ENDINGS: Readonly<Record<TracedCall["outcome"], string>> = {
  return: "",
  passed: "",
  panic: "panicked",
  goexit: "ended by runtime.Goexit",
  open: "still running",
};

/** `main.(*Store).Lookup(tenant="acme", n=3) → 17, nil`, then what was to be shown, then how it ended if not by itself. */
export function formatCall(call: TracedCall, style: TextStyle): string {
  const given = call.entryLost ? "arguments lost" : call.arguments.map(named).join(", ");
  const results = call.results.length === 0 ? "" : ` → ${call.results.map(resultText).join(", ")}`;
  const shown = call.shown.length === 0 ? "" : `  ${call.shown.map(named).join("  ")}`;
  const ending = ENDINGS[call.outcome];
  const tone = call.outcome === "open" ? "warning" : "error";
  return [
    paint(style, "key", printable(call.function)),
    cut(`(${given})${results}${shown}`),
    ending === "" ? "" : `  ${paint(style, tone, ending)}`,
  ].join("");
}

/** Nine columns: `1.06 ms`. A place takes no time. */
export const formatDuration = (durationNs: bigint | undefined): string =>
  (durationNs === undefined ? "" : formatNanoseconds(durationNs)).padStart(8);

/** Time of day in UTC, to the microsecond: `03:04:05.678123`. */
export function formatTimeOfDay(nanosecondsSince1970: bigint): string {
  const microseconds = nanosecondsSince1970 / 1000n;
  const time = new Date(Number(microseconds / 1000n)).toISOString().slice(11, 23);
  return `${time}${(microseconds % 1000n).toString().padStart(3, "0")}`;
}

export const formatFrame = ({ function: name, file, line }: CallFrame): string => {
  const place = formatPlace(file, line);
  return place === undefined ? printable(name) : `${printable(name)} ${place}`;
};

/** `created by main.serve at store.go:41 in goroutine 7`; as much of it as is known. */
export function formatOrigin(call: TracedCall, symbolize: Symbolizer): string {
  const { parentGoid } = call;
  const frame = creatorOf(call, symbolize);
  const place = frame === undefined ? undefined : formatPlace(frame.file, frame.line);
  const words = [
    frame === undefined ? "" : `by ${printable(frame.function)}`,
    place === undefined ? "" : `at ${place}`,
    parentGoid === undefined || parentGoid === 0n ? "" : `in goroutine ${parentGoid}`,
  ].filter((word) => word !== "");
  return words.length === 0 ? "" : `created ${words.join(" ")}`;
}
