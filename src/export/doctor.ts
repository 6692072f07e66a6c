/** `doctor`'s findings, for people and as JSON. */
import { type Column, formatTable, paint, type TextStyle, type Tone } from "./style.js";

export interface DoctorCheck {
  readonly name: string;
  readonly status: "ok" | "degraded" | "missing";
  readonly detail: string;
  /** What the user can do about it. */
  readonly hint: string | undefined;
}

/** One object, as cli.md has it; newline included. */
export const formatDoctorJson = (checks: readonly DoctorCheck[]): string =>
  `${JSON.stringify({
    checks: checks.map(({ name, status, detail, hint }) => ({ name, status, detail, hint: hint ?? null })),
  })}\n`;

const COLUMNS: readonly Column[] = [
  { title: "check", align: "left", tone: "key" },
  { title: "status", align: "left", tone: "plain" },
  { title: "detail", align: "left", tone: "plain" },
];

const TONES: Readonly<Record<DoctorCheck["status"], Tone>> = { ok: "plain", degraded: "warning", missing: "warning" };

/** A line per check, hints below the one they belong to, and a verdict. */
export function formatDoctorText(checks: readonly DoctorCheck[], style: TextStyle): string {
  const rows = checks.map(({ name, status, detail }) => [name, paint(style, TONES[status], status), detail]);
  const [header = "", ...lines] = formatTable(style, COLUMNS, rows);
  const page = lines.flatMap((line, index) => {
    const hint = checks[index]?.hint;
    return hint === undefined ? [line] : [line, paint(style, "faint", `  hint: ${hint}`)];
  });
  const missing = checks.filter(({ status }) => status === "missing");
  const verdict =
    missing.length === 0 ? "ready to measure" : `not possible here: ${missing.map(({ name }) => name).join(", ")}`;
  return `${[header, ...page, "", paint(style, "title", verdict)].join("\n")}\n`;
}
