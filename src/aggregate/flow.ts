/**
 * Call trees from calls in the order of their ends. A call ends before its caller, so a tree is known when its root ends;
 * `level`, the number of measured calls around each, tells which calls are inside which.
 *
 * A caller may be missing: its event was lost, the condition left it out, or it is still running. What depends on time
 * here depends on the calls' own times, so that a replayed run gives the same trees.
 */
import type { TracedCall } from "./calls.js";

export interface FlowCall {
  readonly call: TracedCall;
  /** In the order of their ends. */
  readonly children: readonly FlowCall[];
  /**
   * Its duration without its children's, and without that of calls shown before; callees that were lost or left out are
   * part of it. Undefined of a place, and where it can't be told which of the calls shown before were inside.
   */
  readonly ownNs: bigint | undefined;
  /** Calls around it, up to the one that it is shown in or to the goroutine's beginning, that are not shown with it. */
  readonly missingCallers: number;
  /** Calls inside it that were shown as trees of their own before it ended. */
  readonly shownBefore: number;
}

/** LIMIT: how long a call waits for its caller's end until it is shown without it: what is live should look so. */
const PATIENCE_NS = 2_000_000_000n;
/** LIMIT: calls that wait and goroutines that are remembered, together. */
const MOST_WAITING = 100_000;

/** Calls that were shown before the call around them ended: when the first and the last of them began. */
interface Shown {
  count: number;
  ns: bigint;
  first: bigint;
  last: bigint;
  /** Some of them, nobody knows which, were inside a call that has ended. */
  torn: boolean;
}

interface Goroutine {
  /** By end. */
  readonly waiting: FlowCall[];
  /** By level, for the own time of those around them. */
  readonly shown: Map<number, Shown>;
}

const endOf = ({ call }: FlowCall): bigint => call.time + (call.durationNs ?? 0n);

/** Whether `other`, which ended before, was inside this call or inside one that is over. */
const isAround = (call: TracedCall, other: FlowCall): boolean =>
  call.outcome !== "passed" && other.call.level > call.level;

/**
 * Makes trees of calls that come in the order of their ends. What waits and remembers is bounded by `mostWaiting`; beyond, calls
 * are shown without their callers.
 */
export class FlowBuilder {
  private readonly goroutines = new Map<string, Goroutine>();
  private readonly mostWaiting: number;
  private waiting = 0;
  private nextLook = 0n;

  constructor(mostWaiting = MOST_WAITING) {
    this.mostWaiting = mostWaiting;
  }

  /** Takes the next call; the answer are the trees that are as complete as they will be. */
  add(call: TracedCall): readonly FlowCall[] {
    // Of an unknown goroutine nothing tells what else is its.
    if (call.goid === 0n) return [flowCall(call, [], NONE)];
    const key = `${call.tgid} ${call.goid}`;
    const goroutine: Goroutine = this.goroutines.get(key) ?? { waiting: [], shown: new Map() };
    this.goroutines.set(key, goroutine);
    const inside: FlowCall[] = [];
    const trees: FlowCall[] = [];
    const { waiting } = goroutine;
    const before = waiting.length;
    // Deeper calls are at the end. Those that were over when this one began were inside a caller that ended unseen.
    for (let last = waiting.at(-1); last !== undefined && isAround(call, last); last = waiting.at(-1)) {
      (last.call.time >= call.time ? inside : trees).push(last);
      waiting.pop();
    }
    waiting.push(flowCall(call, inside.reverse(), takeShown(goroutine, call)));
    trees.reverse();
    for (const each of trees) noteShown(goroutine, each);
    if (call.level === 0) trees.push(...waiting.splice(0));
    if (waiting.length === 0) this.goroutines.delete(key);
    this.waiting += waiting.length - before;
    return [...trees, ...this.impatient(call.time + (call.durationNs ?? 0n))];
  }

  /** What still waits: calls whose callers were not seen to end. */
  finish(): readonly FlowCall[] {
    const trees = [...this.goroutines.values()].flatMap(({ waiting }) => waiting);
    this.goroutines.clear();
    this.waiting = 0;
    return trees;
  }

  /** Looks once a second, and when too many wait. */
  private impatient(now: bigint): readonly FlowCall[] {
    const crowded = this.waiting + this.goroutines.size > this.mostWaiting;
    if (now < this.nextLook && !crowded) return [];
    this.nextLook = now + 1_000_000_000n;
    const trees: FlowCall[] = [];
    for (const [key, goroutine] of this.goroutines) {
      // One of which nothing waited since the last look: its callers may have been left out, and never end for us.
      if (goroutine.waiting.length === 0 && crowded) this.goroutines.delete(key);
      const patient = goroutine.waiting.findIndex((each) => !crowded && endOf(each) > now - PATIENCE_NS);
      const early = goroutine.waiting.splice(0, patient < 0 ? goroutine.waiting.length : patient);
      for (const each of early) noteShown(goroutine, each);
      trees.push(...early);
    }
    this.waiting -= trees.length;
    return trees;
  }
}

function noteShown({ shown }: Goroutine, { call }: FlowCall): void {
  const at = shown.get(call.level) ?? { count: 0, ns: 0n, first: call.time, last: call.time, torn: false };
  at.count += 1;
  if (call.time < at.first) at.first = call.time;
  if (call.time > at.last) at.last = call.time;
  at.ns += call.durationNs ?? 0n;
  shown.set(call.level, at);
}

/** What was shown of the inside of one call before it ended. */
type ShownInside = { readonly count: number; readonly ns: bigint } | "unknown";

const NONE: ShownInside = { count: 0, ns: 0n };

/** A call takes what was inside it: what is left, of several levels, is not inside one another. */
function takeShown({ shown }: Goroutine, call: TracedCall): ShownInside {
  let inside: ShownInside = NONE;
  if (call.outcome === "passed") return inside;
  for (const [level, each] of shown) {
    if (level <= call.level || each.last < call.time) continue;
    if (each.first < call.time) each.torn = true;
    else shown.delete(level);
    inside =
      each.torn || inside === "unknown" ? "unknown" : { count: inside.count + each.count, ns: inside.ns + each.ns };
  }
  return inside;
}

/** The children know now whom they are shown in. */
function flowCall(call: TracedCall, inside: readonly FlowCall[], before: ShownInside): FlowCall {
  const children = inside.map((child) => ({ ...child, missingCallers: child.call.level - call.level - 1 }));
  return {
    call,
    children,
    ownNs: ownTime(call, children, before),
    missingCallers: call.level,
    shownBefore: before === "unknown" ? 0 : before.count,
  };
}

function ownTime({ durationNs }: TracedCall, children: readonly FlowCall[], before: ShownInside): bigint | undefined {
  if (durationNs === undefined || before === "unknown") return undefined;
  const own = children.reduce((rest, child) => rest - (child.call.durationNs ?? 0n), durationNs - before.ns);
  return own > 0n ? own : 0n;
}
