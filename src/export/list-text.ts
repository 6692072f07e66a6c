/** `list` for people: a line per function or probe, greppable; or, for a few of them, a paragraph each. */
import { printable } from "../aggregate/index.js";
import { hex } from "../base/index.js";
import type { SignatureSource } from "../binary/index.js";
import { LineStore } from "./line-store.js";
import { nativeDetails, nativeLines } from "./list-native-text.js";
import type { FunctionEntry, ListEntry, ListedCopy, ListedVariable, NamedEntry } from "./list-shape.js";
import { refusedLines } from "./refusal.js";
import { formatPlace, formatSignature, formatSource, parameterName, resultName } from "./signature.js";
import { type Column, paint, type TextStyle, tableOf } from "./style.js";
import { formatCount, formatQuantity } from "./units.js";

/** `lines`: one per entry. `details`: with sites and the places of parameters and results. */
export type ListLayout = "lines" | "details";

/** The list in pieces, a newline at its end; none when there is nothing. */
export const formatListText = (entries: Iterable<ListEntry>, layout: ListLayout, style: TextStyle): Iterable<string> =>
  layout === "lines" ? lineLayout(entries, style) : detailLayout(entries, style);

/** Go's functions are one table, USDT probes and C functions others, in this order. */
function* lineLayout(entries: Iterable<ListEntry>, style: TextStyle): Generator<string> {
  const others: Exclude<ListEntry, FunctionEntry>[] = [];
  let before = "";
  const functions = function* (): Generator<FunctionEntry> {
    for (const entry of entries) {
      if (entry.kind === "function") yield entry;
      else others.push(entry);
    }
  };
  for (const line of functionLines(functions(), style)) {
    before = "\n";
    yield line;
  }
  for (const table of nativeLines(others, style)) {
    yield `${before}${table.join("\n")}\n`;
    before = "\n";
  }
}

function* detailLayout(entries: Iterable<ListEntry>, style: TextStyle): Generator<string> {
  let before = "";
  for (const entry of entries) {
    const lines = entry.kind === "function" ? functionDetails(entry, style) : nativeDetails(entry, style);
    yield `${before}${lines.join("\n")}\n`;
    before = "\n";
  }
}

/** Columns of a program below 4 GiB, and of a function below 10 MB; what is longer is not cut. */
const ADDRESS_WIDTH = 10;
const SIZE_WIDTH = 9;

/** `list --names`: address, size, name and file of each, in pieces; none when there is nothing. None is kept for the next. */
export function* formatNamesText(entries: Iterable<NamedEntry>, style: TextStyle): Generator<string> {
  let header = `${paint(style, "faint", `${"address".padStart(ADDRESS_WIDTH)}  ${"size".padStart(SIZE_WIDTH)}  function`)}\n`;
  for (const { address, size, name, file, line } of entries) {
    const place = formatPlace(file, line);
    const tail = place === undefined ? "" : `  ${paint(style, "faint", place)}`;
    const at = paint(style, "faint", (address === undefined ? "–" : hex(address)).padStart(ADDRESS_WIDTH));
    yield `${header}${at}  ${formatCount(size).padStart(SIZE_WIDTH)}  ${printable(name)}${tail}\n`;
    header = "";
  }
}

const COLUMNS: readonly Column[] = [
  { title: "address", align: "right", tone: "faint" },
  { title: "size", align: "right", tone: "plain" },
  { title: "signature", align: "left", tone: "plain" },
  { title: "returns", align: "right", tone: "plain" },
  { title: "inlined", align: "right", tone: "plain" },
  { title: "function", align: "left", tone: "plain" },
];

/** The columns of one entry, as numbers: a large program has a hundred thousand. */
interface Row {
  readonly address: number;
  readonly size: number;
  readonly source: SignatureSource | undefined;
  /** Undefined for a function that is refused. */
  readonly returns: number | undefined;
  readonly inlined: number;
}

const cellsOf = ({ address, size, source, returns, inlined }: Row): readonly string[] => [
  hex(address),
  formatCount(size),
  formatSource(source),
  returns === undefined ? "–" : formatCount(returns),
  formatCount(inlined),
];

/** Takes the entries one by one, and keeps of each what is in its line. */
function* functionLines(entries: Iterable<FunctionEntry>, style: TextStyle): Generator<string> {
  const rows: Row[] = [];
  const tails = new LineStore();
  for (const entry of entries) {
    rows.push({
      address: entry.address,
      size: entry.size,
      source: entry.signatureSource,
      returns: entry.refused === undefined ? entry.returns : undefined,
      inlined: entry.inlinedCopies,
    });
    const place = formatPlace(entry.file, entry.line);
    const tail = [signatureOf(entry)];
    if (entry.wrapper) tail.push(paint(style, "faint", "wrapper"));
    if (place !== undefined) tail.push(paint(style, "faint", place));
    if (entry.refused !== undefined) tail.push(paint(style, "warning", `refused: ${entry.refused.reason}`));
    tails.add(tail.join("  "));
  }
  if (rows.length === 0) return;
  // Names differ too much in length to be followed by a column: what comes after them is simply appended.
  const table = tableOf(style, COLUMNS, Array.from(widestOf(rows), cellsOf));
  yield `${table.header}\n`;
  let index = 0;
  for (const tail of tails.take()) {
    const row = rows[index++];
    if (row !== undefined) yield `${table.line(cellsOf(row))}  ${tail}\n`;
  }
}

/** A few rows that have the widest cell of each column among them. */
function widestOf(rows: readonly Row[]): Iterable<Row> {
  const widest = new Map<string, Row>();
  const consider = (column: string, row: Row, width: (row: Row) => number): void => {
    const known = widest.get(column);
    if (known === undefined || width(row) > width(known)) widest.set(column, row);
  };
  for (const row of rows) {
    consider("address", row, ({ address }) => address);
    consider("size", row, ({ size }) => size);
    consider(`source ${row.source ?? ""}`, row, () => 0);
    consider("returns", row, ({ returns }) => returns ?? -1);
    consider("inlined", row, ({ inlined }) => inlined);
  }
  return widest.values();
}

const signatureOf = (entry: FunctionEntry): string => formatSignature(entry.name, entry.params, entry.results);

function functionDetails(entry: FunctionEntry, style: TextStyle): readonly string[] {
  const sites =
    entry.entry === undefined
      ? []
      : [
          `  entry at file offset ${hex(entry.entry.offset)}: ${entry.entry.instruction()}; ` +
            formatQuantity(entry.returns, "return site"),
        ];
  const copies =
    entry.inlinedCopies === 0
      ? []
      : [
          `  ${formatQuantity(entry.inlinedCopies, "inlined copy", "inlined copies")}, not measured`,
          ...copyLines(entry.inlinedInto?.() ?? []),
        ];
  return [
    paint(style, "title", signatureOf(entry)),
    paint(
      style,
      "faint",
      `  ${formatPlace(entry.file, entry.line) ?? "place unknown"}, ${hex(entry.address)}, ${formatQuantity(entry.size, "byte")}, ` +
        `signature ${entry.signatureSource === undefined ? "" : "from "}${formatSource(entry.signatureSource)}` +
        (entry.wrapper ? ", a wrapper made by the compiler" : ""),
    ),
    ...sites,
    ...variableLines("param", entry.params, parameterName, style),
    ...variableLines("result", entry.results, resultName, style),
    ...variableLines("captured", entry.captured(), ({ name }) => name, style),
    ...copies,
    ...refusedLines(entry.refused, style).map((line) => `  ${line}`),
  ];
}

/** LIMIT: places of inlined copies in a paragraph; a runtime function may have thousands. */
const COPIES_SHOWN = 10;

/** A line per place, those that several copies share once; the first of them when there are many. */
function copyLines(copies: readonly ListedCopy[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { function: name, file, line } of copies) {
    const place = `in ${printable(name)} at ${formatPlace(file, line) ?? "an unknown place"}`;
    counts.set(place, (counts.get(place) ?? 0) + 1);
  }
  const lines = Array.from(counts, ([place, count]) => (count === 1 ? `    ${place}` : `    ${place}, ${count} times`));
  const more = lines.length - COPIES_SHOWN;
  // One more place takes no more room than to say that there is one.
  if (more <= 1) return lines;
  return [...lines.slice(0, COPIES_SHOWN), `    and ${more} places more; --json has all`];
}

function variableLines(
  role: string,
  variables: readonly ListedVariable[] | undefined,
  nameOf: (variable: ListedVariable, index: number, count: number) => string,
  style: TextStyle,
): readonly string[] {
  if (variables === undefined) return [`  ${role}s unknown`];
  return variables.map((variable, index) => {
    const name = paint(style, "key", nameOf(variable, index, variables.length));
    return `  ${role} ${name} ${variable.type} in ${variable.location ?? "an unknown place"}`;
  });
}
