/** Errors for people: what went wrong, and on a line of its own what to do about it. */
import type { ProfilerError } from "../base/index.js";
import { paint, type TextStyle } from "./style.js";

/** One or two lines, newline included. */
export function formatErrorText(error: ProfilerError, style: TextStyle): string {
  const lines = [`${paint(style, "error", "error:")} ${error.message}`];
  if (error.hint !== undefined) lines.push(`${paint(style, "faint", "hint:")} ${error.hint}`);
  return `${lines.join("\n")}\n`;
}
