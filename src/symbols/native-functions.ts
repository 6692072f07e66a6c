/** C functions of a file, as its symbol tables have them: `.symtab` and `.dynsym`, with the versions of shared libraries. */
import type { VirtualAddress } from "../base/index.js";
import type { ElfFile } from "../binary/index.js";

export interface NativeFunction {
  /** Without its version. */
  readonly name: string;
  /** `GLIBC_2.14`; undefined where the file versions nothing. */
  readonly version: string | undefined;
  /** Whether it is what the plain name links to: `memcpy@@GLIBC_2.14`. True without versions. */
  readonly isDefault: boolean;
  readonly address: VirtualAddress;
  /** In bytes; 0 where the file does not say. */
  readonly size: number;
  /** `ifunc`: the address is that of the function that chooses the real one when the program is loaded. */
  readonly kind: "function" | "ifunc";
}

export interface NativeFunctions {
  /** In address order; each address and name once. */
  all(): readonly NativeFunction[];
  /** By `name`, `name@VERSION` or `name@@VERSION`; a plain name means the default version where there is one. */
  find(name: string): readonly NativeFunction[];
  /** The one that an address lies in; undefined where nothing says so. */
  findByAddress(address: VirtualAddress): NativeFunction | undefined;
  /** Names like this one, the likeliest first. */
  nearest(name: string, most: number): readonly string[];
}

/** Reads nothing yet. */
export function openNativeFunctions(_elf: ElfFile): NativeFunctions {
  return { all: () => [], find: () => [], findByAddress: () => undefined, nearest: () => [] };
}
