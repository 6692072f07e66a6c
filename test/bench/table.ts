/** The one table: what costs how much, against what, and the ratio that was aimed at. */
import { median, pairwise, type Series } from "./rounds.js";

export type Unit = "ns" | "ms" | "MB";

/** One line: `subject` costs `ratio` times what `reference` costs. */
export interface Row {
  /** Lines of one group stand together, under its name. */
  readonly group: string;
  readonly subject: string;
  readonly cost: number;
  readonly reference: string;
  readonly referenceCost: number;
  readonly unit: Unit;
  readonly ratio: number;
  /** The ratio aimed at, as an upper bound. */
  readonly goal: number | undefined;
}

/** The medians of both, and the median of the ratios of each round. */
export function rowOf(
  names: Pick<Row, "group" | "subject" | "reference" | "unit"> & { readonly goal?: number },
  cost: Series,
  referenceCost: Series,
): Row {
  return {
    ...names,
    goal: names.goal,
    cost: median(cost),
    referenceCost: median(referenceCost),
    ratio: median(pairwise(cost, referenceCost, (a, b) => a / b)),
  };
}

/** Rows of a group in which ways of doing one thing are compared; `added`: nanoseconds that each takes. */
export const comparison =
  <Way extends string>(group: string, names: Readonly<Record<Way, string>>, added: (way: Way) => Series) =>
  (subject: Way, reference: Way, goal?: number): Row =>
    rowOf(
      {
        group,
        subject: names[subject],
        reference: names[reference],
        unit: "ns",
        ...(goal === undefined ? {} : { goal }),
      },
      added(subject),
      added(reference),
    );

const amount = (value: number, unit: Unit): string =>
  `${value.toLocaleString("en-US", { maximumFractionDigits: unit === "ns" && value < 100 ? 1 : 0 })} ${unit}`;

const verdict = ({ ratio, goal }: Row): string =>
  goal === undefined ? "" : `≤ ${goal.toFixed(2)}${ratio <= goal ? "" : "  above"}`;

/** Aligned text, one line per row. A ratio above its goal is marked; nothing fails by it. */
export function formatTable(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.subject,
    amount(row.cost, row.unit),
    row.reference,
    amount(row.referenceCost, row.unit),
    row.ratio.toFixed(2),
    verdict(row),
  ]);
  const head = ["", "cost", "against", "cost", "ratio", "goal"];
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((line) => line[column]?.length ?? 0)));
  const numeric = new Set([1, 3, 4]);
  const line = (values: readonly string[]): string =>
    values
      .map((value, column) =>
        numeric.has(column) ? value.padStart(widths[column] ?? 0) : value.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  const lines = [`  ${line(head)}`];
  rows.forEach((row, index) => {
    if (row.group !== rows[index - 1]?.group) lines.push("", row.group);
    lines.push(`  ${line(cells[index] ?? [])}`);
  });
  return `${lines.join("\n")}\n`;
}
