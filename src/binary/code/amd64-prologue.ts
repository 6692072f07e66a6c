/**
 * What Go's amd64 compiler and linker write around a function body, and what Linux's uprobes make of amd64
 * instructions (arch/x86/kernel/uprobes.c).
 */
import { AMD64 } from "./amd64.js";
import { effectOf, findJumpTable } from "./amd64-effects.js";
import { type Architecture, findSlowPath, type StackCheck } from "./architecture.js";
import { CALL, CONDITIONAL_JUMP, type DecodedCode, findInstruction, JUMP, OTHER } from "./instruction.js";

const ENDBR64 = "f30f1efa";

/**
 * FACT(go1.12..go1.27): what may stand before a stack check's comparison. None of it touches SP or an argument:
 * the scratch registers hold no argument in either ABI, and g comes from R14 or from thread-local storage.
 */
const BEFORE_COMPARISON = [
  /^4c8d6424..$/, // lea -N(%rsp),%r12
  /^4c8da424.{8}$/,
  /^488d4424..$/, // lea -N(%rsp),%rax: the stack ABI
  /^488d8424.{8}$/,
  /^4989e4$/, // mov %rsp,%r12: a frame too large to subtract without a look at the carry
  /^4981ec.{8}$/, // sub $N,%r12
  /^64(?:488b0c|4c8b34)25.{8}$/, // mov %fs:-8,%rcx or %r14
  /^(?:488b0d|4c8b35).{8}$/, // mov x(%rip),%rcx or %r14: the offset, position-independent
  /^(?:48c7c1|49c7c6).{8}$/, // mov $-8,%rcx or %r14
  /^64(?:488b09|4d8b36)$/, // mov %fs:(%rcx),%rcx; mov %fs:(%r14),%r14
];

/** cmp 0x10(%r14),%rsp and its kin: RSP, R12 or RAX against g.stackguard0 or, on system stacks, g.stackguard1. */
const COMPARISON = /^(?:(?:493b66|4d3b66)|(?:483b61|4c3b61|483b41))(?:10|18)$/;

const encoded = (code: DecodedCode, index: number): string =>
  code.bytes.toString("hex", code.offsets[index], code.offsets[index + 1]);

function countNeutral(code: DecodedCode): number {
  let index = 0;
  while (index < code.count && isNeutral(encoded(code, index))) index++;
  return index;
}

const isNeutral = (bytes: string): boolean => bytes === ENDBR64 || bytes === "90";

/** The low four bits of a conditional jump's opcode: 2 is `jb`, 6 is `jbe`. */
function condition(code: DecodedCode, index: number): number | undefined {
  if (code.kinds[index] !== CONDITIONAL_JUMP) return undefined;
  const at = code.offsets[index] ?? 0;
  const first = code.bytes[at] ?? 0;
  if (first >> 4 === 7) return first & 0xf;
  const second = code.bytes[at + 1] ?? 0;
  return first === 0x0f && second >> 4 === 8 ? second & 0xf : undefined;
}

// LIMIT: instructions of a stack check, the longest known form twice over.
const CHECK_INSTRUCTIONS = 16;

function findStackCheck(code: DecodedCode, growsStack: (target: number) => boolean): StackCheck | undefined {
  const start = countNeutral(code);
  let underflow: number | undefined;
  let compared = false;
  for (let index = start; index < Math.min(code.count, start + CHECK_INSTRUCTIONS); index++) {
    const bytes = encoded(code, index);
    if (compared) {
      const target = code.targets[index];
      if (condition(code, index) !== 6 || target === undefined) return undefined;
      if (underflow !== undefined && underflow !== target) return undefined;
      const slow = findInstruction(code, target);
      if (slow === undefined || slow <= index) return undefined;
      const kinds = { other: OTHER, call: CALL, jump: JUMP };
      // The way back may lead past the neutral instructions or to them.
      const path =
        findSlowPath(code, slow, code.offsets[start] ?? 0, kinds, growsStack) ??
        findSlowPath(code, slow, 0, kinds, growsStack);
      return path && { jump: index, ...path };
    }
    if (COMPARISON.test(bytes)) compared = true;
    else if (condition(code, index) === 2 && underflow === undefined) underflow = code.targets[index];
    else if (!BEFORE_COMPARISON.some((form) => form.test(bytes))) return undefined;
  }
  return undefined;
}

const PUSH_RBP = 0x55;

const NOP = 0x90;

/** FACT(go1.12..go1.27): up to go1.20 room is made first and the frame pointer saved in it, later it is pushed. */
const FRAME_SETUP = [
  /^55$/, // push %rbp
  /^4889e5$/, // mov %rsp,%rbp
  /^48(?:83ec..|81ec.{8})$/, // sub $N,%rsp
  /^4883c480$/, // add $-128,%rsp
  /^4889(?:6c24..|ac24.{8}|2c24)$/, // mov %rbp,N(%rsp)
  /^488d(?:6c24..|ac24.{8}|2c24)$/, // lea N(%rsp),%rbp
];

/** Where the opcode begins, and the prefixes before it. */
function splitPrefixes(bytes: Buffer): { readonly prefixes: readonly number[]; readonly opcode: number } {
  const prefixes: number[] = [];
  let opcode = 0;
  for (; opcode < bytes.length; opcode++) {
    const byte = bytes[opcode] ?? 0;
    const legacy = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3].includes(byte);
    const rex = byte >> 4 === 4;
    if (!legacy && !rex) break;
    prefixes.push(byte);
    if (rex) {
      opcode++;
      break;
    }
  }
  return { prefixes, opcode };
}

/** One-byte opcodes that `good_insns_64` leaves out: port access, traps, segment loads, halts, what 64-bit mode lacks. */
const BAD_OPCODES = new Set([
  0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x60, 0x61, 0x62, 0x6c, 0x6d, 0x6e, 0x6f, 0x82,
  0x9a, 0xcc, 0xcd, 0xce, 0xcf, 0xd4, 0xd5, 0xd6, 0xe4, 0xe5, 0xe6, 0xe7, 0xea, 0xec, 0xed, 0xee, 0xef, 0xf1, 0xf4,
  0xfa, 0xfb,
]);

/** Two-byte opcodes (0f xx) that `good_2byte_insns` leaves out: system instructions and `ud2`. */
const BAD_TWO_BYTE_OPCODES = new Set([
  0x00, 0x01, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0e, 0x0f, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25,
  0x26, 0x27, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x39, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x78, 0x79, 0x7a,
  0x7b, 0xa6, 0xa7, 0xb8, 0xff,
]);

/** Prefixes that uprobes refuse: ES, CS, SS, DS and LOCK. */
const BAD_PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0xf0]);

function uprobeObjection(bytes: Buffer): string | undefined {
  const { prefixes, opcode } = splitPrefixes(bytes);
  if (prefixes.some((prefix) => BAD_PREFIXES.has(prefix))) return "it has a lock or segment prefix";
  const first = bytes[opcode] ?? 0;
  const second = bytes[opcode + 1] ?? 0;
  const bad = first === 0x0f ? BAD_TWO_BYTE_OPCODES.has(second) : BAD_OPCODES.has(first);
  if (bad) return "its opcode is not among those that uprobes take";
  // The kernel emulates branches and pushes, but not with 16-bit operands.
  if (prefixes.includes(0x66) && isBranchOrPush(first, second)) return "it is a branch with a 16-bit operand";
  return undefined;
}

const isBranchOrPush = (first: number, second: number): boolean =>
  (first >= 0x50 && first <= 0x57) ||
  first >> 4 === 7 ||
  first === 0xe8 ||
  first === 0xe9 ||
  first === 0xeb ||
  (first === 0x0f && second >> 4 === 8);

function isEmulated(bytes: Buffer): boolean {
  const { prefixes, opcode } = splitPrefixes(bytes);
  if (prefixes.includes(0x66)) return false;
  const first = bytes[opcode] ?? 0;
  return first === 0x90 || isBranchOrPush(first, bytes[opcode + 1] ?? 0);
}

export const AMD64_ARCHITECTURE: Architecture = {
  instructions: AMD64,
  padding: 0xcc,
  countNeutral,
  findStackCheck,
  isFramePush: (bytes) => bytes.length === 1 && bytes[0] === PUSH_RBP,
  uprobeObjection,
  isEmulated,
  isNop: (bytes) => bytes.length === 1 && bytes[0] === NOP,
  makesFrame: (bytes) => FRAME_SETUP.some((form) => form.test(bytes.toString("hex"))),
  effectOf,
  findJumpTable,
};
