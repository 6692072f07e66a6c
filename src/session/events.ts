/** What programs wrote into the ring buffer as EventRecords, and the calls that were still open at the end. */
import {
  gsCapture,
  gsEvent,
  gsEventFlag,
  gsFrame,
  gsFrameFlag,
  gsFrameKey,
  gsGoroutine,
  gsGoroutineKey,
  gsLimits,
  gsOutcome,
} from "../abi/index.js";
import type { CapturedPart, EventRecord } from "../aggregate/index.js";
import { invariant } from "../base/index.js";
import { forEachElement } from "../bpf/index.js";
import type { ProbePlan } from "../probes/index.js";
import type { CallPrograms } from "./programs.js";
import { readStatus } from "./read-status.js";

const padded = (bytes: number): number => Math.ceil(bytes / 8) * 8;

/** Bytes that a part takes in an event. */
const partSize = (slots: number, tail: number): number => 8 * slots + padded(slots) + padded(tail);

const NOTHING = Buffer.alloc(0);

/** A part that begins at `at`; undefined when it has no slots. */
function parsePart(bytes: DataView, at: number, slots: number, tail: number): CapturedPart | undefined {
  if (slots === 0) return undefined;
  const words: bigint[] = [];
  const outcomes: CapturedPart["outcomes"][number][] = [];
  for (let slot = 0; slot < slots; slot++) {
    words.push(bytes.getBigUint64(at + 8 * slot, true));
    const outcome = bytes.getUint8(at + 8 * slots + slot);
    outcomes.push(outcome === 0 ? undefined : readStatus(outcome - 1));
  }
  if (tail === 0) return { words, outcomes, tail: NOTHING };
  // A copy: what keeps one part need not keep all that was read with it.
  const start = bytes.byteOffset + at + 8 * slots + padded(slots);
  return { words, outcomes, tail: Buffer.from(Buffer.from(bytes.buffer, start, tail)) };
}

const OUTCOMES: Readonly<Record<number, EventRecord["outcome"]>> = {
  [gsOutcome.GS_RETURNED]: "return",
  // The call's function is over; what it returns is what it jumped to returns, which nobody looked at.
  [gsOutcome.GS_JUMPED]: "return",
  [gsOutcome.GS_PANICKED]: "panic",
  [gsOutcome.GS_EXITED]: "goexit",
  [gsOutcome.GS_PASSED]: "passed",
};

const unlessZero = (value: bigint): bigint | undefined => (value === 0n ? undefined : value);

/** The record of the ring buffer that begins at `at`. */
export function parseEvent(bytes: DataView, at: number, plan: ProbePlan): EventRecord {
  const u16 = (field: { readonly offset: number }): number => bytes.getUint16(at + field.offset, true);
  const u32 = (field: { readonly offset: number }): number => bytes.getUint32(at + field.offset, true);
  const u64 = (field: { readonly offset: number }): bigint => bytes.getBigUint64(at + field.offset, true);
  const outcome = OUTCOMES[u16(gsEvent.outcome)];
  invariant(outcome !== undefined, "an event's outcome is known");
  const entrySlots = u16(gsEvent.entrySlots);
  const entryTail = u16(gsEvent.entryTail);
  const entryAt = at + gsEvent.size;
  const entry = parsePart(bytes, entryAt, entrySlots, entryTail);
  const returnAt = entryAt + (entry === undefined ? 0 : partSize(entrySlots, entryTail));
  const created = unlessZero(u64(gsEvent.createdAt));
  const { imageBase } = plan.target;
  return {
    probe: u32(gsEvent.probe),
    outcome,
    start: u64(gsEvent.start),
    end: u64(gsEvent.end),
    goid: u64(gsEvent.goid),
    tgid: u32(gsEvent.tgid),
    tid: u32(gsEvent.tid),
    level: u32(gsEvent.level),
    stack: unlessZero(u64(gsEvent.stack)),
    parentGoid: unlessZero(u64(gsEvent.parentGoid)),
    createdAt: created === undefined ? undefined : Number(BigInt.asIntN(64, created)) + imageBase,
    bias: u64(gsEvent.image) - BigInt(imageBase),
    entry: (u16(gsEvent.flags) & gsEventFlag.GS_EVENT_NO_ENTRY) !== 0 ? "lost" : entry,
    return: parsePart(bytes, returnAt, u16(gsEvent.returnSlots), u16(gsEvent.returnTail)),
  };
}

const frameName = (g: bigint, tgid: number, index: number): string => `${g} ${tgid} ${index}`;

/** Of a struct gs_frame_key. */
const nameOf = (key: Buffer): string =>
  frameName(
    key.readBigUInt64LE(gsFrameKey.g.offset),
    key.readUInt32LE(gsFrameKey.tgid.offset),
    key.readUInt32LE(gsFrameKey.index.offset),
  );

/** What was captured at the entry of a call that is still open. */
interface Capture {
  readonly part: CapturedPart | undefined;
  /** As in an EventRecord. */
  readonly bias: bigint;
}

/** By `frameName`. */
function readCaptures(programs: CallPrograms, plan: ProbePlan): Map<string, Capture> {
  const captures = new Map<string, Capture>();
  forEachElement(programs.maps.captures, (key, value) => {
    const { buffer, byteOffset, byteLength } = value(0);
    const bytes = new DataView(buffer, byteOffset, byteLength);
    const slots = bytes.getUint16(gsCapture.slots.offset, true);
    const tail = bytes.getUint16(gsCapture.tail.offset, true);
    captures.set(nameOf(key), {
      part: parsePart(bytes, gsCapture.size, slots, tail),
      bias: bytes.getBigUint64(gsCapture.image.offset, true) - BigInt(plan.target.imageBase),
    });
  });
  return captures;
}

/** Open calls past those in their goroutine's own record, by `frameName`. */
function readDeepFrames(programs: CallPrograms): Map<string, Buffer> {
  const frames = new Map<string, Buffer>();
  forEachElement(programs.maps.frames, (key, value) => {
    frames.set(nameOf(key), Buffer.from(value(0)));
  });
  return frames;
}

/**
 * The calls that are open now, `end` of CLOCK_MONOTONIC, and that their condition has not left out: goroutine by goroutine,
 * outermost first. Where their process's image lies is known of those of which something was captured: others hold no
 * addresses.
 */
export function readOpenCalls(programs: CallPrograms, plan: ProbePlan, end: bigint): EventRecord[] {
  const captures = readCaptures(programs, plan);
  const deep = readDeepFrames(programs);
  const calls: EventRecord[] = [];
  forEachElement(programs.maps.goroutines, (key, value) => {
    const g = key.readBigUInt64LE(gsGoroutineKey.g.offset);
    const tgid = key.readUInt32LE(gsGoroutineKey.tgid.offset);
    const goroutine = value(0);
    const open = goroutine.readUInt32LE(gsGoroutine.open.offset);
    let level = 0;
    for (let index = 0; index < open; index++) {
      const name = frameName(g, tgid, index);
      const at = gsGoroutine.frames.offset + index * gsGoroutine.frames.stride;
      const frame = index < gsLimits.GS_INLINE_FRAMES ? goroutine.subarray(at, at + gsFrame.size) : deep.get(name);
      if (frame === undefined) continue;
      const flags = frame.readUInt32LE(gsFrame.flags.offset);
      if ((flags & gsFrameFlag.GS_FRAME_FILTERED) !== 0) continue;
      const probe = frame.readUInt32LE(gsFrame.probe.offset);
      const captured = (flags & gsFrameFlag.GS_FRAME_CAPTURED) !== 0 ? captures.get(name) : undefined;
      calls.push({
        probe,
        outcome: "open",
        start: frame.readBigUInt64LE(gsFrame.start.offset),
        end,
        goid: goroutine.readBigUInt64LE(gsGoroutine.goid.offset),
        tgid,
        tid: 0,
        level: level++,
        stack: undefined,
        parentGoid: undefined,
        createdAt: undefined,
        bias: captured?.bias ?? 0n,
        entry: captured?.part ?? (plan.probes[probe]?.captures?.entry === undefined ? undefined : "lost"),
        return: undefined,
      });
    }
  });
  return calls;
}
