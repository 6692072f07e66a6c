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
export function formatListText(entries: readonly ListEntry[], layout: ListLayout, style: TextStyle): string {
  if (entries.length === 0) return "";
  const lines =
    layout === "lines"
      ? lineLayout(entries, style)
      : entries.flatMap((entry, index) => [...(index === 0 ? [] : [""]), ...detailLines(entry, style)]);
  return `${lines.join("\n")}\n`;
}

const COLUMNS: readonly Column[] = [
  { title: "address", align: "right", tone: "faint" },
  { title: "size", align: "right", tone: "plain" },
  { title: "signature", align: "left", tone: "plain" },
  { title: "returns", align: "right", tone: "plain" },
  { title: "inlined", align: "right", tone: "plain" },
  { title: "function", align: "left", tone: "plain" },
];

function lineLayout(entries: readonly ListEntry[], style: TextStyle): readonly string[] {
  const numbers = entries.map((entry) => [
    hex(entry.address),
    formatCount(entry.size),
    formatSource(entry.signatureSource),
    entry.refused === undefined ? formatCount(entry.returns) : "–",
    formatCount(entry.inlinedCopies),
  ]);
  // Names differ too much in length to be followed by a column: what comes after them is simply appended.
  const [header, ...rows] = formatTable(style, COLUMNS, numbers);
  return [
    header ?? "",
    ...entries.map((entry, index) => {
      const place = formatPlace(entry.file, entry.line);
      const tail = [
        ...(place === undefined ? [] : [paint(style, "faint", place)]),
        ...(entry.refused === undefined ? [] : [paint(style, "warning", `refused: ${entry.refused.reason}`)]),
      ];
      return [rows[index] ?? "", signatureOf(entry), ...tail].join("  ");
    }),
  ];
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
