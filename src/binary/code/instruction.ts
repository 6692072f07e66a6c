/** The words in which decoded machine code is spoken of, the same for every architecture. */
import type { Outcome, VirtualAddress } from "../../base/index.js";
import { found, refused } from "../../base/index.js";

/**
 * How an instruction passes control on. `indexed-jump` goes through a table of addresses (a Go `switch`) and stays in
 * the function; `indirect-jump` goes wherever a register or a word in memory says.
 */
export type InstructionKind =
  | "return"
  | "conditional-jump"
  | "jump"
  | "indexed-jump"
  | "indirect-jump"
  | "call"
  | "indirect-call"
  | "trap"
  | "other";

export interface Instruction {
  readonly address: VirtualAddress;
  readonly bytes: Buffer;
  readonly kind: InstructionKind;
  /** Of a direct jump or call. */
  readonly target: VirtualAddress | undefined;
  /** GNU syntax: `jbe 0x4a1c40`. */
  readonly text: string;
}

/** Small numbers for `InstructionKind`, so that a function's instructions fit in typed arrays. */
export const KINDS = [
  "other",
  "return",
  "conditional-jump",
  "jump",
  "indexed-jump",
  "indirect-jump",
  "call",
  "indirect-call",
  "trap",
] as const satisfies readonly InstructionKind[];

export const OTHER = 0;
export const RETURN = 1;
export const CONDITIONAL_JUMP = 2;
export const JUMP = 3;
export const INDEXED_JUMP = 4;
export const INDIRECT_JUMP = 5;
export const CALL = 6;
export const INDIRECT_CALL = 7;
export const TRAP = 8;

/**
 * One function's instructions as parallel arrays, in address order: a large binary has millions, and an object for
 * each would cost more than decoding it. The arrays may be longer than `count`, and hold until the next decoding.
 */
export interface DecodedCode {
  readonly address: VirtualAddress;
  /** The instructions' bytes; padding behind the last one is cut off. */
  readonly bytes: Buffer;
  readonly count: number;
  /** Byte offset of each instruction; entry `count` is the end. */
  readonly offsets: Uint32Array;
  /** Index into `KINDS`. */
  readonly kinds: Uint8Array;
  /** Where a direct jump or call goes, relative to `address`; 0 for everything else. */
  readonly targets: Float64Array;
}

/** An instruction set: bytes to instructions. */
export interface InstructionSet {
  /** Undefined when the bytes are not instructions from end to end; with `most`, the first so many of them. */
  decode(bytes: Buffer, address: VirtualAddress, most?: number): DecodedCode | undefined;
  /** One instruction in GNU syntax. */
  format(bytes: Buffer, address: VirtualAddress): string;
}

/** All instructions of a function; refused: `undecodable`, also where it has none. */
export function decodeWhole(set: InstructionSet, bytes: Buffer, address: VirtualAddress): Outcome<DecodedCode> {
  const code = set.decode(bytes, address);
  return code === undefined || code.count === 0
    ? refused("undecodable", "its bytes are not instructions from end to end")
    : found(code);
}

/** The instruction's bytes, shared with the function's. */
export const bytesOf = (code: DecodedCode, index: number): Buffer =>
  code.bytes.subarray(code.offsets[index], code.offsets[index + 1]);

/** Index of the instruction that begins at byte `offset`; undefined when none does. */
export function findInstruction(code: DecodedCode, offset: number): number | undefined {
  let low = 0;
  let high = code.count - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const at = code.offsets[middle] ?? 0;
    if (at === offset) return middle;
    if (at < offset) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}

/** A class, because a literal with a getter takes a closure each, and large programs have a hundred thousand sites. */
class DecodedInstruction implements Instruction {
  readonly address: VirtualAddress;
  readonly bytes: Buffer;
  readonly kind: InstructionKind;
  readonly target: VirtualAddress | undefined;
  private readonly set: InstructionSet;

  constructor(set: InstructionSet, code: DecodedCode, index: number) {
    const number = code.kinds[index] ?? OTHER;
    const direct = number === CONDITIONAL_JUMP || number === JUMP || number === CALL;
    this.address = (code.address + (code.offsets[index] ?? 0)) as VirtualAddress;
    this.bytes = Buffer.from(bytesOf(code, index));
    this.kind = KINDS[number] ?? "other";
    this.target = direct ? ((code.address + (code.targets[index] ?? 0)) as VirtualAddress) : undefined;
    this.set = set;
  }

  /** Most instructions are looked at without being shown. */
  get text(): string {
    return this.set.format(this.bytes, this.address);
  }
}

/** The instruction at an index as a value of its own. */
export const instructionAt = (set: InstructionSet, code: DecodedCode, index: number): Instruction =>
  new DecodedInstruction(set, code, index);
