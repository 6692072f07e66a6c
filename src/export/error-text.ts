/** Errors for people: what went wrong, and on a line of its own what to do about it. */
import { printable } from "../aggregate/index.js";
import type { ProfilerError } from "../base/index.js";
import { paint, type TextStyle } from "./style.js";

/** One or two lines, newline included. Messages quote names from files: whatever would steer a terminal is escaped. */
export function formatErrorText(error: ProfilerError, style: TextStyle): string {
  const lines = [`${paint(style, "error", "error:")} ${safe(error.message)}`];
  if (error.hint !== undefined) lines.push(`${paint(style, "faint", "hint:")} ${safe(error.hint)}`);
  return `${lines.join("\n")}\n`;
}

const safe = (text: string): string => text.split("\n").map(printable).join("\n");
