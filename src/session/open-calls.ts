/** Calls that have not ended, from the records of their goroutines. */
import {
  gsCapture,
  gsFrame,
  gsFrameFlag,
  gsFrameKey,
  gsGoroutine,
  gsGoroutineKey,
  gsLimits,
  gsScope,
} from "../abi/index.js";
import type { CapturedPart, EventRecord } from "../aggregate/index.js";
import { forEachElement } from "../bpf/index.js";
import type { ProbePlan } from "../probes/index.js";
import { parsePart } from "./events.js";
import type { CallPrograms } from "./programs.js";
import { imageBaseOf } from "./wire.js";

interface Field {
  readonly offset: number;
}

/** Of the nest that a struct gs_goroutine_key or gs_frame_key is of. */
export const nestName = (
  key: Buffer,
  { g, tgid, scope }: { readonly g: Field; readonly tgid: Field; readonly scope: Field },
): string => `${key.readBigUInt64LE(g.offset)} ${key.readUInt32LE(tgid.offset)} ${key.readUInt32LE(scope.offset)}`;

/** Whether a struct gs_goroutine_key is of a thread: `g` is its id. */
export function isOfThread(key: Buffer, plan: ProbePlan): boolean {
  const scope = key.readUInt32LE(gsGoroutineKey.scope.offset);
  if (scope === gsScope.GS_SCOPE_ACCOUNT) return true;
  return scope > 0 && plan.probes[scope - 1]?.identity === "thread";
}

const frameName = (nest: string, index: number): string => `${nest} ${index}`;

/** Of a struct gs_frame_key. */
const nameOf = (key: Buffer): string => frameName(nestName(key, gsFrameKey), key.readUInt32LE(gsFrameKey.index.offset));

/** What was captured at the entry of a call that is still open. */
interface Capture {
  readonly part: CapturedPart | undefined;
  /** The bias of its process plus the base of its image. */
  readonly image: bigint;
}

/** By `frameName`. */
function readCaptures(programs: CallPrograms): Map<string, Capture> {
  const captures = new Map<string, Capture>();
  forEachElement(programs.maps.captures, (key, value) => {
    const { buffer, byteOffset, byteLength } = value(0);
    const bytes = new DataView(buffer, byteOffset, byteLength);
    const slots = bytes.getUint16(gsCapture.slots.offset, true);
    const tail = bytes.getUint16(gsCapture.tail.offset, true);
    captures.set(nameOf(key), {
      part: parsePart(bytes, gsCapture.size, slots, tail),
      image: bytes.getBigUint64(gsCapture.image.offset, true),
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
 * The calls of these nests that are open now, `end` of CLOCK_MONOTONIC, and that their condition has not left out:
 * goroutine by goroutine, outermost first. Where their process's image lies is known of those of which something was
 * captured: others hold no addresses.
 */
export function readOpenCalls(
  programs: CallPrograms,
  plan: ProbePlan,
  end: bigint,
  concerns: (nest: string) => boolean = () => true,
): EventRecord[] {
  const captures = readCaptures(programs);
  const deep = readDeepFrames(programs);
  const calls: EventRecord[] = [];
  forEachElement(programs.maps.goroutines, (key, value) => {
    const tgid = key.readUInt32LE(gsGoroutineKey.tgid.offset);
    const nest = nestName(key, gsGoroutineKey);
    if (!concerns(nest)) return;
    const goroutine = value(0);
    const tid = isOfThread(key, plan) ? Number(key.readBigUInt64LE(gsGoroutineKey.g.offset)) : 0;
    const open = goroutine.readUInt32LE(gsGoroutine.open.offset);
    const spent = goroutine.readBigUInt64LE(gsGoroutine.spent.offset);
    let level = 0;
    for (let index = 0; index < open; index++) {
      const name = frameName(nest, index);
      const at = gsGoroutine.frames.offset + index * gsGoroutine.frames.stride;
      const frame = index < gsLimits.GS_INLINE_FRAMES ? goroutine.subarray(at, at + gsFrame.size) : deep.get(name);
      if (frame === undefined) continue;
      const flags = frame.readUInt32LE(gsFrame.flags.offset);
      if ((flags & gsFrameFlag.GS_FRAME_FILTERED) !== 0) continue;
      const probe = frame.readUInt32LE(gsFrame.probe.offset);
      const start = frame.readBigUInt64LE(gsFrame.start.offset);
      // Both are 0 where it is not taken off.
      const probeTime = BigInt.asUintN(64, spent - frame.readBigUInt64LE(gsFrame.value.offset));
      const captured = (flags & gsFrameFlag.GS_FRAME_CAPTURED) !== 0 ? captures.get(name) : undefined;
      calls.push({
        probe,
        outcome: "open",
        start,
        end: end - start > probeTime ? end - probeTime : start,
        goid: goroutine.readBigUInt64LE(gsGoroutine.goid.offset),
        tgid,
        tid,
        level: level++,
        stack: undefined,
        parentGoid: undefined,
        createdAt: undefined,
        bias: captured === undefined ? 0n : captured.image - BigInt(imageBaseOf(plan, plan.probes[probe])),
        entry: captured?.part ?? (plan.probes[probe]?.captures?.entry === undefined ? undefined : "lost"),
        return: undefined,
      });
    }
  });
  return calls;
}
