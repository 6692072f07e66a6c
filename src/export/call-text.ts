/** A call in a line, for `trace` and `flow`: what it was given and what came of it. */
import { formatValueText, type NamedValue, printable, type TracedCall, type Value } from "../aggregate/index.js";
import { withoutImportPath } from "../symbols/index.js";
import { type CallFrame, creatorOf } from "./call-frames.js";
import type { Symbolizer } from "./pprof-locations.js";
import { formatPlace } from "./signature.js";
import { displayWidth, fit, fitSymbol, paint, type TextStyle } from "./style.js";
import { formatNanoseconds } from "./units.js";

/** What a line says of a call, and how. */
export interface CallStyle extends TextStyle {
  /** `short`: values and names are cut where they would fill a terminal; all of them is in files and in JSON. */
  readonly values: "whole" | "short";
}

/** LIMIT: characters of one value in a line for a terminal; fewer, step by step, where the line has no room. */
const SHORT_VALUES = [60, 32, 16, 8] as const;
/** Of what has parts, a receiver above all, less: it would crowd out what calls differ in. */
const SHORT_COMPOSITES = [24, 16, 8, 3] as const;
/** LIMIT: columns that a call has of a terminal, and its arguments of the call, however narrow it is. */
const NARROWEST_CALL = 20;
const NARROWEST_ARGUMENTS = 12;

/** How far values are cut: undefined, or a step of the lengths above. */
type Shortness = 0 | 1 | 2 | 3 | undefined;

/** Of arguments and of results: what came of a call is what most look for, so it is cut last. */
const SHORTNESSES = [
  [0, 0],
  [1, 0],
  [2, 0],
  [3, 0],
  [3, 1],
  [3, 2],
  [3, 3],
] as const;

function valueText(value: Value, shortness: Shortness): string {
  const text = formatValueText(value);
  if (shortness === undefined) return text;
  const { kind } = value;
  const composite = kind === "pointer" || kind === "struct" || kind === "list";
  return fit(text, (composite ? SHORT_COMPOSITES : SHORT_VALUES)[shortness]);
}

const ENDINGS: Readonly<Record<TracedCall["outcome"], string>> = {
  return: "",
  passed: "",
  panic: "panicked",
  goexit: "ended by runtime.Goexit",
  open: "still running",
};

/** The values of a call as text: what it was given, and what came of it. */
interface CallValues {
  readonly given: string;
  readonly results: string;
}

/** `?` where it may have been given anything. */
function givenText(call: TracedCall, named: (each: NamedValue) => string): string {
  if (call.entryLost) return "arguments lost";
  return call.untyped ? "?" : call.arguments.map(named).join(", ");
}

function valuesOf(call: TracedCall, [ofGiven, ofResults]: readonly [Shortness, Shortness]): CallValues {
  const named = ({ name, value }: NamedValue, shortness: Shortness): string =>
    `${printable(name)}=${valueText(value, shortness)}`;
  // Unnamed results are called `ret`, `ret0`, …, which says nothing in a line.
  const resultText = (each: NamedValue): string =>
    /^ret\d*$/.test(each.name) ? valueText(each.value, ofResults) : named(each, ofResults);
  const shown = call.shown.map((each) => `  ${named(each, ofResults)}`).join("");
  const results = call.results.length === 0 ? "" : ` → ${call.results.map(resultText).join(", ")}`;
  const given = givenText(call, (each) => named(each, ofGiven));
  if (call.outcome === "passed" && given === "") return { given: "", results: shown };
  return { given: `(${given})`, results: `${results}${shown}` };
}

/** The longest values that fit; where none do, first arguments go that are behind others, then the line's end. */
function fittingValues(call: TracedCall, columns: number): string {
  let { given, results } = { given: "", results: "" };
  for (const shortness of SHORTNESSES) {
    ({ given, results } = valuesOf(call, shortness));
    if (displayWidth(given) + displayWidth(results) <= columns) return `${given}${results}`;
  }
  if (columns < 1) return "";
  const left = Math.max(NARROWEST_ARGUMENTS, columns - displayWidth(results));
  const cut = displayWidth(given) <= left ? given : `${fit(given, left - 1)})`;
  return fit(`${cut}${results}`, columns);
}

function wholeValues(call: TracedCall): string {
  const { given, results } = valuesOf(call, [undefined, undefined]);
  return `${given}${results}`;
}

/**
 * `main.(*Store).Lookup(tenant="acme", n=3) → 17, nil`, then what was to be shown, then how it ended if not by itself. Of a
 * place only what was to be shown. With short values no wider than these columns.
 */
export function formatCall(call: TracedCall, style: CallStyle, columns: number): string {
  const short = style.values === "short";
  const width = Math.max(columns, NARROWEST_CALL);
  const outcome = ENDINGS[call.outcome];
  const ending = outcome === "" ? "" : `  ${outcome}`;
  const tone = call.outcome === "open" ? "warning" : "error";
  const whole = functionText(call.function, style);
  const name = short ? fitSymbol(whole, width - ending.length) : whole;
  return [
    paint(style, "key", name),
    short ? fittingValues(call, width - ending.length - displayWidth(name)) : wholeValues(call),
    paint(style, tone, ending),
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
