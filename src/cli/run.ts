/** argv → one command run → exit status. The only place where an error ends: as a message, a hint and a status. */
import { readFileSync } from "node:fs";
import { CommanderError } from "commander";
import { EXIT_STATUS, messageOf, ProfilerError } from "../base/index.js";
import type { Streams } from "../commands/index.js";
import { createProgram, usageErrorOf } from "./program.js";
import { type ProcessStreams, processStreams } from "./streams.js";

/** Of package.json, the one place where it stands. */
function version(): string {
  const manifest = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return manifest.version;
}

function report(error: ProfilerError, json: boolean, streams: Streams): number {
  const { code, message, hint } = error;
  if (json) streams.err.write(`${JSON.stringify({ error: { code, message, hint } })}\n`);
  else streams.err.write(`gospect: ${message}\n${hint === undefined ? "" : `hint: ${hint}\n`}`);
  return EXIT_STATUS[error.kind];
}

/** Nothing a user did can cause this. The stack helps only those who ask for it. */
function reportBug(error: unknown, json: boolean, streams: Streams): number {
  const message = `this is a bug in gospect: ${messageOf(error)}`;
  const hint = "please report it with the output of the same command under GOSPECT_DEBUG=1";
  if (json) streams.err.write(`${JSON.stringify({ error: { code: "bug", message, hint } })}\n`);
  else streams.err.write(`gospect: ${message}\nhint: ${hint}\n`);
  return EXIT_STATUS.failed;
}

/** Runs the command that `argv` (without node and script) asks for; never throws. The answer is the exit status. */
export async function run(argv: readonly string[], streams: ProcessStreams = processStreams()): Promise<number> {
  const dashes = argv.indexOf("--");
  const own = dashes < 0 ? argv : argv.slice(0, dashes);
  const command = dashes < 0 ? undefined : argv.slice(dashes + 1);
  const json = own.includes("--json");
  let status = 0;
  try {
    const program = createProgram(version(), streams, command, (result) => {
      status = result;
    });
    await program.parseAsync(own, { from: "user" });
    // Errors of the streams arrive as events, after what was written last.
    await new Promise((resolve) => setImmediate(resolve));
    const failure = streams.failure();
    return failure === undefined ? status : report(failure, json, streams);
  } catch (error) {
    if (process.env["GOSPECT_DEBUG"]) streams.err.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    if (error instanceof ProfilerError) return report(error, json, streams);
    if (!(error instanceof CommanderError)) return reportBug(error, json, streams);
    const usage = usageErrorOf(error);
    return usage === undefined ? (error.exitCode === 0 ? 0 : EXIT_STATUS.usage) : report(usage, json, streams);
  }
}
