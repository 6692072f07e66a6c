/**
 * What hits take of the time of the calls around them, for durations without it: the traps' prices by the instruction, and
 * the part of a call's own two hits that lies between its readings of the clock. Both are measured on a page of this process.
 */
import { gsGap, gsPrice } from "../abi/index.js";
import { invariant, ProfilerError, UnsupportedError } from "../base/index.js";
import {
  type AttachMode,
  attachType,
  BpfObject,
  CodePage,
  type CodePageSite,
  codePageSite,
  findElement,
  Link,
  type MapShape,
  readObject,
  requireShape,
  type SiteAttachment,
  setArrayElement,
} from "../bpf/index.js";
import type { PlannedProbe, ProbePlan, Site } from "../probes/index.js";
import type { LoadedPrograms } from "./load.js";
import { type TrapKind, trapKind } from "./trap-prices.js";

/** Calls of one measurement, and how often it is repeated: the best counts, the others were disturbed. */
const GAP_CALLS = 40;
const GAP_ROUNDS = 25;

/** How calls of a probe begin and end: what decides which part of their hits is in their time. */
interface CallShape {
  readonly entry: CodePageSite;
  readonly exit: "return" | "uretprobe";
}

/** What a call that does nothing seems to take, and what it takes with both of its hits; ns. */
interface EmptyCall {
  readonly gapNs: number;
  readonly wholeNs: number;
}

/** Who does a return makes no difference to what is before it. */
function shapeOf({ entry, exits }: PlannedProbe): CallShape {
  const kind = trapKind(entry, "kernel");
  invariant(kind !== "uretprobe" && kind !== "done-return", "a call begins at an instruction of its own");
  return { entry: kind, exit: exits.some((site) => site.kind === "function-return") ? "uretprobe" : "return" };
}

const nameOf = ({ entry, exit }: CallShape): string => `${entry} ${exit}`;

/**
 * A struct gs_price for each probe of the plan. Throws an UnsupportedError where prices can't be measured; `traps` is
 * undefined where theirs could not.
 */
export function requireNetPrices(
  plan: ProbePlan,
  { mode, returns }: LoadedPrograms,
  traps: ReadonlyMap<TrapKind, number> | undefined,
): Buffer {
  if (traps === undefined) throw noPrices();
  const shapes = new Map(plan.probes.map(shapeOf).map((shape) => [nameOf(shape), shape]));
  const empty = requireEmptyCalls([...shapes.values()], mode);
  const prices = plan.probes.map((probe) => {
    const bytes = Buffer.alloc(gsPrice.size);
    const u32 = (field: { readonly offset: number }, ns: number) =>
      bytes.writeUInt32LE(Math.max(0, Math.round(ns)), field.offset);
    const shape = shapeOf(probe);
    const call = empty.get(nameOf(shape));
    invariant(call !== undefined, "every shape was measured");
    const priceOf = (site: Site): number => traps.get(trapKind(site, returns)) ?? 0;
    const [entry, exit] = [priceOf(probe.entry), traps.get(shape.exit)];
    // The whole is also what programs do before they read the clock. Where the traps of such a call have no price, it is theirs alone.
    const scale = exit === undefined ? 1 : call.wholeNs / (entry + exit);
    const ends = probe.kind === "span-end" ? [probe.entry] : probe.exits;
    u32(gsPrice.entry, entry * scale);
    u32(gsPrice.exit, (ends.reduce((sum, site) => sum + priceOf(site), 0) / Math.max(1, ends.length)) * scale);
    u32(gsPrice.own, call.gapNs);
    return bytes;
  });
  return Buffer.concat(prices);
}

const noPrices = (cause?: ProfilerError): UnsupportedError =>
  new UnsupportedError("no-net", "what a probe takes could not be measured, so it can't be taken off durations", {
    hint: "without --net, durations contain probe time",
    ...(cause === undefined ? {} : { cause }),
  });

function requireEmptyCalls(shapes: readonly CallShape[], mode: AttachMode): Map<string, EmptyCall> {
  try {
    return measureEmptyCalls(shapes, mode);
  } catch (error) {
    if (error instanceof ProfilerError) throw noPrices(error);
    throw error;
  }
}

/** By `nameOf`. Each shape has a copy of the page's function. */
function measureEmptyCalls(shapes: readonly CallShape[], mode: AttachMode): Map<string, EmptyCall> {
  using page = CodePage.map();
  const type = attachType(mode);
  using object = BpfObject.load("gap", readObject("gap"), {
    maxEntries: { gaps: Math.max(1, shapes.length) },
    keySizes: {},
    valueSizes: {},
    readOnlyData: {},
    programs: { begin: type, end: type },
  });
  const attach = (
    program: "begin" | "end",
    when: "hit" | "return",
    sites: readonly SiteAttachment[],
  ): Link | undefined =>
    sites.length === 0
      ? undefined
      : Link.attach({ programFd: object.programFd(program), path: page.path, pid: process.pid, when, sites }, mode);
  const siteOf = (site: CodePageSite, copy: number): SiteAttachment => ({
    offset: codePageSite(site, copy),
    cookie: BigInt(copy),
  });
  const endsBy = (exit: CallShape["exit"], siteAt: (shape: CallShape) => CodePageSite): readonly SiteAttachment[] =>
    shapes.flatMap((shape, copy) => (shape.exit === exit ? [siteOf(siteAt(shape), copy)] : []));
  using _entries = attach(
    "begin",
    "hit",
    shapes.map(({ entry }, copy) => siteOf(entry, copy)),
  );
  using _returns = attach(
    "end",
    "hit",
    endsBy("return", () => "return"),
  );
  using _uretprobes = attach(
    "end",
    "return",
    endsBy("uretprobe", ({ entry }) => entry),
  );
  const gaps = requireShape({
    fd: object.mapFd("gaps"),
    name: "gaps",
    keySize: 4,
    valueSize: gsGap.size,
    perCpu: false,
  });
  return new Map(shapes.map((shape, copy) => [nameOf(shape), bestCall(page, gaps, copy)]));
}

function bestCall(page: CodePage, gaps: MapShape, copy: number): EmptyCall {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(copy);
  let best: EmptyCall = { gapNs: Number.POSITIVE_INFINITY, wholeNs: Number.POSITIVE_INFINITY };
  for (let round = 0; round < GAP_ROUNDS; round++) {
    setArrayElement(gaps, copy, Buffer.alloc(gsGap.size));
    const wholeNs = page.time(GAP_CALLS, copy) / GAP_CALLS;
    const gap = findElement(gaps, key);
    invariant(gap !== undefined, "an array has all its elements");
    const hits = Number(gap.readBigUInt64LE(gsGap.hits.offset));
    if (hits !== 2 * GAP_CALLS) throw noPrices();
    const gapNs = Number(gap.readBigUInt64LE(gsGap.sum.offset)) / GAP_CALLS;
    best = { gapNs: Math.min(best.gapNs, gapNs), wholeNs: Math.min(best.wholeNs, wholeNs) };
  }
  return best;
}
