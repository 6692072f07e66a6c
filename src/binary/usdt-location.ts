/** Where an argument of a USDT probe is when its instruction is reached. */
import type { VirtualAddress } from "../base/index.js";

/** A register of the machine, by its 64-bit name without the per cent sign: `rax`, `rsp`, `r8`; `x0`, `sp`. */
export type MachineRegister = string;

/** Which part of an index register counts: all of it, or its lower 32 bits with zeros or the sign above, as on arm64. */
export type IndexPart = "whole" | "low-unsigned" | "low-signed";

export interface UnreadableLocation {
  readonly kind: "unreadable";
  readonly reason: string;
}

export interface MemoryLocation {
  readonly kind: "memory";
  /** Undefined: 0, as in `8@table(,%rax,8)` of a program that is always loaded at the same address. */
  readonly base: MachineRegister | undefined;
  readonly index: MachineRegister | undefined;
  /** `whole` without an index. */
  readonly indexPart: IndexPart;
  readonly scale: 1 | 2 | 4 | 8;
  readonly displacement: number;
}

export type UsdtLocation =
  /** Bits from `shift` on: 8 of `%ah`. */
  | { readonly kind: "register"; readonly register: MachineRegister; readonly shift: 0 | 8 }
  /** Of the argument's width and sign: 255 of `1@$-1`. */
  | { readonly kind: "constant"; readonly value: bigint }
  /** At base + index * scale + displacement. */
  | MemoryLocation
  /** At a fixed place of the image: `8@counter+8(%rip)`. */
  | { readonly kind: "image"; readonly address: VirtualAddress }
  /** Where no uprobe can look, or nothing this program knows: why. */
  | UnreadableLocation;

/** Bytes of an argument. */
export type UsdtSize = 1 | 2 | 4 | 8;

/** What the text of an operand says: where, and how wide by its own name, which only registers have. */
export interface UsdtOperand {
  readonly location: UsdtLocation;
  readonly width: UsdtSize | undefined;
}

export const unreadable = (reason: string): UnreadableLocation => ({ kind: "unreadable", reason });

/** An operand with no width of its own. */
export const placed = (location: UsdtLocation): UsdtOperand => ({ location, width: undefined });

export const unknownForm = (text: string): UsdtOperand =>
  placed(unreadable(text === "" ? "nothing follows its size" : `${text} is no operand that gospect knows`));

/** Base + displacement, where the sum is one that an instruction can hold. */
export function memoryAt(
  base: MachineRegister | undefined,
  displacement: bigint,
  index?: { readonly register: MachineRegister; readonly part: IndexPart; readonly scale: 1 | 2 | 4 | 8 },
): UsdtLocation {
  if (displacement !== BigInt.asIntN(32, displacement))
    return unreadable(`displacement ${displacement} is out of range`);
  return {
    kind: "memory",
    base,
    index: index?.register,
    indexPart: index?.part ?? "whole",
    scale: index?.scale ?? 1,
    displacement: Number(displacement),
  };
}
