/** `--duration`: text like `500ms`, `30s`, `1m30s` → milliseconds. */
import { UsageError } from "../base/index.js";

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
// LIMIT: what a JavaScript timer can wait for, 24.8 days.
const MAX_MS = 2 ** 31 - 1;
const HINT = "write a number and a unit: 500ms, 30s, 2m, 1h";

/** Whole milliseconds, at least 1. Throws a UsageError for anything else. */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  const understood = parts.map(([part]) => part).join("");
  if (text === "" || understood !== text) throw new UsageError(`malformed duration '${text}'`, { hint: HINT });
  let total = 0;
  for (const [, amount, unit = ""] of parts) total += Number(amount) * (UNIT_MS[unit] ?? 0);
  const rounded = Math.round(total);
  if (rounded < 1) throw new UsageError(`duration '${text}' is no time at all`, { hint: HINT });
  if (rounded > MAX_MS) throw new UsageError(`duration '${text}' is longer than 24 days`, { hint: HINT });
  return rounded;
}
