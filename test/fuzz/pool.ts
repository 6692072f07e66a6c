/**
 * Runs mutations on a few threads and holds each run to its limits. Time is the thread's own CPU time, so that a busy
 * machine changes nothing; a thread over its limit is ended and the next run gets a new one.
 */
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { type BaseName, basePath } from "./bases.js";
import type { Report, Task } from "./worker.js";

/** LIMIT: CPU time of one run. An undamaged base takes half a second, much of it to walk all of its DWARF. */
export const CPU_LIMIT_MS = 4_000;
/** LIMIT: a thread's heap. */
export const HEAP_LIMIT_MB = 384;
/** LIMIT: buffers outside of the heap; the bases are 3 MB at most. */
export const EXTERNAL_LIMIT_BYTES = 2 ** 28;
const WATCH_INTERVAL_MS = 100;

/** What one run came to. */
export type Verdict =
  | {
      readonly kind: "answered";
      readonly answers: string;
      readonly sites: readonly (readonly [offset: number, bytes: string])[];
      readonly cpuMs: number;
    }
  | { readonly kind: "failed"; readonly reason: string; readonly cpuMs: number };

export interface Job {
  /** The mutation as text. */
  readonly text: string;
  readonly base: BaseName;
}

/** CPU time that a thread of this process has used so far. */
function cpuTimeMs(threadId: number): number {
  try {
    return Number(readFileSync(`/proc/self/task/${threadId}/schedstat`, "utf8").split(" ")[0]) / 1e6;
  } catch {
    return 0;
  }
}

/** One thread, replaced when it had to be ended. */
class Runner {
  private worker: Worker | undefined;
  private threadId = 0;
  private settle: (report: Report) => void = () => {};

  async run(job: Job): Promise<Verdict> {
    this.worker ??= await this.start();
    const before = cpuTimeMs(this.threadId);
    const spent = (): number => cpuTimeMs(this.threadId) - before;
    const task: Task = { text: job.text, basePath: basePath(job.base) };
    const answer = this.nextReport();
    this.worker.postMessage(task);
    const watch = setInterval(() => {
      if (spent() <= CPU_LIMIT_MS) return;
      this.settle({ kind: "failed", message: `still running after ${CPU_LIMIT_MS} ms of CPU time` });
      void this.close();
    }, WATCH_INTERVAL_MS);
    const report = await answer;
    clearInterval(watch);
    const cpuMs = spent();
    if (report.kind === "failed") return { kind: "failed", reason: report.message, cpuMs };
    if (report.kind === "ready") throw new Error("a thread began twice");
    if (report.externalBytes > EXTERNAL_LIMIT_BYTES) {
      return { kind: "failed", reason: `${report.externalBytes} bytes outside of the heap`, cpuMs };
    }
    return { kind: "answered", answers: report.answers, sites: report.sites, cpuMs };
  }

  async close(): Promise<void> {
    const worker = this.worker;
    this.worker = undefined;
    await worker?.terminate();
  }

  private nextReport(): Promise<Report> {
    return new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  private async start(): Promise<Worker> {
    const ready = this.nextReport();
    const worker = new Worker(new URL("worker.js", import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: HEAP_LIMIT_MB },
    });
    worker.on("message", (report: Report) => this.settle(report));
    worker.on("error", (error) => {
      this.worker = undefined;
      this.settle({ kind: "failed", message: `the thread died: ${error.message}` });
    });
    const report = await ready;
    if (report.kind !== "ready") throw new Error(`a thread did not begin: ${JSON.stringify(report)}`);
    this.threadId = report.threadId;
    return worker;
  }
}

/** Runs every job on `threads` threads; `onVerdict` hears of each as it ends, in no order. */
export async function runJobs(
  jobs: Iterable<Job>,
  threads: number,
  onVerdict: (job: Job, verdict: Verdict) => void,
): Promise<void> {
  const queue = jobs[Symbol.iterator]();
  const work = async (): Promise<void> => {
    const runner = new Runner();
    try {
      for (let next = queue.next(); !next.done; next = queue.next()) {
        onVerdict(next.value, await runner.run(next.value));
      }
    } finally {
      await runner.close();
    }
  };
  await Promise.all(Array.from({ length: threads }, work));
}
