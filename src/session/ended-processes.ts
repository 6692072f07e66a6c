/**
 * A run outlives threads, and on every process of a file, processes. What one that has ended left in the maps is counted, kept
 * as open calls where calls are events, and then forgotten, so that the maps hold no more than those that live.
 */
import { gsFrameKey, gsGoroutine, gsGoroutineKey } from "../abi/index.js";
import type { EventRecord } from "../aggregate/index.js";
import { forEachElement } from "../bpf/index.js";
import type { ProbePlan } from "../probes/index.js";
import { processExists, threadExists } from "../process/index.js";
import { deleteWhere } from "./forget.js";
import { isOfThread, nestName, readOpenCalls } from "./open-calls.js";
import type { CallPrograms } from "./programs.js";

/** How often the maps are gone through. */
const SWEEP_MS = 2000;
/** LIMIT: open calls of the ended that are kept as events; more are counted only. */
const MAX_CALLS = 1 << 16;

export class EndedProcesses implements Disposable {
  /** Calls that were open when their process or thread ended. */
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
    const lives = new Map<string, boolean>();
    const ended = new Set<string>();
    forEachElement(maps.goroutines, (key) => {
      const [name, owner] = this.ownerOf(key);
      const alive = lives.get(owner.name) ?? owner.exists();
      lives.set(owner.name, alive);
      if (!alive) ended.add(name);
    });
    if (ended.size === 0) return;
    const room = MAX_CALLS - this.calls.length;
    if (this.events === "kept" && room > 0) {
      const now = process.hrtime.bigint();
      const calls = readOpenCalls(this.programs, this.plan, now, (nest) => ended.has(nest));
      this.calls.push(...calls.slice(0, room));
    }
    // Nothing of what has ended writes there any more.
    deleteWhere(maps.goroutines, (key, value) => {
      if (!ended.has(nestName(key, gsGoroutineKey))) return false;
      this.open += BigInt(value.readUInt32LE(gsGoroutine.open.offset));
      return true;
    });
    deleteWhere(maps.frames, (key) => ended.has(nestName(key, gsFrameKey)));
    deleteWhere(maps.captures, (key) => ended.has(nestName(key, gsFrameKey)));
  }

  /** Whose calls the nest of that key has: a thread's, or a process's. */
  private ownerOf(key: Buffer): [name: string, owner: { readonly name: string; exists(): boolean }] {
    const tgid = key.readUInt32LE(gsGoroutineKey.tgid.offset);
    const name = nestName(key, gsGoroutineKey);
    if (!isOfThread(key, this.plan)) return [name, { name: `${tgid}`, exists: () => processExists(tgid) }];
    const tid = Number(key.readBigUInt64LE(gsGoroutineKey.g.offset));
    return [name, { name: `${tgid} ${tid}`, exists: () => threadExists(tgid, tid) }];
  }

  [Symbol.dispose](): void {
    clearInterval(this.timer);
  }
}
