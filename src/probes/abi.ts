/**
 * Where Go's calling conventions put arguments and results: ABIInternal of Go 1.17 and later (registers,
 * cmd/compile/abi-internal.md) and ABI0 (all on the stack), which older programs use throughout.
 *
 * Signature in, places out. The same function tells both ends of a call: DWARF describes results nowhere and arguments
 * unreliably at the entry.
 */
import type { GoType, Signature } from "../binary/index.js";
import type { RegisterName } from "./plan.js";

/** How many registers take part, and where the first stack slot is from SP at the entry and at a return. */
export interface CallingConvention {
  readonly name: "ABIInternal" | "ABI0";
  readonly integerRegisters: number;
  readonly floatRegisters: number;
  readonly firstSlot: number;
}

/** FACT(go1.17..go1.27): AX BX CX DI SI R8 R9 R10 R11 and X0 to X14; the return address is at SP. */
export const AMD64_REGISTER_ABI: CallingConvention = {
  name: "ABIInternal",
  integerRegisters: 9,
  floatRegisters: 15,
  firstSlot: 8,
};

/** FACT(go1.18..go1.27): R0 to R15 and F0 to F15; the slot at SP belongs to the callee's saved link register. */
export const ARM64_REGISTER_ABI: CallingConvention = {
  name: "ABIInternal",
  integerRegisters: 16,
  floatRegisters: 16,
  firstSlot: 8,
};

/** Of assembly, and of everything before registers were used. */
export const STACK_ABI: CallingConvention = { name: "ABI0", integerRegisters: 0, floatRegisters: 0, firstSlot: 8 };

/** The amd64 integer registers in the order in which they are assigned. */
export const AMD64_INTEGER_REGISTERS = [
  "ax",
  "bx",
  "cx",
  "di",
  "si",
  "r8",
  "r9",
  "r10",
  "r11",
] as const satisfies readonly RegisterName[];

/** Bytes `offset` to `offset + size` of a value, in the integer or float register of that index. */
export interface Piece {
  readonly offset: number;
  readonly size: number;
  readonly bank: "integer" | "float";
  readonly index: number;
}

/** A value whole in registers, or whole on the stack at an offset from SP. */
export type Place =
  | { readonly kind: "registers"; readonly pieces: readonly Piece[] }
  | { readonly kind: "stack"; readonly offset: number };

export interface Assignment {
  readonly parameters: readonly Place[];
  readonly results: readonly Place[];
}

const POINTER_SIZE = 8;

/** Alignment of a type in memory, in bytes. */
export function alignmentOf(type: GoType): number {
  switch (type.kind) {
    case "int":
    case "bool":
    case "float":
      return Math.max(1, type.size);
    case "complex":
      return type.size / 2;
    case "array":
      return alignmentOf(type.element());
    case "struct":
      return type.fields.reduce((widest, field) => Math.max(widest, alignmentOf(field.type)), 1);
    default:
      return POINTER_SIZE;
  }
}

const roundUp = (value: number, alignment: number): number => Math.ceil(value / alignment) * alignment;

/** Registers still to be had, taken one by one; undefined when a value does not fit whole. */
class RegisterFile {
  private integers = 0;
  private floats = 0;
  private readonly convention: CallingConvention;

  constructor(convention: CallingConvention) {
    this.convention = convention;
  }

  assign(type: GoType): readonly Piece[] | undefined {
    const { integers, floats } = this;
    const pieces: Piece[] = [];
    if (this.take(type, 0, pieces)) return pieces;
    this.integers = integers;
    this.floats = floats;
    return undefined;
  }

  private take(type: GoType, offset: number, pieces: Piece[]): boolean {
    switch (type.kind) {
      case "float":
        return this.takeOne("float", offset, type.size, pieces);
      case "complex": {
        const half = type.size / 2;
        return this.takeOne("float", offset, half, pieces) && this.takeOne("float", offset + half, half, pieces);
      }
      case "string":
      case "interface":
        return this.takeWords(2, offset, pieces);
      case "slice":
        return this.takeWords(3, offset, pieces);
      case "struct":
        return type.fields.every(
          (field) => field.type.size === 0 || this.take(field.type, offset + field.offset, pieces),
        );
      case "array":
        return type.length === 0 || (type.length === 1 && this.take(type.element(), offset, pieces));
      default:
        return this.takeOne("integer", offset, type.size, pieces);
    }
  }

  private takeWords(count: number, offset: number, pieces: Piece[]): boolean {
    for (let word = 0; word < count; word++) {
      if (!this.takeOne("integer", offset + word * POINTER_SIZE, POINTER_SIZE, pieces)) return false;
    }
    return true;
  }

  private takeOne(bank: "integer" | "float", offset: number, size: number, pieces: Piece[]): boolean {
    const index = bank === "integer" ? this.integers++ : this.floats++;
    const limit = bank === "integer" ? this.convention.integerRegisters : this.convention.floatRegisters;
    pieces.push({ offset, size, bank, index });
    return index < limit;
  }
}

/** Where the dictionary is among the arguments of a generic function's shape-typed body; the signature does not show it. */
export type DictionaryPlace = "none" | "first" | "after-receiver";

/** The dictionary of a generic function: a pointer. */
const DICTIONARY: GoType = { kind: "opaque-pointer", name: "unsafe.Pointer", size: POINTER_SIZE };

/**
 * Places of a function's parameters and results.
 */
export function assign(
  signature: Pick<Signature, "parameters" | "results" | "hasReceiver">,
  convention: CallingConvention,
  dictionary: DictionaryPlace,
): Assignment {
  const types = signature.parameters.map((parameter) => parameter.type);
  const before = dictionary === "after-receiver" && signature.hasReceiver ? 1 : 0;
  if (dictionary !== "none") types.splice(before, 0, DICTIONARY);
  const inward = assignGroup(types, convention, convention.firstSlot);
  if (dictionary !== "none") inward.places.splice(before, 1);
  const resultTypes = signature.results.map((result) => result.type);
  const outward = assignGroup(resultTypes, convention, roundUp(inward.end, POINTER_SIZE));
  return { parameters: inward.places, results: outward.places };
}

function assignGroup(
  types: readonly GoType[],
  convention: CallingConvention,
  start: number,
): { readonly places: Place[]; readonly end: number } {
  const registers = new RegisterFile(convention);
  let end = start;
  const places = types.map((type): Place => {
    const pieces = type.size === 0 ? undefined : registers.assign(type);
    if (pieces !== undefined) return { kind: "registers", pieces };
    const offset = roundUp(end, alignmentOf(type));
    end = offset + type.size;
    return { kind: "stack", offset };
  });
  return { places, end };
}
