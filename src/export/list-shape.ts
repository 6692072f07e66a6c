/** One line of `list`: something that can be probed, or the reason why it can't. */
import type { FileOffset, Refusal, VirtualAddress } from "../base/index.js";
import type { SignatureSource } from "../binary/index.js";

export interface ListedVariable {
  readonly name: string;
  readonly type: string;
  /** Where it is when the function is entered, or left: `ax`, `bx,cx`, `sp+8`, `*(dx+8)`; undefined when not known. */
  readonly location: string | undefined;
  /** Why a uprobe can't read it there. */
  readonly unreadable?: string;
}

/** Where a copy of a function's body was inlined. */
export interface ListedCopy {
  /** The function that holds it. */
  readonly function: string;
  /** Of the call in the source. */
  readonly file: string | undefined;
  readonly line: number | undefined;
}

/** What tables of names alone tell. */
export interface NamedEntry {
  readonly kind: "function" | "usdt" | "c";
  readonly name: string;
  /** Of the source; of a USDT probe and a C function the file that has it. */
  readonly file: string | undefined;
  readonly line: number | undefined;
  /** Of a USDT probe its first place; undefined where none can be read. */
  readonly address: VirtualAddress | undefined;
  /** Bytes; 0 for a USDT probe. */
  readonly size: number;
}

/** Where a probe would sit. */
export interface ListedSite {
  readonly offset: FileOffset;
  readonly instruction: () => string;
}

export interface FunctionEntry extends NamedEntry {
  readonly kind: "function";
  readonly address: VirtualAddress;
  /** Undefined when the binary does not tell. */
  readonly params: readonly ListedVariable[] | undefined;
  readonly results: readonly ListedVariable[] | undefined;
  /** What a closure captured. */
  readonly captured: () => readonly ListedVariable[];
  /** Who says so; undefined when nobody does. */
  readonly signatureSource: SignatureSource | undefined;
  /** Undefined when the function is refused. */
  readonly entry: ListedSite | undefined;
  /** Return sites. */
  readonly returns: number;
  readonly inlinedCopies: number;
  /** Where they are; undefined when nobody asked. */
  readonly inlinedInto: (() => readonly ListedCopy[]) | undefined;
  /** Made by the compiler around another function: an ABI or method wrapper. */
  readonly wrapper: boolean;
  readonly refused: Refusal | undefined;
}

/** Of the count that says whether anybody wants a USDT probe. */
export interface ListedSemaphore {
  readonly address: VirtualAddress;
  readonly offset: FileOffset;
}

/** One place of a USDT probe. */
export interface ListedPlace {
  readonly address: VirtualAddress;
  readonly params: readonly ListedVariable[];
  readonly semaphore: ListedSemaphore | undefined;
  /** Undefined when the place is refused. */
  readonly entry: ListedSite | undefined;
  readonly refused: Refusal | undefined;
}

export interface UsdtEntry extends NamedEntry {
  readonly kind: "usdt";
  /** Undefined where a damaged note does not tell. */
  readonly provider: string | undefined;
  readonly probe: string | undefined;
  readonly places: readonly ListedPlace[];
  /** Notes of the name that can't be read. */
  readonly damaged: readonly { readonly index: number; readonly reason: string }[];
  /** Undefined unless nothing of it can be probed. */
  readonly refused: Refusal | undefined;
}

export interface NativeEntry extends NamedEntry {
  readonly kind: "c";
  readonly address: VirtualAddress;
  readonly version: string | undefined;
  /** Undefined when the function is refused. */
  readonly entry: ListedSite | undefined;
  readonly refused: Refusal | undefined;
}

export type ListEntry = FunctionEntry | UsdtEntry | NativeEntry;
