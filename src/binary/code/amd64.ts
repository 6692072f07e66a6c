/** amd64 machine code, decoded by iced-x86. */
import type { VirtualAddress } from "../../base/index.js";
import { hex } from "../../base/index.js";
import { ICED, icedDecoder } from "./iced.js";
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

const INT3 = 0xcc;

const CONDITIONS = ["o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"] as const;
const REGISTERS = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"] as const;

function decode(bytes: Buffer, address: VirtualAddress): DecodedCode | undefined {
  const decoder = icedDecoder();
  const offsets = new Uint32Array(bytes.length + 1);
  const kinds = new Uint8Array(bytes.length);
  const targets = new Float64Array(bytes.length);
  decoder.start(bytes, address);
  let offset = 0;
  let count = 0;
  let fallsThrough = true;
  while (offset < bytes.length) {
    if (!fallsThrough && isPadding(bytes, offset)) break;
    if (!decoder.next()) return undefined;
    let kind = OTHER;
    const flow = decoder.flow;
    if (flow !== ICED.flow.next) {
      kind = kindOf(flow);
      if (kind === CALL && !decoder.isNearCall) kind = OTHER;
      if (kind === INDIRECT_JUMP && decoder.hasIndexedMemory) kind = INDEXED_JUMP;
      if (kind === JUMP || kind === CONDITIONAL_JUMP || kind === CALL) targets[count] = decoder.target - address;
    }
    offsets[count] = offset;
    kinds[count] = kind;
    // Behind a call there may be nothing: the callee panics and never returns.
    fallsThrough = kind === OTHER || kind === CONDITIONAL_JUMP;
    offset += decoder.length;
    count++;
  }
  offsets[count] = offset;
  return {
    address,
    bytes: bytes.subarray(0, offset),
    count,
    offsets: offsets.slice(0, count + 1),
    kinds: kinds.slice(0, count),
    targets: targets.slice(0, count),
  };
}

function isPadding(bytes: Buffer, offset: number): boolean {
  for (let at = offset; at < bytes.length; at++) if (bytes[at] !== INT3) return false;
  return true;
}

function kindOf(flow: number): number {
  switch (flow) {
    case ICED.flow.return:
      return RETURN;
    case ICED.flow.conditionalBranch:
      return CONDITIONAL_JUMP;
    case ICED.flow.unconditionalBranch:
      return JUMP;
    case ICED.flow.indirectBranch:
      return INDIRECT_JUMP;
    case ICED.flow.call:
      return CALL;
    case ICED.flow.indirectCall:
      return INDIRECT_CALL;
    case ICED.flow.interrupt:
    case ICED.flow.exception:
      return TRAP;
    default:
      return OTHER;
  }
}

/** The few instructions that nearly all sites sit on; the package's formatter takes longer to warm up than a plan. */
function formatUsual(bytes: Buffer, address: VirtualAddress): string | undefined {
  const first = bytes[0] ?? 0;
  const relative8 = () => hex(address + 2 + bytes.readInt8(1));
  if (bytes.length === 1) {
    if (first === 0xc3) return "ret";
    if (first === 0x90) return "nop";
    if (first >= 0x50 && first <= 0x57) return `push %${REGISTERS[first - 0x50]}`;
  }
  if (bytes.length === 2 && first >= 0x70 && first <= 0x7f) return `j${CONDITIONS[first - 0x70]} ${relative8()}`;
  if (bytes.length === 2 && first === 0xeb) return `jmp ${relative8()}`;
  if (bytes.length === 5 && first === 0xe9) return `jmp ${hex(address + 5 + bytes.readInt32LE(1))}`;
  if (bytes.length === 5 && first === 0xe8) return `call ${hex(address + 5 + bytes.readInt32LE(1))}`;
  const second = bytes[1] ?? 0;
  if (bytes.length === 6 && first === 0x0f && second >= 0x80 && second <= 0x8f) {
    return `j${CONDITIONS[second - 0x80]} ${hex(address + 6 + bytes.readInt32LE(2))}`;
  }
  return undefined;
}

function format(bytes: Buffer, address: VirtualAddress): string {
  return formatUsual(bytes, address) ?? formatAny(bytes, address);
}

/** The package's own text of an instruction; exported so that a test can compare the two. */
export function formatAny(bytes: Buffer, address: VirtualAddress): string {
  const decoder = icedDecoder();
  decoder.start(bytes, address);
  return decoder.next() ? decoder.format() : "(bad)";
}

export const AMD64: InstructionSet = { decode, format };
