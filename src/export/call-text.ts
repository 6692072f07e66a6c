/** A call in a line, for `trace` and `flow`: what it was given and what came of it. */
import { formatValueText, type NamedValue, printable, type TracedCall, type Value } from "../aggregate/index.js";
import { withoutImportPath } from "../symbols/index.js";
import { type CallFrame, creatorOf } from "./call-frames.js";
import type { Symbolizer } from "./pprof-locations.js";
import { formatPlace } from "./signature.js";
import { paint, type TextStyle } from "./style.js";
import { formatNanoseconds } from "./units.js";

/** What a line says of a call, and how. */
export interface CallStyle extends TextStyle {
  /** `short`: values and names are cut where they would fill a terminal; all of them is in files and in JSON. */
  readonly values: "whole" | "short";
}

/** LIMIT: characters of one value and of a whole call in a line for a terminal, and how many of its values are always there. */
const SHORT_VALUE = 60;
/** Of what has parts, a receiver above all, less: it would crowd out what calls differ in. */
const SHORT_COMPOSITE = 24;
const SHORT_CALL = 500;
const SHORTEST = 20;

const shortLength = ({ kind }: Value): number =>
  kind === "pointer" || kind === "struct" || kind === "list" ? SHORT_COMPOSITE : SHORT_VALUE;

/** Characters of two code units stay whole. */
const cut = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most).replace(/[\ud800-\udbff]$/, "")}…`;

const ENDINGS: Readonly<Record<TracedCall["outcome"], string>> = {
  return: "",
  passed: "",
  panic: "panicked",
  goexit: "ended by runtime.Goexit",
  open: "still running",
};

/**
 * `main.(*Store).Lookup(tenant="acme", n=3) → 17, nil`, then what was to be shown, then how it ended if not by itself. Of a
 * place only what was to be shown. Short values take no more than is left of these columns.
 */
export function formatCall(call: TracedCall, style: CallStyle, columns = SHORT_CALL): string {
  const valueText = ({ value }: NamedValue): string =>
    style.values === "short" ? cut(formatValueText(value), shortLength(value)) : formatValueText(value);
  const named = (each: NamedValue): string => `${printable(each.name)}=${valueText(each)}`;
  // Unnamed results are called `ret`, `ret0`, …, which says nothing in a line.
  const resultText = (each: NamedValue): string => (/^ret\d*$/.test(each.name) ? valueText(each) : named(each));
  const shown = call.shown.map((each) => `  ${named(each)}`).join("");
  const given = call.entryLost ? "arguments lost" : call.arguments.map(named).join(", ");
  const results = call.results.length === 0 ? "" : ` → ${call.results.map(resultText).join(", ")}`;
  const values = call.outcome === "passed" && given === "" ? shown : `(${given})${results}${shown}`;
  const ending = ENDINGS[call.outcome];
  const tone = call.outcome === "open" ? "warning" : "error";
  const name = functionText(call.function, style);
  const room = columns - name.length - (ending === "" ? 0 : ending.length + 2);
  return [
    paint(style, "key", name),
    style.values === "short" ? cut(values, Math.max(room, SHORTEST)) : values,
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

/** On a terminal the package's name stands for its path. */
const functionText = (name: string, { values }: CallStyle): string =>
  printable(values === "short" ? withoutImportPath(name) : name);

/** The folder tells files of one name apart. */
function placeText({ file, line }: CallFrame, { values }: CallStyle): string | undefined {
  return formatPlace(values === "short" ? file?.split("/").slice(-2).join("/") : file, line);
}

/** `main.serve store.go:41`. */
export function formatFrame(frame: CallFrame, style: CallStyle): string {
  const name = functionText(frame.function, style);
  const place = placeText(frame, style);
  return place === undefined ? name : `${name} ${place}`;
}

/** `created by main.serve at store.go:41 in goroutine 7`; as much of it as is known. */
export function formatOrigin(call: TracedCall, style: CallStyle, symbolize: Symbolizer): string {
  const { parentGoid } = call;
  const frame = creatorOf(call, symbolize);
  const place = frame === undefined ? undefined : placeText(frame, style);
  const words = [
    frame === undefined ? "" : `by ${functionText(frame.function, style)}`,
    place === undefined ? "" : `at ${place}`,
    parentGoid === undefined || parentGoid === 0n ? "" : `in goroutine ${parentGoid}`,
  ].filter((word) => word !== "");
  return words.length === 0 ? "" : `created ${words.join(" ")}`;
}
