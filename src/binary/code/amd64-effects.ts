/**
 * What amd64 instructions do to memory, and where the tables of Go's indexed jumps lie. Follows the opcode maps of the
 * Intel manual, volume 2, appendix A; of an encoding that is not known nothing is claimed.
 */
import type { VirtualAddress } from "../../base/index.js";
import type { InstructionEffect } from "./control-flow.js";
import { type DecodedCode, INDEXED_JUMP } from "./instruction.js";

interface Operation {
  readonly escaped: boolean;
  readonly opcode: number;
  /** Undefined where the instruction ends before it. */
  readonly modrm: number | undefined;
  readonly sib: number | undefined;
}

const LEGACY_PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3]);

function operationOf(bytes: Buffer): Operation {
  let at = 0;
  while (LEGACY_PREFIXES.has(bytes[at] ?? 0)) at++;
  if ((bytes[at] ?? 0) >> 4 === 4) at++;
  const escaped = bytes[at] === 0x0f;
  if (escaped) at++;
  return { escaped, opcode: bytes[at] ?? 0, modrm: bytes[at + 1], sib: bytes[at + 2] };
}

/** `static`: at an address in the instruction. `stack`: at an offset from RSP. */
function operandOf({ modrm, sib }: Operation): "none" | "stack" | "static" | "pointer" {
  if (modrm === undefined || modrm >= 0xc0) return "none";
  if ((modrm & 0xc7) === 0x05) return "static";
  return (modrm & 7) === 4 && ((sib ?? 0) & 7) === 4 ? "stack" : "pointer";
}

/** Whether an operation writes its memory operand, which it has. */
function writes({ escaped, opcode, modrm = 0 }: Operation): boolean {
  const register = (modrm >> 3) & 7;
  if (escaped) {
    return [0x11, 0x13, 0x17, 0x29, 0x7f, 0xb0, 0xb1, 0xc0, 0xc1, 0xd6, 0xe7].includes(opcode);
  }
  if (opcode < 0x38) return (opcode & 7) < 2;
  switch (opcode) {
    case 0x80:
    case 0x81:
    case 0x83:
      return register !== 7;
    case 0x86:
    case 0x87:
    case 0x88:
    case 0x89:
    case 0xc6:
    case 0xc7:
    case 0xc0:
    case 0xc1:
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
      return true;
    case 0xf6:
    case 0xf7:
      return register === 2 || register === 3;
    case 0xfe:
    case 0xff:
      return register < 2;
    default:
      return false;
  }
}

/**
 * Whether an operation that has a memory operand, and does not write it, does nothing but read it. One that calculates too may
 * be made of a calculation and a load that stood somewhere else, and have the line of either.
 */
function reads({ escaped, opcode }: Operation): boolean {
  if (escaped) return [0x10, 0x28, 0x6f, 0x7e, 0xb6, 0xb7, 0xbe, 0xbf].includes(opcode);
  // 0x84 is the test of a byte, which is how nil is checked for.
  return [0x63, 0x84, 0x8a, 0x8b].includes(opcode);
}

/** False for an operation that is known not to read or write memory by a pointer. */
function mayAccess(operation: Operation): boolean {
  const { escaped, opcode } = operation;
  // Behind these bytes of the opcode map, and VEX and EVEX, operands are encoded in other ways.
  if (escaped ? opcode === 0x38 || opcode === 0x3a : [0xc4, 0xc5, 0x62].includes(opcode)) return true;
  // Strings are pointed to without an operand that says so.
  if (!escaped && ((opcode >= 0xa4 && opcode <= 0xa7) || (opcode >= 0xaa && opcode <= 0xaf))) return true;
  // An address that is calculated, and a NOP of many bytes.
  if (escaped ? opcode === 0x1f : opcode === 0x8d) return false;
  return operandOf(operation) === "pointer";
}

/** See ControlFlow.effectOf, which has asked for jumps and calls already. RSP-relative memory is the compiler's own. */
export function effectOf(bytes: Buffer): InstructionEffect {
  const operation = operationOf(bytes);
  const operand = operandOf(operation);
  // Constants are read at static addresses, but nothing is written to them.
  if ((operand === "pointer" || operand === "static") && writes(operation)) return "pinned";
  if (operand === "pointer" && reads(operation)) return "load";
  return mayAccess(operation) ? "access" : "other";
}

// LIMIT: instructions between loading a table's address and the jump.
const MAX_DISTANCE = 8;

/** FACT(go1.19..go1.27): a switch loads its table's address, `lea table(%rip),%rX`, and jumps to `*(%rX,%rY,8)`. */
export function findJumpTable(code: DecodedCode, jump: number): VirtualAddress | undefined {
  if (code.kinds[jump] !== INDEXED_JUMP) return undefined;
  const bytes = code.bytes.subarray(code.offsets[jump], code.offsets[jump + 1]);
  const rex = (bytes[0] ?? 0) >> 4 === 4 ? (bytes[0] ?? 0) : 0;
  const at = rex === 0 ? 0 : 1;
  const [modrm, sib] = [bytes[at + 1] ?? 0, bytes[at + 2] ?? 0];
  // Without a displacement, scaled by 8.
  if (bytes[at] !== 0xff || modrm !== 0x24 || sib >> 6 !== 3 || (sib & 7) === 5) return undefined;
  const base = (sib & 7) | ((rex & 1) << 3);
  for (let index = jump - 1; index >= Math.max(0, jump - MAX_DISTANCE); index--) {
    const start = code.offsets[index] ?? 0;
    const end = code.offsets[index + 1] ?? 0;
    const [first = 0, opcode, operand = 0] = code.bytes.subarray(start, end);
    if (end - start !== 7 || (first & 0xfb) !== 0x48 || opcode !== 0x8d || (operand & 0xc7) !== 5) continue;
    if ((((operand >> 3) & 7) | ((first & 4) << 1)) !== base) continue;
    return (code.address + end + code.bytes.readInt32LE(end - 4)) as VirtualAddress;
  }
  return undefined;
}
