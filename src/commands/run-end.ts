/** When a run is over: its time is up, somebody wants it to end, or the target is gone. */
import { setTimeout as sleep } from "node:timers/promises";

export type RunEnd = "duration" | "interrupted" | "target-exited";

export interface RunLimits {
  /** Undefined: no limit. */
  readonly durationMs: number | undefined;
  readonly interruption: AbortSignal;
  /** True when there is nothing left to measure. */
  readonly targetHasEnded: () => boolean;
}

/** LIMIT: how late we may notice that the target is gone, and how often a person wants to see news. */
const POLL_MS = 50;
const NEWS_MS = 1000;

/** What is done while a run lasts. */
export interface RunWatch {
  /** Every second. */
  readonly tell: () => void;
  /** Several times a second; again at once where it took only a part of what there was. */
  readonly follow?: (() => "all" | "part") | undefined;
}

/** Waits for whichever comes first. */
export async function waitForEnd(limits: RunLimits, { tell, follow }: RunWatch): Promise<RunEnd> {
  const { durationMs = Number.POSITIVE_INFINITY, interruption, targetHasEnded } = limits;
  const start = performance.now();
  let nextNews = start + NEWS_MS;
  while (!interruption.aborted) {
    if (targetHasEnded()) return "target-exited";
    const now = performance.now();
    const left = start + durationMs - now;
    if (left <= 0) return "duration";
    if (now >= nextNews) {
      nextNews = now + NEWS_MS;
      tell();
    }
    const pause = follow?.() === "part" ? 0 : Math.min(POLL_MS, Math.ceil(left));
    await sleep(pause, undefined, { signal: interruption }).catch(() => undefined);
  }
  return "interrupted";
}
