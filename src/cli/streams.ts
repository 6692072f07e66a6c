/** The process's stdout, stderr and signals as the Streams that commands print to. */
import { RunError } from "../base/index.js";
import type { Streams, TextOutput } from "../commands/index.js";

/** Streams of this process, and what went wrong with them. */
export interface ProcessStreams extends Streams {
  /** Why results could not be written; undefined when all went well or the reader merely went away. */
  failure(): RunError | undefined;
}

/** `NO_COLOR` (any value but the empty one) switches colour off; see no-color.org. */
const colorWanted = (): boolean => (process.env["NO_COLOR"] ?? "") === "" && process.env["TERM"] !== "dumb";

interface Watched {
  readonly output: TextOutput;
  failure(): RunError | undefined;
}

/** `onClosed` is called once, when the reader of the stream has gone or the stream fails. */
function watch(stream: NodeJS.WriteStream, name: string, onClosed: () => void): Watched {
  let closed = false;
  let failure: RunError | undefined;
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (!closed && error.code !== "EPIPE") {
      failure = new RunError("output-failed", `cannot write to ${name}: ${error.code ?? error.message}`, {
        cause: error,
      });
    }
    closed = true;
    onClosed();
  });
  const isTerminal = stream.isTTY === true;
  return {
    failure: () => failure,
    output: {
      isTerminal,
      backlog: () => (closed ? 0 : stream.writableLength),
      color: isTerminal && colorWanted(),
      size: () => (isTerminal ? { columns: stream.columns, rows: stream.rows } : undefined),
      write: (data) => {
        if (!closed && data.length > 0) stream.write(data);
      },
    },
  };
}

/** Takes over the process's streams: a closed stdout is an end, not an error. */
export function processStreams(): ProcessStreams {
  const controller = new AbortController();
  const interrupt = (): void => controller.abort();
  let watching = false;
  const out = watch(process.stdout, "stdout", interrupt);
  const err = watch(process.stderr, "stderr", () => undefined);
  return {
    out: out.output,
    err: err.output,
    failure: out.failure,
    interruption: () => {
      if (!watching) {
        watching = true;
        // Only the first signal is caught: a second one ends us at once, and the probes go with our descriptors.
        for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
          process.once(signal, () => controller.abort(signal));
        }
      }
      return controller.signal;
    },
  };
}
