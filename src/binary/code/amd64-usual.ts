/**
 * The amd64 instructions that compilers write: how long each is and how it passes control on.
 *
 * Follows the opcode maps of the Intel manual, volume 2, appendix A. Only encodings that are valid whatever their
 * operands are in the tables; of everything else (vector extensions, x87, odd prefixes, operands that an opcode does not
 * take) this says nothing, and the whole decoder is asked. So this decoder may know less than that one, and never says
 * otherwise: a test compares the two over every instruction of whole programs. It is there because that one lives in
 * WebAssembly, where loading it takes as long as planning a run, and asking it about one instruction as long as deciding
 * about ten here.
 */
import {
  CALL,
  CONDITIONAL_JUMP,
  INDEXED_JUMP,
  INDIRECT_CALL,
  INDIRECT_JUMP,
  JUMP,
  OTHER,
  RETURN,
  TRAP,
} from "./instruction.js";

/** What follows an opcode; 0 for an opcode that is not usual. */
const PLAIN = 1;
const MODRM = 2;
const IMMEDIATE_8 = 4;
/** Four bytes; two with an operand-size prefix, unless REX.W overrides it. */
const IMMEDIATE_32 = 8;
/** As IMMEDIATE_32, and eight bytes with REX.W. */
const IMMEDIATE_FULL = 16;
/** Which operands are possible depends on the ModRM byte. */
const GROUP = 32;
/** May stand behind a prefix that chooses the operation: 66, F3, F2. */
const WITH_66 = 64;
const WITH_F3 = 128;
const WITH_F2 = 256;
/** Valid without such a prefix. */
const BARE = 512;

type OpcodeMap = Uint16Array;

function fill(map: OpcodeMap, opcodes: readonly (number | readonly [number, number])[], form: number): void {
  for (const opcode of opcodes) {
    const [first, last] = typeof opcode === "number" ? [opcode, opcode] : opcode;
    map.fill(form, first, last + 1);
  }
}

function oneByteMap(): OpcodeMap {
  const map = new Uint16Array(256);
  const integer = BARE | WITH_66;
  for (let operation = 0; operation < 0x40; operation += 8) {
    fill(map, [[operation, operation + 3]], integer | MODRM);
    fill(map, [operation + 4], integer | IMMEDIATE_8);
    fill(map, [operation + 5], integer | IMMEDIATE_32);
  }
  fill(map, [[0x50, 0x5f], [0x91, 0x99], 0x9c, 0x9d, 0xc9], integer | PLAIN);
  fill(
    map,
    [
      [0xa4, 0xa7],
      [0xaa, 0xaf],
    ],
    integer | WITH_F3 | WITH_F2 | PLAIN,
  );
  fill(map, [0x90], integer | WITH_F3 | PLAIN);
  fill(map, [0x63, [0x84, 0x8b]], integer | MODRM);
  fill(map, [0x6a, 0xa8, [0xb0, 0xb7]], integer | IMMEDIATE_8);
  fill(map, [0x68, 0xa9], integer | IMMEDIATE_32);
  fill(map, [0x69], integer | MODRM | IMMEDIATE_32);
  fill(map, [0x6b, 0x80, 0x83], integer | MODRM | IMMEDIATE_8);
  fill(map, [0x81], integer | MODRM | IMMEDIATE_32);
  fill(map, [[0xb8, 0xbf]], integer | IMMEDIATE_FULL);
  fill(map, [0x8d, [0xd0, 0xd3], 0xf6, 0xf7, 0xfe], integer | MODRM | GROUP);
  fill(map, [0xc0, 0xc1, 0xc6], integer | MODRM | IMMEDIATE_8 | GROUP);
  fill(map, [0xc7], integer | MODRM | IMMEDIATE_32 | GROUP);
  fill(map, [0xff], integer | MODRM | GROUP);
  fill(map, [[0x70, 0x7f], 0xeb], BARE | IMMEDIATE_8);
  fill(map, [0xe8, 0xe9], BARE | IMMEDIATE_32);
  fill(map, [0xc3, 0xcc], BARE | PLAIN);
  return map;
}

/** Behind 0f. */
function twoByteMap(): OpcodeMap {
  const map = new Uint16Array(256);
  const integer = BARE | WITH_66;
  const packed = BARE | WITH_66;
  const every = packed | WITH_F3 | WITH_F2;
  fill(map, [[0x10, 0x11], 0x2a, 0x2c, 0x2d, 0x51, [0x58, 0x5a], [0x5c, 0x5f]], every | MODRM);
  fill(map, [0x14, 0x15, 0x28, 0x29, 0x2e, 0x2f, [0x54, 0x57]], packed | MODRM);
  fill(map, [0x5b], packed | WITH_F3 | MODRM);
  fill(map, [0x6f, 0x7e, 0x7f], packed | WITH_F3 | MODRM);
  fill(map, [0x6e, [0x60, 0x6b], [0x74, 0x76], 0xd4, [0xd8, 0xdf], [0xe8, 0xef], [0xf8, 0xfe]], packed | MODRM);
  fill(map, [0x6c, 0x6d, 0xd6], WITH_66 | MODRM);
  fill(map, [0xc6], packed | MODRM | IMMEDIATE_8);
  fill(map, [0x70], every | MODRM | IMMEDIATE_8);
  fill(map, [[0x40, 0x4f], [0x90, 0x9f], 0xa3, 0xab, 0xb3, 0xbb, 0xa5, 0xad, 0xaf], integer | MODRM);
  fill(map, [0xb0, 0xb1, 0xb6, 0xb7, 0xbe, 0xbf, 0xc0, 0xc1], integer | MODRM);
  fill(map, [0xbc, 0xbd], integer | WITH_F3 | MODRM);
  fill(map, [0xb8], WITH_F3 | MODRM);
  fill(map, [0xa4, 0xac], integer | MODRM | IMMEDIATE_8);
  fill(map, [0x18, 0x1f, 0xba, 0xc7, 0xd7], integer | MODRM | GROUP);
  map[0xba] = integer | MODRM | IMMEDIATE_8 | GROUP;
  fill(map, [[0xc8, 0xcf]], BARE | PLAIN);
  fill(map, [0x0b], BARE | PLAIN);
  fill(map, [[0x80, 0x8f]], BARE | IMMEDIATE_32);
  return map;
}

/** Bytes of the ModRM byte and what belongs to it: displacement and, where it says so, the SIB byte. */
function operandSizes(): Uint8Array {
  const sizes = new Uint8Array(256);
  for (let modrm = 0; modrm < 256; modrm++) {
    const mode = modrm >> 6;
    const base = modrm & 7;
    const displacement = mode === 1 ? 1 : mode === 2 || (mode === 0 && base === 5) ? 4 : 0;
    sizes[modrm] = 1 + displacement + (mode !== 3 && base === 4 ? 1 : 0);
  }
  return sizes;
}

const ONE_BYTE = oneByteMap();
const TWO_BYTE = twoByteMap();
const OPERAND_SIZES = operandSizes();

/** Of the two-byte map's numbers, so that one number names an opcode of either map. */
const ESCAPED = 0x100;

/** Whether a GROUP opcode takes what its ModRM byte says. */
function isTaken(opcode: number, modrm: number): boolean {
  const register = (modrm >> 3) & 7;
  const memory = modrm < 0xc0;
  switch (opcode) {
    case 0x8d: // lea
      return memory;
    case 0xc0: // shifts: 6 is an alias that no compiler writes
    case 0xc1:
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
      return register !== 6;
    case 0xc6: // mov
    case 0xc7:
    case ESCAPED | 0x1f: // nop
      return register === 0;
    case 0xf6: // test, not, neg, mul, imul, div, idiv
    case 0xf7:
      return register !== 1;
    case 0xfe: // inc, dec
      return register < 2;
    case 0xff: // and call, jmp, push; the far ones are left out
      return register !== 3 && register !== 5 && register !== 7;
    case ESCAPED | 0x18: // prefetch
      return register < 4 && memory;
    case ESCAPED | 0xba: // bt, bts, btr, btc
      return register >= 4;
    case ESCAPED | 0xc7: // cmpxchg8b, cmpxchg16b
      return register === 1 && memory;
    case ESCAPED | 0xd7: // pmovmskb
      return !memory;
    default:
      return false;
  }
}

/** Whether the operation, on memory, may be locked. */
function isLockable(opcode: number, modrm: number): boolean {
  if (modrm >= 0xc0) return false;
  const register = (modrm >> 3) & 7;
  switch (opcode) {
    case 0x80:
    case 0x81:
    case 0x83:
      return register !== 7;
    case 0xfe:
    case 0xff:
      return register < 2;
    case 0x86:
    case 0x87:
    case ESCAPED | 0xb0:
    case ESCAPED | 0xb1:
    case ESCAPED | 0xc0:
    case ESCAPED | 0xc1:
    case ESCAPED | 0xc7:
      return true;
    default:
      // add, or, adc, sbb, and, sub, xor; not cmp.
      return opcode < 0x38 && (opcode & 7) < 2;
  }
}

function kindOf(opcode: number, modrm: number, sib: number, rex: number): number {
  if (opcode < ESCAPED) {
    if (opcode >> 4 === 7) return CONDITIONAL_JUMP;
    switch (opcode) {
      case 0xc3:
        return RETURN;
      case 0xcc:
        return TRAP;
      case 0xe8:
        return CALL;
      case 0xe9:
      case 0xeb:
        return JUMP;
      case 0xff: {
        const register = (modrm >> 3) & 7;
        if (register === 2) return INDIRECT_CALL;
        if (register !== 4) return OTHER;
        // A SIB byte whose index is RSP has none.
        const hasIndex = modrm < 0xc0 && (modrm & 7) === 4 && (((sib >> 3) & 7) !== 4 || (rex & 2) !== 0);
        return hasIndex ? INDEXED_JUMP : INDIRECT_JUMP;
      }
      default:
        return OTHER;
    }
  }
  if (opcode >> 4 === 0x18) return CONDITIONAL_JUMP;
  return opcode === (ESCAPED | 0x0b) ? TRAP : OTHER;
}

/** Room for the kind in the answer of `measureUsual`. */
export const LENGTH_BITS = 4;
export const LENGTH_MASK = 2 ** LENGTH_BITS - 1;

/**
 * Length and kind of the instruction at `start`, as `kind << LENGTH_BITS | length`; 0 when it is not a usual one or runs
 * past the bytes. A jump or call that has a direct target ends with its displacement: one byte in an instruction of two,
 * else four.
 */
export function measureUsual(bytes: Uint8Array, start: number): number {
  let at = start;
  let byte = bytes[at] ?? 0;
  let needed = BARE;
  let locked = false;
  if (byte === 0x66) needed = WITH_66;
  else if (byte === 0xf3) needed = WITH_F3;
  else if (byte === 0xf2) needed = WITH_F2;
  else if (byte === 0xf0) locked = true;
  // FS holds what a thread owns; the branches that it would be a hint for have their own rules.
  if (needed !== BARE || locked || byte === 0x64) byte = bytes[++at] ?? 0;
  const prefixed = at !== start;
  let rex = 0;
  if (byte >> 4 === 4) {
    rex = byte;
    byte = bytes[++at] ?? 0;
  }
  let opcode = byte;
  let form = 0;
  if (byte === 0x0f) {
    byte = bytes[++at] ?? 0;
    opcode = ESCAPED | byte;
    form = TWO_BYTE[byte] ?? 0;
  } else form = ONE_BYTE[byte] ?? 0;
  if ((form & needed) === 0) return 0;
  at++;
  let modrm = 0;
  let sib = 0;
  if ((form & MODRM) !== 0) {
    modrm = bytes[at] ?? 0;
    if ((form & GROUP) !== 0 && !isTaken(opcode, modrm)) return 0;
    if (modrm < 0xc0 && (modrm & 7) === 4) {
      sib = bytes[at + 1] ?? 0;
      if (modrm < 0x40 && (sib & 7) === 5) at += 4;
    }
    at += OPERAND_SIZES[modrm] ?? 0;
  }
  const kind = kindOf(opcode, modrm, sib, rex);
  if (kind !== OTHER && (prefixed || (rex !== 0 && opcode !== 0xff))) return 0;
  if (locked && !((form & MODRM) !== 0 && isLockable(opcode, modrm))) return 0;
  if ((form & IMMEDIATE_8) !== 0) at += 1;
  else if ((form & (IMMEDIATE_32 | IMMEDIATE_FULL)) !== 0) {
    const wide = (rex & 8) !== 0;
    if (wide) at += (form & IMMEDIATE_FULL) !== 0 ? 8 : 4;
    else at += needed === WITH_66 ? 2 : 4;
  }
  // test of an immediate: the group's only member that has one.
  if ((opcode === 0xf6 || opcode === 0xf7) && (modrm & 0x38) === 0) {
    at += opcode === 0xf6 ? 1 : needed === WITH_66 && (rex & 8) === 0 ? 2 : 4;
  }
  if (at > bytes.length) return 0;
  return (kind << LENGTH_BITS) | (at - start);
}
