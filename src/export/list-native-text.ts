/** `list` for people, of USDT probes and C functions: what their files and their places are, and what they are given. */
import { printable } from "../aggregate/index.js";
import { hex } from "../base/index.js";
import type { ListedPlace, ListedVariable, NativeEntry, UsdtEntry } from "./list-shape.js";
import { refusedLines } from "./refusal.js";
import { type Column, formatTable, paint, type TextStyle } from "./style.js";
import { formatCount, formatQuantity } from "./units.js";

/** The tables that there are: of USDT probes and of C functions. */
export function nativeLines(
  entries: readonly (UsdtEntry | NativeEntry)[],
  style: TextStyle,
): readonly (readonly string[])[] {
  const probes = entries.filter((entry) => entry.kind === "usdt");
  const functions = entries.filter((entry) => entry.kind === "c");
  return [
    ...(probes.length === 0
      ? []
      : [
          formatTable(
            style,
            PROBE_COLUMNS,
            probes.map((probe) => probeCells(probe, style)),
          ),
        ]),
    ...(functions.length === 0
      ? []
      : [
          formatTable(
            style,
            FUNCTION_COLUMNS,
            functions.map((each) => functionCells(each, style)),
          ),
        ]),
  ];
}

const PROBE_COLUMNS: readonly Column[] = [
  { title: "address", align: "right", tone: "faint" },
  { title: "places", align: "right", tone: "plain" },
  { title: "semaphore", align: "left", tone: "plain" },
  { title: "probe", align: "left", tone: "plain" },
];

const FUNCTION_COLUMNS: readonly Column[] = [
  { title: "address", align: "right", tone: "faint" },
  { title: "size", align: "right", tone: "plain" },
  { title: "function", align: "left", tone: "plain" },
];

/** Names differ too much in length to be followed by a column: what comes after them is simply appended. */
function tailOf(name: string, { file, refused }: UsdtEntry | NativeEntry, style: TextStyle): string {
  return [
    name,
    ...(file === undefined ? [] : [paint(style, "faint", printable(file))]),
    ...(refused === undefined ? [] : [paint(style, "warning", `refused: ${refused.reason}`)]),
  ].join("  ");
}

function probeCells(entry: UsdtEntry, style: TextStyle): readonly string[] {
  return [
    entry.address === undefined ? "–" : hex(entry.address),
    formatCount(entry.places.length),
    semaphoreWord(entry),
    tailOf(callOf(entry), entry, style),
  ];
}

const functionCells = (entry: NativeEntry, style: TextStyle): readonly string[] => [
  hex(entry.address),
  formatCount(entry.size),
  tailOf(printable(entry.name), entry, style),
];

/** Places of one probe may differ in it. */
function semaphoreWord({ places }: UsdtEntry): string {
  const counted = places.filter(({ semaphore }) => semaphore !== undefined).length;
  if (counted === 0) return "none";
  return counted === places.length ? "yes" : `${counted} of ${places.length}`;
}

/** `usdt:libc:setjmp(int64, int32, uint64)`, as its first place has it. */
function callOf({ name, places }: UsdtEntry): string {
  const [first] = places;
  if (first === undefined) return printable(name);
  return printable(`${name}(${first.params.map(({ type }) => type).join(", ")})`);
}

/** The lines below its first that `list` has of one probe or C function. */
export const nativeDetails = (entry: UsdtEntry | NativeEntry, style: TextStyle): readonly string[] =>
  entry.kind === "usdt" ? probeDetails(entry, style) : functionDetails(entry, style);

function probeDetails(entry: UsdtEntry, style: TextStyle): readonly string[] {
  const { file, places, damaged } = entry;
  const where = file === undefined ? "file unknown" : printable(file);
  return [
    paint(style, "title", callOf(entry)),
    paint(style, "faint", `  ${where}, ${formatQuantity(places.length, "place")}`),
    ...places.flatMap((place) => placeDetails(place, style)),
    ...damaged.map(
      ({ index, reason }) => `  ${paint(style, "warning", `note ${index} refused: ${printable(reason)}`)}`,
    ),
  ];
}

function placeDetails(place: ListedPlace, style: TextStyle): readonly string[] {
  const { address, params, semaphore, entry, refused } = place;
  const site = entry === undefined ? "" : ` at file offset ${hex(entry.offset)}: ${entry.instruction()}`;
  const count = semaphore === undefined ? "no semaphore" : `semaphore ${hex(semaphore.address)}`;
  return [
    `  place ${hex(address)}${site}; ${count}`,
    ...params.map((param) => `    ${variableText(param, style)}`),
    ...refusedLines(refused, style).map((line) => `    ${line}`),
  ];
}

function variableText({ name, type, location, unreadable }: ListedVariable, style: TextStyle): string {
  const place = location === undefined ? "an unknown place" : printable(location);
  const objection = unreadable === undefined ? "" : paint(style, "warning", `, unreadable: ${printable(unreadable)}`);
  return `${paint(style, "key", name)} ${type} in ${place}${objection}`;
}

function functionDetails(entry: NativeEntry, style: TextStyle): readonly string[] {
  const { file, address, size, version, entry: site, refused } = entry;
  const facts = [
    file === undefined ? "file unknown" : printable(file),
    hex(address),
    size === 0 ? "size unknown" : formatQuantity(size, "byte"),
    ...(version === undefined ? [] : [`version ${printable(version)}`]),
  ];
  return [
    paint(style, "title", printable(entry.name)),
    paint(style, "faint", `  ${facts.join(", ")}`),
    ...(site === undefined
      ? []
      : [`  entry at file offset ${hex(site.offset)}: ${site.instruction()}; its return by a uretprobe`]),
    ...refusedLines(refused, style).map((line) => `  ${line}`),
  ];
}
