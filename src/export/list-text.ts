/** `list` for people: a line per function, greppable; or, for a few of them, a paragraph each. */
import { hex } from "../base/index.js";
import type { ListEntry, ListedVariable } from "./list-shape.js";
import { refusalLines } from "./refusal.js";
import { formatPlace, formatSignature, formatSource, parameterName, resultName } from "./signature.js";
import { type Column, formatTable, paint, type TextStyle } from "./style.js";
import { formatCount, formatQuantity } from "./units.js";

/** `lines`: one per entry. `details`: with sites and the places of parameters and results. */
export type ListLayout = "lines" | "details";

/** The list, a newline at its end; empty when there is nothing. */
export function formatListText(entries: Iterable<ListEntry>, layout: ListLayout, style: TextStyle): string {
  const lines = layout === "lines" ? lineLayout(entries, style) : detailLayout(entries, style);
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

function detailLayout(entries: Iterable<ListEntry>, style: TextStyle): readonly string[] {
  const lines: string[] = [];
  for (const entry of entries) {
    if (lines.length > 0) lines.push("");
    lines.push(...detailLines(entry, style));
  }
  return lines;
}

const COLUMNS: readonly Column[] = [
  { title: "address", align: "right", tone: "faint" },
  { title: "size", align: "right", tone: "plain" },
  { title: "signature", align: "left", tone: "plain" },
  { title: "returns", align: "right", tone: "plain" },
  { title: "inlined", align: "right", tone: "plain" },
  { title: "function", align: "left", tone: "plain" },
];

/** Takes the entries one by one, and keeps of each what is in its line. */
function lineLayout(entries: Iterable<ListEntry>, style: TextStyle): readonly string[] {
  const cells: (readonly string[])[] = [];
  const tails: string[] = [];
  for (const entry of entries) {
    cells.push([
      hex(entry.address),
      formatCount(entry.size),
      formatSource(entry.signatureSource),
      entry.refused === undefined ? formatCount(entry.returns) : "–",
      formatCount(entry.inlinedCopies),
    ]);
    const place = formatPlace(entry.file, entry.line);
    const tail = [signatureOf(entry)];
    if (place !== undefined) tail.push(paint(style, "faint", place));
    if (entry.refused !== undefined) tail.push(paint(style, "warning", `refused: ${entry.refused.reason}`));
    tails.push(tail.join("  "));
  }
  if (tails.length === 0) return [];
  // Names differ too much in length to be followed by a column: what comes after them is simply appended.
  const [header = "", ...rows] = formatTable(style, COLUMNS, cells);
  return [header, ...tails.map((tail, index) => `${rows[index] ?? ""}  ${tail}`)];
}

const signatureOf = (entry: ListEntry): string => formatSignature(entry.name, entry.params, entry.results);

function detailLines(entry: ListEntry, style: TextStyle): readonly string[] {
  const sites =
    entry.entry === undefined
      ? []
      : [
          `  entry at file offset ${hex(entry.entry.offset)}: ${entry.entry.instruction}; ` +
            formatQuantity(entry.returns, "return site"),
        ];
  const copies =
    entry.inlinedCopies === 0
      ? []
      : [`  ${formatQuantity(entry.inlinedCopies, "inlined copy", "inlined copies")}, not measured`];
  return [
    paint(style, "title", signatureOf(entry)),
    paint(
      style,
      "faint",
      `  ${formatPlace(entry.file, entry.line) ?? "place unknown"}, ${hex(entry.address)}, ${formatQuantity(entry.size, "byte")}, ` +
        `signature ${entry.signatureSource === undefined ? "" : "from "}${formatSource(entry.signatureSource)}`,
    ),
    ...sites,
    ...variableLines("param", entry.params, parameterName, style),
    ...variableLines("result", entry.results, resultName, style),
    ...copies,
    ...(entry.refused === undefined ? [] : refusalLines(entry.refused)).map((line, index) =>
      index === 0 ? `  ${paint(style, "warning", `refused: ${line}`)}` : `  ${line}`,
    ),
  ];
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
