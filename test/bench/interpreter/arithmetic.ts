/** Calculations and comparisons of BPF, on 64 bits or the lower 32: RFC 9669, sections 4.1 to 4.3. */
import type { Instruction } from "./program.js";

const FROM_REGISTER = 0x08;

/** The right-hand side of a calculation or comparison of so many bits. */
function operandOf({ code, source, immediate }: Instruction, registers: readonly bigint[], bits: number): bigint {
  return BigInt.asUintN(bits, (code & FROM_REGISTER) === 0 ? BigInt(immediate) : (registers[source] ?? 0n));
}

/** What the destination register holds then. */
export function calculate(each: Instruction, registers: readonly bigint[]): bigint {
  const bits = (each.code & 0x07) === 7 ? 64 : 32;
  const a = BigInt.asUintN(bits, registers[each.destination] ?? 0n);
  const b = operandOf(each, registers, bits);
  const shift = b & BigInt(bits - 1);
  const result = ((): bigint => {
    switch (each.code >> 4) {
      case 0x0:
        return a + b;
      case 0x1:
        return a - b;
      case 0x2:
        return a * b;
      case 0x3:
        return b === 0n ? 0n : a / b;
      case 0x4:
        return a | b;
      case 0x5:
        return a & b;
      case 0x6:
        return a << shift;
      case 0x7:
        return a >> shift;
      case 0x8:
        return -a;
      case 0x9:
        return b === 0n ? a : a % b;
      case 0xa:
        return a ^ b;
      // An offset of -1 stands for this CPU's share; of a width, for a sign to be extended.
      case 0xb:
        return each.offset > 0 ? BigInt.asIntN(each.offset, b) : b;
      case 0xc:
        return BigInt.asIntN(bits, a) >> shift;
      case 0xd:
        return swapped(each, registers[each.destination] ?? 0n);
      default:
        throw new Error(`code ${each.code}`);
    }
  })();
  return BigInt.asUintN(bits, result);
}

/** To little-endian, which is only a cut, to big-endian, or the other way round. */
function swapped({ code, immediate }: Instruction, value: bigint): bigint {
  const cut = BigInt.asUintN(immediate, value);
  if (code === 0xd4) return cut;
  const hex = cut.toString(16).padStart(immediate / 4, "0");
  return BigInt(`0x${(hex.match(/../g) ?? []).reverse().join("")}`);
}

/** Whether a jump is taken. */
export function jumps(each: Instruction, registers: readonly bigint[]): boolean {
  const bits = (each.code & 0x07) === 5 ? 64 : 32;
  const a = BigInt.asUintN(bits, registers[each.destination] ?? 0n);
  const b = operandOf(each, registers, bits);
  const [signedA, signedB] = [BigInt.asIntN(bits, a), BigInt.asIntN(bits, b)];
  switch (each.code >> 4) {
    case 0x0:
      return true;
    case 0x1:
      return a === b;
    case 0x2:
      return a > b;
    case 0x3:
      return a >= b;
    case 0x4:
      return (a & b) !== 0n;
    case 0x5:
      return a !== b;
    case 0x6:
      return signedA > signedB;
    case 0x7:
      return signedA >= signedB;
    case 0xa:
      return a < b;
    case 0xb:
      return a <= b;
    case 0xc:
      return signedA < signedB;
    case 0xd:
      return signedA <= signedB;
    default:
      throw new Error(`code ${each.code}`);
  }
}
