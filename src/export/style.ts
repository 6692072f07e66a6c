/** Text on a terminal: tones, widths as a terminal counts them, aligned tables. What the terminal is like is an input. */
import { stripVTControlCharacters } from "node:util";

export interface TextStyle {
  readonly colour: boolean;
  /** Columns of the terminal; lines are laid out for it, names and paths may still exceed it. */
  readonly width: number;
}

/** What a piece of text is, not how it looks. */
export type Tone = "plain" | "title" | "key" | "faint" | "bar" | "warning" | "error";

const SGR: Readonly<Record<Tone, string>> = {
  plain: "",
  title: "1",
  key: "36",
  faint: "2",
  bar: "34",
  warning: "33",
  error: "31",
};

/** Text in the colour of its tone, where the style has colours. */
export const paint = (style: TextStyle, tone: Tone, text: string): string =>
  style.colour && tone !== "plain" && text.trim() !== "" ? `\x1b[${SGR[tone]}m${text}\x1b[0m` : text;

/** East Asian wide and fullwidth characters, and emoji: two columns each. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/u;
const COMBINING = /\p{M}/u;
const ASCII = /^[ -~]*$/;

/** Columns that a text takes on a terminal. */
export function displayWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of stripVTControlCharacters(text)) {
    if (!COMBINING.test(character)) width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}

/** The text cut to at most `width` columns, with `…` at the end when something was cut. */
export function fit(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = "";
  let columns = 0;
  for (const character of text) {
    columns += displayWidth(character);
    if (columns > width - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/**
 * A Go symbol cut to at most `width` columns from the left, where names of one package are alike: whole elements of its
 * import path as long as that is enough, `…etcdserver.(*EtcdServer).run`.
 */
export function fitSymbol(name: string, width: number): string {
  if (displayWidth(name) <= width) return name;
  // Type arguments hold paths of their own.
  const path = /^[^[(]*\//.exec(name)?.[0] ?? "";
  for (let slash = path.indexOf("/"); slash >= 0; slash = path.indexOf("/", slash + 1)) {
    const rest = `…${name.slice(slash + 1)}`;
    if (displayWidth(rest) <= width) return rest;
  }
  let kept = "";
  for (const character of Array.from(name).reverse()) {
    if (displayWidth(character + kept) > width - 1) break;
    kept = character + kept;
  }
  return `…${kept}`;
}

export type Alignment = "left" | "right";

/** Filled with blanks up to `width` columns; never cut. */
export const pad = (text: string, width: number, alignment: Alignment): string => {
  const blank = " ".repeat(Math.max(0, width - displayWidth(text)));
  return alignment === "left" ? text + blank : blank + text;
};

export interface Column {
  readonly title: string;
  readonly align: Alignment;
  readonly tone: Tone;
  /** Longer texts are cut. */
  readonly maxWidth?: number;
  /** How they are cut; `fit` unless told. */
  readonly cut?: typeof fit;
}

const GAP = "  ";

/** Columns that a table of these cells takes, each with the gap after it. */
export const columnWidths = (columns: readonly Column[], rows: readonly (readonly string[])[]): readonly number[] =>
  columns.map((column, index) => {
    const widest = rows.reduce(
      (width, row) => Math.max(width, displayWidth(row[index] ?? "")),
      displayWidth(column.title),
    );
    return Math.min(widest, column.maxWidth ?? widest);
  });

/** Columns of a whole row. */
export const tableWidth = (widths: readonly number[]): number =>
  widths.reduce((sum, width) => sum + width + GAP.length, 0);

/** A table whose rows are laid out one at a time. Lines have no trailing blanks. */
export interface Table {
  readonly header: string;
  line(cells: readonly string[]): string;
}

/** The table for cells no wider than those of `widest`. */
export function tableOf(style: TextStyle, columns: readonly Column[], widest: readonly (readonly string[])[]): Table {
  const widths = columnWidths(columns, widest);
  const line = (cells: readonly string[], toneOf: (column: Column) => Tone): string =>
    columns
      .map((column, index) => {
        const width = widths[index] ?? 0;
        return pad(paint(style, toneOf(column), (column.cut ?? fit)(cells[index] ?? "", width)), width, column.align);
      })
      .join(GAP)
      .trimEnd();
  const header = line(
    columns.map((column) => column.title),
    () => "faint",
  );
  return { header, line: (cells) => line(cells, (column) => column.tone) };
}

/** A header line and one line per row, without trailing blanks. */
export function formatTable(
  style: TextStyle,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const table = tableOf(style, columns, rows);
  return [table.header, ...rows.map((row) => table.line(row))];
}
