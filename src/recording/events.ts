/**
 * Events as bytes, since a traced run has millions: fixed fields, then what the flags say is there. Little-endian.
 *
 *     u32 probe   u8 outcome  u8 flags  u16 0   u32 level   u32 tgid   u32 tid
 *     u64 start   u64 end   u64 goid   s64 bias
 *     [u64 stack]   [u64 parent's goid]   [f64 created at]   [part of the entry]   [part of the return]
 *
 * A part: u16 slots, u16 0, u32 bytes of the tail, `slots` words, `slots` bytes of outcomes (0: not reached), the tail.
 */
import type { CapturedPart, CaptureOutcome, EventRecord } from "../aggregate/index.js";
import { Cursor, invariant } from "../base/index.js";
import { READ_STATUSES } from "./read-statuses.js";

const OUTCOMES: readonly EventRecord["outcome"][] = ["return", "panic", "goexit", "open", "passed"];
const READS: readonly (CaptureOutcome | undefined)[] = [undefined, ...READ_STATUSES];
const OUTCOME_CODES = new Map(OUTCOMES.map((outcome, code) => [outcome, code]));
const READ_CODES = new Map(READS.map((read, code) => [read, code]));

/** What follows the fixed fields, in this order; of an entry that is lost nothing does. */
const STACK = 1;
const PARENT = 2;
const CREATED_AT = 4;
const ENTRY = 8;
const ENTRY_LOST = 16;
const RETURN = 32;

const FIXED_BYTES = 52;
const PART_BYTES = 8;
/** LIMIT: events of one section. */
const SECTION_BYTES = 1 << 20;

const codeOf = <T>(codes: ReadonlyMap<T, number>, key: T): number => {
  const code = codes.get(key);
  invariant(code !== undefined, `no code for ${String(key)}`);
  return code;
};

const isPart = (part: EventRecord["entry"]): part is CapturedPart => part !== undefined && part !== "lost";

const bytesOf = (part: EventRecord["entry"]): number =>
  isPart(part) ? PART_BYTES + 9 * part.words.length + part.tail.length : 0;

/** Gathers events until they are worth a section. */
export class EventBuffer {
  private bytes = Buffer.allocUnsafe(SECTION_BYTES);
  private used = 0;

  get isEmpty(): boolean {
    return this.used === 0;
  }

  /** False when there is no room for it before what is there is taken. */
  add(event: EventRecord): boolean {
    const needed = FIXED_BYTES + 24 + bytesOf(event.entry) + bytesOf(event.return);
    if (this.used + needed > this.bytes.length) {
      if (this.used > 0) return false;
      this.bytes = Buffer.allocUnsafe(needed);
    }
    this.write(event);
    return true;
  }

  /** Valid until the next `add`. */
  take(): Buffer {
    const taken = this.bytes.subarray(0, this.used);
    this.used = 0;
    return taken;
  }

  private write(event: EventRecord): void {
    const { stack, parentGoid, createdAt, entry } = event;
    const flags =
      (stack === undefined ? 0 : STACK) |
      (parentGoid === undefined ? 0 : PARENT) |
      (createdAt === undefined ? 0 : CREATED_AT) |
      (isPart(entry) ? ENTRY : entry === "lost" ? ENTRY_LOST : 0) |
      (event.return === undefined ? 0 : RETURN);
    this.u32(event.probe);
    this.u32(codeOf(OUTCOME_CODES, event.outcome) | (flags << 8));
    this.u32(event.level);
    this.u32(event.tgid);
    this.u32(event.tid);
    for (const word of [event.start, event.end, event.goid, event.bias]) this.u64(word);
    for (const word of [stack, parentGoid]) if (word !== undefined) this.u64(word);
    if (createdAt !== undefined) this.used = this.bytes.writeDoubleLE(createdAt, this.used);
    for (const part of [entry, event.return]) if (isPart(part)) this.part(part);
  }

  private part({ words, outcomes, tail }: CapturedPart): void {
    this.u32(words.length);
    this.u32(tail.length);
    for (const word of words) this.u64(word);
    for (let slot = 0; slot < words.length; slot++) this.bytes[this.used++] = codeOf(READ_CODES, outcomes[slot]);
    this.used += tail.copy(this.bytes, this.used);
  }

  private u32(value: number): void {
    this.used = this.bytes.writeUInt32LE(value >>> 0, this.used);
  }

  private u64(value: bigint): void {
    this.used = this.bytes.writeBigUInt64LE(BigInt.asUintN(64, value), this.used);
  }
}

/** The events of one section, in their order. Throws a FormatError for any other bytes. */
export function parseEvents(bytes: Buffer, structure: string, probes: number): readonly EventRecord[] {
  const cursor = new Cursor(bytes, structure);
  const events: EventRecord[] = [];
  while (!cursor.atEnd) events.push(parseEvent(cursor, probes));
  return events;
}

function parseEvent(cursor: Cursor, probes: number): EventRecord {
  const probe = cursor.u32();
  if (probe >= probes) cursor.fail(`probe ${probe} of ${probes}`);
  const outcome = OUTCOMES[cursor.u8()] ?? cursor.fail("no such outcome");
  const flags = cursor.u8();
  const has = (flag: number): boolean => (flags & flag) !== 0;
  cursor.skip(2);
  const [level, tgid, tid] = [cursor.u32(), cursor.u32(), cursor.u32()];
  const [start, end, goid, bias] = [cursor.u64(), cursor.u64(), cursor.u64(), cursor.i64()];
  if (end < start) cursor.fail("ends before it begins");
  return {
    probe,
    outcome,
    start,
    end,
    goid,
    tgid,
    tid,
    level,
    bias,
    stack: has(STACK) ? cursor.u64() : undefined,
    parentGoid: has(PARENT) ? cursor.u64() : undefined,
    createdAt: has(CREATED_AT) ? parseAddress(cursor) : undefined,
    entry: has(ENTRY) ? parsePart(cursor) : has(ENTRY_LOST) ? "lost" : undefined,
    return: has(RETURN) ? parsePart(cursor) : undefined,
  };
}

function parseAddress(cursor: Cursor): number {
  const address = cursor.slice(8).readDoubleLE();
  return Number.isInteger(address) ? address : cursor.fail("no address");
}

function parsePart(cursor: Cursor): CapturedPart {
  const slots = cursor.u16();
  cursor.skip(2);
  const tailBytes = cursor.u32();
  const words = Array.from({ length: slots }, () => cursor.u64());
  const outcomes = Array.from(cursor.slice(slots), (code) => {
    if (code >= READS.length) cursor.fail(`no such outcome of a read: ${code}`);
    return READS[code];
  });
  return { words, outcomes, tail: Buffer.from(cursor.slice(tailBytes)) };
}
