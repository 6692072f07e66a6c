/** Why something can't be measured, as JSON and as lines. */
import type { Refusal } from "../base/index.js";
import { paint, type TextStyle } from "./style.js";

/** As it stands in all JSON of ours. */
export const refusalJson = ({ code, reason, hint }: Refusal) => ({ code, reason, hint: hint ?? null });

/** The reason, and what would work instead on a line of its own. */
export const refusalLines = ({ reason, hint }: Refusal): readonly string[] =>
  hint === undefined ? [reason] : [reason, `hint: ${hint}`];

/** `refused: the reason`, and the hint; nothing for what is not refused. */
export const refusedLines = (refusal: Refusal | undefined, style: TextStyle): readonly string[] =>
  (refusal === undefined ? [] : refusalLines(refusal)).map((line, index) =>
    index === 0 ? paint(style, "warning", `refused: ${line}`) : line,
  );
