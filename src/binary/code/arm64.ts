/**
 * arm64 machine code as far as the planner needs it: where control goes. Every instruction is four bytes; whatever does
 * not branch is printed as a word (Arm Architecture Reference Manual, C4.1: branches, exception generation).
 */
import type { VirtualAddress } from "../../base/index.js";
import { hex } from "../../base/index.js";
import {
  CALL,
  CONDITIONAL_JUMP,
  type DecodedCode,
  INDEXED_JUMP,
  INDIRECT_CALL,
  INDIRECT_JUMP,
  type InstructionSet,
  JUMP,
  OTHER,
  RETURN,
  TRAP,
} from "./instruction.js";

const CONDITIONS = ["eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le", "al", "nv"];

interface Branch {
  readonly kind: number;
  readonly mnemonic: string;
  /** In bytes, from the instruction; undefined when a register holds the target. */
  readonly displacement: number | undefined;
  /** Operands before the target. */
  readonly operands: string;
}

/** A signed field of `width` bits at bit `low`, in words, as bytes. */
const wordsAt = (word: number, low: number, width: number): number =>
  ((word << (32 - low - width)) >> (32 - width)) * 4;

const register = (word: number, wide: boolean): string => {
  const number = word & 31;
  return number === 31 ? (wide ? "xzr" : "wzr") : `${wide ? "x" : "w"}${number}`;
};

function branchOf(word: number): Branch | undefined {
  if (word >>> 26 === 0b000101) {
    return { kind: JUMP, mnemonic: "b", displacement: wordsAt(word, 0, 26), operands: "" };
  }
  if (word >>> 26 === 0b100101) {
    return { kind: CALL, mnemonic: "bl", displacement: wordsAt(word, 0, 26), operands: "" };
  }
  if (word >>> 24 === 0x54) {
    const mnemonic = `b.${CONDITIONS[word & 15]}`;
    return { kind: CONDITIONAL_JUMP, mnemonic, displacement: wordsAt(word, 5, 19), operands: "" };
  }
  const wide = word >>> 31 === 1;
  if (((word >>> 25) & 0x3f) === 0b011010) {
    const mnemonic = (word >>> 24) & 1 ? "cbnz" : "cbz";
    const operands = `${register(word, wide)}, `;
    return { kind: CONDITIONAL_JUMP, mnemonic, displacement: wordsAt(word, 5, 19), operands };
  }
  if (((word >>> 25) & 0x3f) === 0b011011) {
    const mnemonic = (word >>> 24) & 1 ? "tbnz" : "tbz";
    const bit = ((word >>> 31) << 5) | ((word >>> 19) & 31);
    const operands = `${register(word, wide)}, #${bit}, `;
    return { kind: CONDITIONAL_JUMP, mnemonic, displacement: wordsAt(word, 5, 14), operands };
  }
  const indirect = { displacement: undefined, operands: register(word >>> 5, true) };
  switch ((word & 0xfffffc1f) >>> 0) {
    case 0xd61f0000:
      return { kind: INDIRECT_JUMP, mnemonic: "br", ...indirect };
    case 0xd63f0000:
      return { kind: INDIRECT_CALL, mnemonic: "blr", ...indirect };
    case 0xd65f0000:
      return { kind: RETURN, mnemonic: "ret", ...indirect };
    default:
      return undefined;
  }
}

/** `brk`, `udf` and `hlt`: what a compiler puts where control must not arrive. */
const isTrap = (word: number): boolean =>
  (word & 0xffe0001f) >>> 0 === 0xd4200000 || word >>> 16 === 0 || (word & 0xffe0001f) >>> 0 === 0xd4400000;

/** True when `load` is `ldr xN, [xA, xB, lsl #3]` and `jump` is `br xN`. */
const loadsFromTable = (load: number, jump: number): boolean =>
  (load & 0xffe0fc00) >>> 0 === 0xf8607800 && (load & 31) === ((jump >>> 5) & 31);

function decode(bytes: Buffer, address: VirtualAddress, most = Number.POSITIVE_INFINITY): DecodedCode | undefined {
  if (bytes.length % 4 !== 0) return undefined;
  let count = Math.min(bytes.length / 4, most);
  // Padding between functions is zeros, or the architecture's undefined instruction.
  while (count > 0 && bytes.readUInt32LE(4 * (count - 1)) === 0) count--;
  const offsets = new Uint32Array(count + 1);
  const kinds = new Uint8Array(count);
  const targets = new Float64Array(count);
  for (let index = 0; index < count; index++) {
    const word = bytes.readUInt32LE(4 * index);
    const branch = branchOf(word);
    offsets[index] = 4 * index;
    kinds[index] = branch?.kind ?? (isTrap(word) ? TRAP : OTHER);
    if (branch?.kind === INDIRECT_JUMP && index > 0 && loadsFromTable(bytes.readUInt32LE(4 * index - 4), word)) {
      kinds[index] = INDEXED_JUMP;
    }
    if (branch?.displacement !== undefined) targets[index] = 4 * index + branch.displacement;
  }
  offsets[count] = 4 * count;
  return { address, bytes: bytes.subarray(0, 4 * count), count, offsets, kinds, targets };
}

function format(bytes: Buffer, address: VirtualAddress): string {
  const word = bytes.readUInt32LE(0);
  const branch = branchOf(word);
  if (branch === undefined) return word === 0xd503201f ? "nop" : `.inst 0x${word.toString(16).padStart(8, "0")}`;
  if (branch.kind === RETURN && ((word >>> 5) & 31) === 30) return "ret";
  const target = branch.displacement === undefined ? "" : hex(address + branch.displacement);
  return `${branch.mnemonic} ${branch.operands}${target}`;
}

export const ARM64: InstructionSet = { decode, format };
