/** Errors for people: what went wrong, and on a line of its own what to do about it. */
import { printable } from "../aggregate/index.js";
import type { ProfilerError } from "../base/index.js";
import { paint, type TextStyle } from "./style.js";

/** The message, then the hint, newline included. Messages quote names from files: whatever would steer a terminal is escaped. */
export function formatErrorText(error: ProfilerError, style: TextStyle): string {
  const lines = [`${paint(style, "error", "error:")} ${safe(error.message)}`];
  if (error.hint !== undefined) lines.push(`${paint(style, "faint", "hint:")} ${below("hint: ", safe(error.hint))}`);
  return `${lines.join("\n")}\n`;
}

/** A hint of several lines may point with its second one at something in its first. */
const below = (label: string, text: string): string => text.replaceAll("\n", `\n${" ".repeat(label.length)}`);

const safe = (text: string): string => text.split("\n").map(printable).join("\n");
