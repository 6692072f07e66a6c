/** Calls that have not ended, from the records of their goroutines. */
import { gsCapture, gsFrame, gsFrameFlag, gsFrameKey, gsGoroutine, gsGoroutineKey, gsLimits } from "../abi/index.js";
import type { CapturedPart, EventRecord } from "../aggregate/index.js";
import { forEachElement } from "../bpf/index.js";
import type { ProbePlan } from "../probes/index.js";
import { parsePart } from "./events.js";
import type { CallPrograms } from "./programs.js";
import { imageBaseOf } from "./wire.js";

const frameName = (g: bigint, tgid: number, scope: number, index: number): string => `${g} ${tgid} ${scope} ${index}`;

/** Of a struct gs_frame_key. */
const nameOf = (key: Buffer): string =>
  frameName(
    key.readBigUInt64LE(gsFrameKey.g.offset),
    key.readUInt32LE(gsFrameKey.tgid.offset),
    key.readUInt32LE(gsFrameKey.scope.offset),
    key.readUInt32LE(gsFrameKey.index.offset),
  );

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
 * The calls of these processes that are open now, `end` of CLOCK_MONOTONIC, and that their condition has not left out:
 * goroutine by goroutine, outermost first. Where their process's image lies is known of those of which something was
 * captured: others hold no addresses.
 */
export function readOpenCalls(
  programs: CallPrograms,
  plan: ProbePlan,
  end: bigint,
  concerns: (tgid: number) => boolean = () => true,
): EventRecord[] {
  const captures = readCaptures(programs);
  const deep = readDeepFrames(programs);
  const calls: EventRecord[] = [];
  forEachElement(programs.maps.goroutines, (key, value) => {
    const g = key.readBigUInt64LE(gsGoroutineKey.g.offset);
    const tgid = key.readUInt32LE(gsGoroutineKey.tgid.offset);
    const scope = key.readUInt32LE(gsGoroutineKey.scope.offset);
    if (!concerns(tgid)) return;
    const goroutine = value(0);
    const open = goroutine.readUInt32LE(gsGoroutine.open.offset);
    let level = 0;
    for (let index = 0; index < open; index++) {
      const name = frameName(g, tgid, scope, index);
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
        bias: captured === undefined ? 0n : captured.image - BigInt(imageBaseOf(plan, plan.probes[probe])),
        entry: captured?.part ?? (plan.probes[probe]?.captures?.entry === undefined ? undefined : "lost"),
        return: undefined,
      });
    }
  });
  return calls;
}
