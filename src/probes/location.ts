/**
 * Where a value is when a site is hit. Arguments at a call's ends, where the ABI puts them, and variables in the middle of
 * a function, where debug data say they are, are spoken of in the same words.
 */
import type { VirtualAddress } from "../base/index.js";
import type { Piece as AssignedPiece, Place } from "./abi.js";
import { AMD64_INTEGER_REGISTERS } from "./abi.js";
import type { Code } from "./code.js";
import type { FetchStep, RegisterName } from "./plan.js";

/** An address that can be worked out when the site is hit. */
export type Address =
  | { readonly base: "stack"; readonly offset: number; readonly index?: ScaledIndex }
  | {
      readonly base: "register";
      readonly register: RegisterName;
      readonly offset: number;
      readonly index?: ScaledIndex;
    }
  | { readonly base: "image"; readonly address: VirtualAddress };

/** A register times a power of two. */
export interface ScaledIndex {
  readonly register: RegisterName;
  readonly shift: 0 | 1 | 2 | 3;
}

/** Bytes `offset` to `offset + size` of a value. */
export type Piece = { readonly offset: number; readonly size: number } & (
  | { readonly kind: "register"; readonly register: RegisterName }
  | { readonly kind: "memory"; readonly address: Address }
  /** In a register that uprobes cannot read. */
  | { readonly kind: "float-register" }
  /** Nowhere: nothing needs it any more, or not yet. */
  | { readonly kind: "absent" }
);

/** A value whole in memory, or each of its pieces by itself; what no piece covers is nowhere. */
export type Location =
  | { readonly kind: "memory"; readonly address: Address }
  | { readonly kind: "pieces"; readonly pieces: readonly Piece[] }
  /** A number that these steps leave in A. */
  | { readonly kind: "computed"; readonly steps: Code };

/** Where the calling convention puts a value, as SP and the registers are at the function's entry and at its returns. */
export function locationOfPlace(place: Place): Location {
  if (place.kind === "stack") return { kind: "memory", address: { base: "stack", offset: place.offset } };
  return { kind: "pieces", pieces: place.pieces.map(pieceOf) };
}

function pieceOf({ offset, size, bank, index }: AssignedPiece): Piece {
  const register = bank === "integer" ? AMD64_INTEGER_REGISTERS[index] : undefined;
  return register === undefined
    ? { offset, size, kind: "float-register" }
    : { offset, size, kind: "register", register };
}

const indexSteps = ({ index }: { readonly index?: ScaledIndex }): readonly FetchStep[] =>
  index === undefined ? [] : [{ op: "add-register", ...index }];

/** Leaves the address in A but for an offset, which the step that reads there adds. */
export function addressSteps(address: Address): { readonly steps: readonly FetchStep[]; readonly offset: number } {
  switch (address.base) {
    case "stack":
      return { steps: [{ op: "stack", offset: address.offset }, ...indexSteps(address)], offset: 0 };
    case "register":
      return {
        steps: [{ op: "register", register: address.register }, ...indexSteps(address)],
        offset: address.offset,
      };
    case "image":
      return { steps: [{ op: "image", address: address.address }], offset: 0 };
  }
}
