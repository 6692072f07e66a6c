/**
 * Branded numbers. A number that crosses a function says what it counts; the brand costs nothing at run time.
 *
 * Addresses of user space fit in 48 bits, so they are plain numbers. What the kernel counts in 64 bits stays bigint
 * until it is proven small.
 */

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** An address as the ELF file states it, before any load bias. */
export type VirtualAddress = Branded<number, "VirtualAddress">;
/** A position in a file; what a uprobe takes. */
export type FileOffset = Branded<number, "FileOffset">;
/** An address inside a running process: virtual address plus load bias. */
export type RuntimeAddress = Branded<number, "RuntimeAddress">;

export const virtualAddress = (value: number): VirtualAddress => value as VirtualAddress;
export const fileOffset = (value: number): FileOffset => value as FileOffset;
export const runtimeAddress = (value: number): RuntimeAddress => value as RuntimeAddress;

/** Hexadecimal with `0x`, as every message and table prints addresses. */
export const hex = (value: number | bigint): string => (value < 0 ? `-${hex(-value)}` : `0x${value.toString(16)}`);
