/** argv → one command run → exit status. The only place where an error ends: as a message, a hint and a status. */
import { readFileSync } from "node:fs";
import { CommanderError } from "commander";
import { EXIT_STATUS, messageOf, ProfilerError, RunError } from "../base/index.js";
import type { Streams } from "../commands/index.js";
import { splitCommandLine } from "./command-line.js";
import { createProgram, usageErrorOf } from "./program.js";
import { type ProcessStreams, processStreams } from "./streams.js";

/** Of package.json, the one place where it stands. */
function version(): string {
  const manifest = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return manifest.version;
}

/** Printers are imported when there is something to print. */
async function report(error: ProfilerError, json: boolean, streams: Streams): Promise<number> {
  const { formatErrorJson, formatErrorText } = await import("../export/index.js");
  const style = { colour: streams.err.color, width: streams.err.size()?.columns ?? 80 };
  streams.err.write(json ? formatErrorJson(error) : formatErrorText(error, style));
  return EXIT_STATUS[error.kind];
}

/** Nothing a user did can cause this; the stack helps only those who ask for it. */
const bugOf = (error: unknown): ProfilerError =>
  new RunError("bug", `this is a bug in gospect: ${messageOf(error)}`, {
    hint: "please report it, with what the same command says under GOSPECT_DEBUG=1",
    cause: error,
  });

/** Runs the command that `argv` (without node and script) asks for; never throws. The answer is the exit status. */
export async function run(argv: readonly string[], streams: ProcessStreams = processStreams()): Promise<number> {
  const line = splitCommandLine(argv);
  const json = line.own.includes("--json");
  let status = 0;
  try {
    const program = createProgram(version(), streams, line, (result) => {
      status = result;
    });
    await program.parseAsync(line.own, { from: "user" });
    // Errors of the streams arrive as events, after what was written last.
    await new Promise((resolve) => setImmediate(resolve));
    const failure = streams.failure();
    return failure === undefined ? status : await report(failure, json, streams);
  } catch (error) {
    if (process.env["GOSPECT_DEBUG"]) streams.err.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    if (error instanceof ProfilerError) return await report(error, json, streams);
    if (!(error instanceof CommanderError)) return await report(bugOf(error), json, streams);
    const usage = usageErrorOf(error);
    return usage === undefined ? (error.exitCode === 0 ? 0 : EXIT_STATUS.usage) : await report(usage, json, streams);
  }
}
