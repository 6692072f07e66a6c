/** Errors with `--json`: one object on stderr, as cli.md has it. */
import type { ProfilerError } from "../base/index.js";

/** One line, newline included; a missing hint is null. */
export const formatErrorJson = ({ code, message, hint }: ProfilerError): string =>
  `${JSON.stringify({ error: { code, message, hint: hint ?? null } })}\n`;
