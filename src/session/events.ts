/** What programs wrote into the ring buffer, as EventRecords. */
import { gsEvent, gsEventFlag, gsOutcome } from "../abi/index.js";
import type { CapturedPart, EventRecord } from "../aggregate/index.js";
import { invariant } from "../base/index.js";
import type { ProbePlan } from "../probes/index.js";
import type { RunAddresses } from "./addresses.js";
import { readStatus } from "./read-status.js";
import { imageBaseOf } from "./wire.js";

const padded = (bytes: number): number => Math.ceil(bytes / 8) * 8;

/** Bytes that a part takes in an event. */
const partSize = (slots: number, tail: number): number => 8 * slots + padded(slots) + padded(tail);

const NOTHING = Buffer.alloc(0);

/** A part that begins at `at`; undefined when it has no slots. */
export function parsePart(bytes: DataView, at: number, slots: number, tail: number): CapturedPart | undefined {
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
export function parseEvent(bytes: DataView, at: number, plan: ProbePlan, addresses: RunAddresses): EventRecord {
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
  const probe = u32(gsEvent.probe);
  const owner = plan.probes[probe];
  return {
    probe,
    outcome,
    start: u64(gsEvent.start),
    end: u64(gsEvent.end),
    goid: u64(gsEvent.goid),
    tgid: u32(gsEvent.tgid),
    tid: u32(gsEvent.tid),
    level: u32(gsEvent.level),
    stack: unlessZero(u64(gsEvent.stack)),
    parentGoid: unlessZero(u64(gsEvent.parentGoid)),
    createdAt: created === undefined ? undefined : addresses.resolve(owner?.file ?? 0, created),
    bias: u64(gsEvent.image) - BigInt(imageBaseOf(plan, owner)),
    entry: (u16(gsEvent.flags) & gsEventFlag.GS_EVENT_NO_ENTRY) !== 0 ? "lost" : entry,
    return: parsePart(bytes, returnAt, u16(gsEvent.returnSlots), u16(gsEvent.returnTail)),
  };
}
