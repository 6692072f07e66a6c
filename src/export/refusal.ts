/** Why something can't be measured, as JSON and as lines. */
import type { Refusal } from "../base/index.js";

export const refusalJson = ({ code, reason, hint }: Refusal) => ({ code, reason, hint: hint ?? null });

/** The reason, and what would work instead on a line of its own. */
export const refusalLines = ({ reason, hint }: Refusal): readonly string[] =>
  hint === undefined ? [reason] : [reason, `hint: ${hint}`];
