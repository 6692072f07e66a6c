/** The recipes there are, for people and as JSON. */
import { paint, type TextStyle } from "./style.js";

export interface RecipeSummary {
  readonly name: string;
  readonly title: string;
  readonly explanation: string;
  readonly command: string;
}

/** An array, newline included. */
export const formatRecipesJson = (recipes: readonly RecipeSummary[]): string =>
  `${JSON.stringify(recipes.map(({ name, title, explanation, command }) => ({ name, title, explanation, command })))}\n`;

const INDENT = "  ";

/** Names with what they measure; explanations below, as lines of the width there is. */
export function formatRecipesText(recipes: readonly RecipeSummary[], style: TextStyle): string {
  const entries = recipes.map(({ name, title, explanation, command }) =>
    [
      `${paint(style, "title", name)}  ${title}`,
      ...wrap(`${explanation} (${command})`, style.width - INDENT.length).map((line) =>
        paint(style, "faint", INDENT + line),
      ),
    ].join("\n"),
  );
  return `${entries.join("\n\n")}\n`;
}

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
