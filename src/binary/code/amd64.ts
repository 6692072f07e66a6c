/** amd64 machine code: the usual instructions by our own tables, all others by iced-x86. */
import type { VirtualAddress } from "../../base/index.js";
import { hex } from "../../base/index.js";
import { LENGTH_BITS, LENGTH_MASK, measureUsual } from "./amd64-usual.js";
import { ICED, type IcedDecoder, icedDecoder } from "./iced.js";
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
const MAX_INSTRUCTION_BYTES = 15;

const CONDITIONS = ["o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"] as const;
const REGISTERS = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"] as const;

/** Room for the instructions of one function; every decoding uses it anew, and grows it where needed. */
let room = { offsets: new Uint32Array(0), kinds: new Uint8Array(0), targets: new Float64Array(0) };

function roomFor(byteCount: number): typeof room {
  if (room.kinds.length < byteCount) {
    const count = Math.max(byteCount, 2 * room.kinds.length, 4096);
    room = { offsets: new Uint32Array(count + 1), kinds: new Uint8Array(count), targets: new Float64Array(count) };
  }
  return room;
}

function decode(bytes: Buffer, address: VirtualAddress, most = Number.POSITIVE_INFINITY): DecodedCode | undefined {
  const { offsets, kinds, targets } = roomFor(bytes.length);
  let offset = 0;
  let count = 0;
  let fallsThrough = true;
  while (offset < bytes.length && count < most) {
    if (!fallsThrough && isPadding(bytes, offset)) break;
    const usual = measureUsual(bytes, offset);
    let kind = usual >> LENGTH_BITS;
    let length = usual & LENGTH_MASK;
    let target = 0;
    if (usual === 0) {
      const decoder = icedDecoder();
      decoder.start(bytes.subarray(offset, offset + MAX_INSTRUCTION_BYTES), address + offset);
      if (!decoder.next()) return undefined;
      kind = kindOf(decoder);
      length = decoder.length;
      if (isDirect(kind)) target = decoder.target - address;
    } else if (isDirect(kind)) {
      const end = offset + length;
      target = end + (length === 2 ? bytes.readInt8(end - 1) : bytes.readInt32LE(end - 4));
      if (address + target < 0) target += 2 ** 64;
    }
    offsets[count] = offset;
    kinds[count] = kind;
    targets[count] = target;
    // Behind a call there may be nothing: the callee panics and never returns.
    fallsThrough = kind === OTHER || kind === CONDITIONAL_JUMP;
    offset += length;
    count++;
  }
  offsets[count] = offset;
  return { address, bytes: bytes.subarray(0, offset), count, offsets, kinds, targets };
}

const isDirect = (kind: number): boolean => kind === JUMP || kind === CONDITIONAL_JUMP || kind === CALL;

function isPadding(bytes: Buffer, offset: number): boolean {
  for (let at = offset; at < bytes.length; at++) if (bytes[at] !== INT3) return false;
  return true;
}

function kindOf(decoder: IcedDecoder): number {
  switch (decoder.flow) {
    case ICED.flow.return:
      return RETURN;
    case ICED.flow.conditionalBranch:
      return CONDITIONAL_JUMP;
    case ICED.flow.unconditionalBranch:
      return JUMP;
    case ICED.flow.indirectBranch:
      return decoder.hasIndexedMemory ? INDEXED_JUMP : INDIRECT_JUMP;
    case ICED.flow.call:
      return decoder.isNearCall ? CALL : OTHER;
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
