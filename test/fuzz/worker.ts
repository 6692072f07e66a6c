/**
 * One thread of a fuzzing run. It applies one mutation at a time and examines what comes out, so that a reader that
 * never ends, or takes all memory, takes only this thread with it.
 */
import { readFileSync, readlinkSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import type { BaseName } from "./bases.js";
import { formatAnswers } from "./exercise.js";
import { type Anchors, applyEdits, parseSeed } from "./mutation.js";
import { anchorsIn, examineDamaged } from "./subject.js";

export interface Task {
  /** A seed in text form. */
  readonly text: string;
  readonly basePath: string;
}

export type Report =
  | { readonly kind: "ready"; readonly threadId: number }
  | {
      readonly kind: "done";
      readonly answers: string;
      /** File offset and bytes of each site of each plan. */
      readonly sites: readonly (readonly [offset: number, bytes: string])[];
      readonly externalBytes: number;
    }
  | { readonly kind: "failed"; readonly message: string };

interface Base {
  readonly bytes: Buffer;
  readonly anchors: Anchors;
}

const bases = new Map<BaseName, Base>();

function loadBase(name: BaseName, path: string): Base {
  let base = bases.get(name);
  if (base === undefined) {
    const bytes = readFileSync(path);
    base = { bytes, anchors: anchorsIn(bytes) };
    bases.set(name, base);
  }
  return base;
}

async function run({ text, basePath }: Task): Promise<Report> {
  try {
    const seed = parseSeed(text);
    const { bytes, anchors } = loadBase(seed.base, basePath);
    const { answers, sites, externalBytes } = await examineDamaged(applyEdits(bytes, anchors, seed.edits), anchors);
    const places = new Map(sites.map((site) => [site.offset, site.bytes.toString("hex")]));
    return { kind: "done", answers: formatAnswers(answers), sites: [...places], externalBytes };
  } catch (error) {
    return { kind: "failed", message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

const port = parentPort;
if (port === null) throw new Error("worker.ts runs as a worker thread");
port.on("message", async (task: Task) => port.postMessage(await run(task)));
const ready: Report = { kind: "ready", threadId: Number(readlinkSync("/proc/thread-self").split("/").at(-1)) };
port.postMessage(ready);
