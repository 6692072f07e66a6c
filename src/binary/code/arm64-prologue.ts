/**
 * What Go's arm64 compiler and linker write around a function body, and what Linux's uprobes make of arm64
 * instructions (arch/arm64/kernel/probes/decode-insn.c). The twin of amd64-architecture.ts.
 */

import { type Architecture, findSlowPath, type StackCheck } from "./architecture.js";
import { ARM64 } from "./arm64.js";
import { CALL, CONDITIONAL_JUMP, type DecodedCode, findInstruction, JUMP, OTHER } from "./instruction.js";

const NOP = 0xd503201f;
const BTI_MASKED = 0xd503241f;

const wordAt = (code: DecodedCode, index: number): number => code.bytes.readUInt32LE(4 * index);

const isNeutral = (word: number): boolean => word === NOP || (word & 0xffffff3f) >>> 0 === BTI_MASKED;

function countNeutral(code: DecodedCode): number {
  let index = 0;
  while (index < code.count && isNeutral(wordAt(code, index))) index++;
  return index;
}

/** A word's fixed bits and their value. */
interface WordForm {
  readonly mask: number;
  readonly value: number;
}

/** FACT(go1.17..go1.27): the guard goes to x16, the stack pointer less the frame to x17; neither holds an argument. */
const BEFORE_COMPARISON: readonly WordForm[] = [
  { mask: 0xfffffbff, value: 0xf9400b90 }, // ldr x16, [x28, #16] or #24
  { mask: 0xff8003ff, value: 0xd10003f1 }, // sub x17, sp, #N
  { mask: 0xff8003ff, value: 0x910003f1 }, // add x17, sp, #N: mov x17, sp
  { mask: 0xff8003ff, value: 0xd1000231 }, // sub x17, x17, #N: the second half of a large frame
  { mask: 0xff80001f, value: 0xd280001b }, // mov x27, #N: the size of a huge one
  { mask: 0xff80001f, value: 0xf280001b }, // movk x27, #N
  { mask: 0xff80001f, value: 0x9280001b }, // mov x27, #~N
  { mask: 0xff80001f, value: 0xb200001b }, // orr x27, xzr, #N
  { mask: 0xffffffff, value: 0xeb3b63f1 }, // subs x17, sp, x27
  { mask: 0xffffffff, value: 0xeb1b0231 }, // subs x17, x17, x27
];

const COMPARISONS = new Set([
  0xeb3063ff, // cmp sp, x16
  0xeb10023f, // cmp x17, x16
]);

const LO = 3;
const LS = 9;

const condition = (code: DecodedCode, index: number): number | undefined =>
  code.kinds[index] === CONDITIONAL_JUMP && wordAt(code, index) >>> 24 === 0x54 ? wordAt(code, index) & 15 : undefined;

// LIMIT: instructions of a stack check, the longest known form twice over.
const CHECK_INSTRUCTIONS = 16;

function findStackCheck(code: DecodedCode, growsStack: (target: number) => boolean): StackCheck | undefined {
  const start = countNeutral(code);
  let underflow: number | undefined;
  let compared = false;
  for (let index = start; index < Math.min(code.count, start + CHECK_INSTRUCTIONS); index++) {
    const word = wordAt(code, index);
    if (compared) {
      const target = code.targets[index];
      if (condition(code, index) !== LS || target === undefined) return undefined;
      if (underflow !== undefined && underflow !== target) return undefined;
      const slow = findInstruction(code, target);
      if (slow === undefined || slow <= index) return undefined;
      const kinds = { other: OTHER, call: CALL, jump: JUMP };
      const path = findSlowPath(code, slow, 4 * start, kinds, growsStack);
      return path && { jump: index, ...path };
    }
    if (COMPARISONS.has(word)) compared = true;
    else if (condition(code, index) === LO && underflow === undefined) underflow = code.targets[index];
    else if (!BEFORE_COMPARISON.some((form) => (word & form.mask) >>> 0 === form.value)) return undefined;
  }
  return undefined;
}

/** Exclusive accesses would never succeed when stepped out of line; ordered ones and compare-and-swap are none of them. */
const isExclusive = (word: number): boolean => (word & 0x3f800000) >>> 0 === 0x08000000;

const isSystem = (word: number): boolean => word >>> 24 === 0xd4 || (word >>> 22 === 0x354 && word !== NOP);

/** Branches, `adr`, `adrp` and loads of literals, whose result depends on where they stand, and `nop`. */
const isEmulatedWord = (word: number): boolean =>
  (word & 0x7c000000) >>> 0 === 0x14000000 ||
  word >>> 24 === 0x54 ||
  (word & 0x7c000000) >>> 0 === 0x34000000 ||
  (word & 0xff9ffc1f) >>> 0 === 0xd61f0000 ||
  (word & 0xfffffc1f) >>> 0 === 0xd65f0000 ||
  (word & 0x1f000000) >>> 0 === 0x10000000 ||
  (word & 0x3b000000) >>> 0 === 0x18000000 ||
  isNeutral(word);

export const ARM64_ARCHITECTURE: Architecture = {
  instructions: ARM64,
  padding: 0,
  countNeutral,
  findStackCheck,
  isFramePush: () => false,
  uprobeObjection: (bytes) => {
    const word = bytes.readUInt32LE(0);
    if (isExclusive(word)) return "it is an exclusive access";
    return isSystem(word) && !isNeutral(word) ? "it is a system instruction" : undefined;
  },
  isEmulated: (bytes) => isEmulatedWord(bytes.readUInt32LE(0)),
  isNop: (bytes) => bytes.readUInt32LE(0) === NOP,
  // Places in the middle of a function are not looked for on this machine: nothing is claimed.
  makesFrame: () => false,
  effectOf: () => "other",
  findJumpTable: () => undefined,
};
