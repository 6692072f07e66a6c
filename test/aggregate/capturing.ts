/** Captured parts as the kernel would have filled them, slot by slot. */
import type { CapturedNames, CapturedPart, CaptureOutcome, Slot } from "../../src/aggregate/index.js";

/** A program's names as a test would have them. */
export const NAMES: CapturedNames = {
  typeName: (address, table) =>
    new Map([
      [0x4a_0000, "int"],
      [0x4a_0100, "*main.Pair"],
      [0x4b_0000, "*errors.errorString"],
    ]).get(address - (table ? 0x1_0000 : 0)),
  functionName: (address) => (address === 0x40_1000 ? "main.Double" : undefined),
};

/** Fills slots one after the other, and says which they were. */
export class PartBuilder {
  private readonly words: bigint[] = [];
  private readonly outcomes: (CaptureOutcome | undefined)[] = [];
  private readonly tail: Buffer[] = [];
  private tailBytes = 0;

  word(value: bigint, outcome: CaptureOutcome = "read"): Slot {
    this.outcomes.push(outcome);
    return this.words.push(BigInt.asUintN(64, value)) - 1;
  }

  /** A slot that the code never came to. */
  nothing(): Slot {
    this.outcomes.push(undefined);
    return this.words.push(0n) - 1;
  }

  /** A GS_KEEP_BYTES slot and its length; `kept` bytes of it are in the tail. */
  bytes(value: string | Buffer, kept?: number): Slot {
    const all = Buffer.from(value);
    const there = all.subarray(0, kept ?? all.length);
    const slot = this.word(
      BigInt(this.tailBytes) | (BigInt(there.length) << 32n),
      there.length < all.length ? "cut" : "read",
    );
    this.word(BigInt(all.length));
    this.tail.push(there);
    this.tailBytes += there.length;
    return slot;
  }

  part(): CapturedPart {
    return { words: this.words, outcomes: this.outcomes, tail: Buffer.concat(this.tail) };
  }
}
