/** When a run is over: its time is up, somebody wants it to end, or the target is gone. */

export type RunEnd = "duration" | "interrupted" | "target-exited";

export interface RunLimits {
  /** Undefined: no limit. */
  readonly durationMs: number | undefined;
  readonly interruption: AbortSignal;
  /** Settles when the target has exited; never, when there is no one target. */
  readonly targetExited: Promise<unknown>;
}

/** LIMIT: how often a person wants to see news. */
const TICK_MS = 1000;

/** Waits for whichever comes first, and calls `tick` every second until then. What `tick` throws ends the wait. */
export async function waitForEnd(limits: RunLimits, tick: () => void): Promise<RunEnd> {
  const { durationMs, interruption, targetExited } = limits;
  if (interruption.aborted) return "interrupted";
  let ticker: NodeJS.Timeout | undefined;
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  try {
    return await new Promise<RunEnd>((resolve, reject) => {
      targetExited.then(() => resolve("target-exited"), reject);
      onAbort = () => resolve("interrupted");
      interruption.addEventListener("abort", onAbort);
      if (durationMs !== undefined) timer = setTimeout(() => resolve("duration"), durationMs);
      // Keeps the process alive, too: a promise alone does not.
      ticker = setInterval(() => {
        try {
          tick();
        } catch (error) {
          reject(error);
        }
      }, TICK_MS);
    });
  } finally {
    clearInterval(ticker);
    clearTimeout(timer);
    if (onAbort !== undefined) interruption.removeEventListener("abort", onAbort);
  }
}
