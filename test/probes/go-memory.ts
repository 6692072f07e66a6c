/** Go values laid out in a made-up memory, and registers, as a Go program would have them. */
import { invariant, virtualAddress } from "../../src/base/index.js";
import type { GoField, GoType } from "../../src/binary/index.js";
import { AMD64_INTEGER_REGISTERS, AMD64_REGISTER_ABI, alignmentOf, assign } from "../../src/probes/abi.js";
import type { DynamicType, ProgramFacts } from "../../src/probes/dynamic-types.js";
import type { Surroundings } from "../../src/probes/locate.js";
import { callScope } from "../../src/probes/names.js";
import type { RegisterName } from "../../src/probes/plan.js";
import type { Memory, World } from "./machine.js";

export const int = (name: string, size: 1 | 2 | 4 | 8, signed: boolean): GoType => ({
  kind: "int",
  name,
  size,
  signed,
});
export const INT = int("int", 8, true);
export const BOOL: GoType = { kind: "bool", name: "bool", size: 1 };
export const STRING: GoType = { kind: "string", name: "string", size: 16 };
export const FLOAT64: GoType = { kind: "float", name: "float64", size: 8 };
export const FLOAT32: GoType = { kind: "float", name: "float32", size: 4 };
export const DURATION: GoType = { kind: "int", name: "time.Duration", size: 8, signed: true };
export const ERROR: GoType = { kind: "interface", name: "error", size: 16, empty: false };
export const ANY: GoType = { kind: "interface", name: "interface {}", size: 16, empty: true };

export const pointerTo = (target: GoType): GoType => ({
  kind: "pointer",
  name: `*${target.name}`,
  size: 8,
  target: () => target,
});
export const sliceOf = (element: GoType): GoType => ({
  kind: "slice",
  name: `[]${element.name}`,
  size: 24,
  element: () => element,
});
export const arrayOf = (length: number, element: GoType): GoType => ({
  kind: "array",
  name: `[${length}]${element.name}`,
  size: length * element.size,
  length,
  element: () => element,
});
export const mapOf = (key: GoType, element: GoType): GoType => ({
  kind: "map",
  name: `map[${key.name}]${element.name}`,
  size: 8,
  key: () => key,
  element: () => element,
});

const roundUp = (value: number, alignment: number): number => Math.ceil(value / alignment) * alignment;

export function structOf(name: string, fields: Readonly<Record<string, GoType>>): GoType & { readonly kind: "struct" } {
  let end = 0;
  const placed = Object.entries(fields).map(([field, type]): GoField => {
    const offset = roundUp(end, alignmentOf(type));
    end = offset + type.size;
    return { name: field, offset, embedded: false, type };
  });
  const alignment = placed.reduce((widest, { type }) => Math.max(widest, alignmentOf(type)), 1);
  return { kind: "struct", name, size: roundUp(end, alignment), fields: placed };
}

/**
 * A Go value: bigint for integers, Buffer for strings and []byte, `undefined` for nil, what a pointer points to for a
 * pointer, arrays for slices and arrays, objects for structs, a Map for maps.
 */
export type GoValue =
  | bigint
  | number
  | boolean
  | Buffer
  | undefined
  | readonly GoValue[]
  | Dynamic
  | { readonly [field: string]: GoValue };

/** What an interface holds. */
export class Dynamic {
  readonly type: DynamicType;
  readonly value: GoValue;
  constructor(type: DynamicType, value: GoValue) {
    this.type = type;
    this.value = value;
  }
}

/** Where the image was loaded, in all tests. */
export const BIAS = 0x5555_0000_0000n;

/** Writes a value of a type to its place, and what it refers to elsewhere. */
export function store(memory: Memory, type: GoType, value: GoValue, to: Buffer): void {
  const word = (at: number, content: bigint): void => {
    to.writeBigUInt64LE(BigInt.asUintN(64, content), at);
  };
  switch (type.kind) {
    case "int": {
      invariant(typeof value === "bigint", `${type.name} is an integer`);
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
      bytes.copy(to, 0, 0, type.size);
      return;
    }
    case "bool":
      to[0] = value === true ? 1 : 0;
      return;
    case "float":
      if (type.size === 8) to.writeDoubleLE(Number(value));
      else to.writeFloatLE(Number(value));
      return;
    case "string": {
      invariant(Buffer.isBuffer(value), "a string is bytes");
      const { address, bytes } = memory.allocate(value.length);
      value.copy(bytes);
      word(0, value.length === 0 ? 0n : address);
      word(8, BigInt(value.length));
      return;
    }
    case "pointer": {
      if (value === undefined) return;
      const target = type.target();
      const { address, bytes } = memory.allocate(target.size);
      store(memory, target, value, bytes);
      word(0, address);
      return;
    }
    case "slice": {
      if (value === undefined) return;
      const items = Buffer.isBuffer(value) ? Array.from(value, BigInt) : value;
      invariant(Array.isArray(items), "a slice is a list");
      const element = type.element();
      const { address, bytes } = memory.allocate(items.length * element.size);
      items.forEach((item, index) => {
        store(memory, element, item, bytes.subarray(index * element.size));
      });
      word(0, address);
      word(8, BigInt(items.length));
      word(16, BigInt(items.length));
      return;
    }
    case "array":
      invariant(Array.isArray(value), "an array is a list");
      value.forEach((item, index) => {
        const element = type.element();
        store(memory, element, item, to.subarray(index * element.size));
      });
      return;
    case "struct":
      for (const { name, offset, type: inner } of type.fields) {
        store(memory, inner, (value as { readonly [field: string]: GoValue })[name], to.subarray(offset));
      }
      return;
    case "interface": {
      if (!(value instanceof Dynamic)) return;
      const { descriptor, type: held } = value.type;
      const runtime = BigInt(descriptor) + BIAS;
      if (type.empty) word(0, runtime);
      else {
        const table = memory.allocate(24);
        table.bytes.writeBigUInt64LE(runtime, 8);
        word(0, table.address);
      }
      const box = memory.allocate(Math.max(8, held.size));
      store(memory, held, value.value, box.bytes);
      word(8, held.kind === "pointer" ? box.bytes.readBigUInt64LE(0) : box.address);
      return;
    }
    default:
      invariant(typeof value === "bigint", `${type.name} is an address here`);
      word(0, value);
  }
}

/** A function's arguments in registers and on the stack, by Go's register ABI. */
export function callWith(
  memory: Memory,
  parameters: readonly { readonly name: string; readonly type: GoType; readonly value: GoValue }[],
): Pick<World, "memory" | "registers" | "sp" | "bias"> {
  const signature = { parameters, results: [], hasReceiver: false };
  const { parameters: places } = assign(signature, AMD64_REGISTER_ABI, "none");
  const stack = memory.allocate(0x400);
  const registers = new Map<RegisterName, bigint>();
  parameters.forEach(({ type, value }, index) => {
    const place = places[index];
    invariant(place !== undefined, "every parameter has a place");
    const bytes = Buffer.alloc(type.size);
    store(memory, type, value, bytes);
    if (place.kind === "stack") bytes.copy(stack.bytes, place.offset);
    else {
      for (const { offset, size, bank, index: number } of place.pieces) {
        if (bank === "float") continue;
        const register = AMD64_INTEGER_REGISTERS[number];
        invariant(register !== undefined, "there is such a register");
        // What is above a narrow value is junk.
        const junk = Buffer.alloc(8, 0xa5);
        bytes.copy(junk, 0, offset, offset + size);
        registers.set(register, junk.readBigUInt64LE());
      }
    }
  });
  return { memory, registers, sp: stack.address, bias: BIAS };
}

export const NO_PROGRAM: ProgramFacts = {
  mapLayout: "groups",
  typeData: virtualAddress(0x10_0000),
  typesNamed: () => [],
  typesIn: () => [],
  typesOf: () => [],
  variable: () => undefined,
  nearestVariables: () => [],
};

/** What expressions see at the entry of a function with these parameters. */
export function surroundings(
  parameters: readonly { readonly name: string; readonly type: GoType }[],
  results: readonly { readonly name: string; readonly type: GoType }[] = [],
  program: ProgramFacts = NO_PROGRAM,
): Surroundings {
  const signature = { parameters, results, hasReceiver: false, source: "dwarf" } as const;
  return {
    scope: callScope(signature, assign(signature, AMD64_REGISTER_ABI, "none")),
    program,
    functionName: "main.(*Store).Lookup",
    packagePath: "main",
    kind: "call",
  };
}
