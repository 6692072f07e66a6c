/**
 * A run on every process of a file outlives many of them. What a process that has ended left in the maps is counted, kept as
 * open calls where calls are events, and then forgotten, so that the maps hold no more than the processes that live.
 */
import { gsFrameKey, gsGoroutine, gsGoroutineKey } from "../abi/index.js";
import type { EventRecord } from "../aggregate/index.js";
import { deleteElement, forEachElement, type MapShape } from "../bpf/index.js";
import type { ProbePlan } from "../probes/index.js";
import { processExists } from "../process/index.js";
import { readOpenCalls } from "./open-calls.js";
import type { CallPrograms } from "./programs.js";

/** How often the maps are gone through. */
const SWEEP_MS = 2000;
/** LIMIT: open calls of ended processes that are kept as events; more are counted only. */
const MAX_CALLS = 1 << 16;

export class EndedProcesses implements Disposable {
  /** Calls that were open when their process ended. */
  open = 0n;
  /** The same as events, where there are any. */
  readonly calls: EventRecord[] = [];
  private readonly programs: CallPrograms;
  private readonly plan: ProbePlan;
  private readonly events: "kept" | "none";
  private readonly timer: NodeJS.Timeout;

  constructor(programs: CallPrograms, plan: ProbePlan, events: "kept" | "none") {
    this.programs = programs;
    this.plan = plan;
    this.events = events;
    this.timer = setInterval(() => this.sweep(), SWEEP_MS);
    this.timer.unref();
  }

  private sweep(): void {
    const { maps } = this.programs;
    const ended = new Set<number>();
    const alive = new Set<number>();
    forEachElement(maps.goroutines, (key) => {
      const tgid = key.readUInt32LE(gsGoroutineKey.tgid.offset);
      if (ended.has(tgid) || alive.has(tgid)) return;
      (processExists(tgid) ? alive : ended).add(tgid);
    });
    if (ended.size === 0) return;
    if (this.events === "kept" && this.calls.length < MAX_CALLS) {
      const now = process.hrtime.bigint();
      this.calls.push(...readOpenCalls(this.programs, this.plan, now, (tgid) => ended.has(tgid)));
    }
    // Nothing of a process that has ended writes there any more.
    const isEnded = (key: Buffer, field: { readonly offset: number }): boolean =>
      ended.has(key.readUInt32LE(field.offset));
    deleteWhere(maps.goroutines, (key, value) => {
      if (!isEnded(key, gsGoroutineKey.tgid)) return false;
      this.open += BigInt(value.readUInt32LE(gsGoroutine.open.offset));
      return true;
    });
    deleteWhere(maps.frames, (key) => isEnded(key, gsFrameKey.tgid));
    deleteWhere(maps.captures, (key) => isEnded(key, gsFrameKey.tgid));
  }

  [Symbol.dispose](): void {
    clearInterval(this.timer);
  }
}

/** Deletes when all have been seen: nothing changes while the map is read. */
function deleteWhere(map: MapShape, condition: (key: Buffer, value: Buffer) => boolean): void {
  const keys: Buffer[] = [];
  forEachElement(map, (key, value) => {
    if (condition(key, value(0))) keys.push(Buffer.from(key));
  });
  for (const key of keys) deleteElement(map, key);
}
