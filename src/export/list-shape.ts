/** One line of `list`: something that can be probed, or the reason why it can't. */
import type { FileOffset, Refusal, VirtualAddress } from "../base/index.js";
import type { SignatureSource } from "../binary/index.js";

export interface ListedVariable {
  readonly name: string;
  readonly type: string;
  /** Where it is when the function is entered, or left: `ax`, `bx,cx`, `sp+8`, `*(dx+8)`; undefined when not known. */
  readonly location: string | undefined;
}

/** Where a copy of a function's body was inlined. */
export interface ListedCopy {
  /** The function that holds it. */
  readonly function: string;
  /** Of the call in the source. */
  readonly file: string | undefined;
  readonly line: number | undefined;
}

/** What the function table alone tells. */
export interface NamedEntry {
  readonly kind: "function" | "usdt";
  readonly name: string;
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly address: VirtualAddress;
  /** Bytes; 0 for a USDT probe. */
  readonly size: number;
}

export interface ListEntry extends NamedEntry {
  /** Undefined when the binary does not tell. */
  readonly params: readonly ListedVariable[] | undefined;
  readonly results: readonly ListedVariable[] | undefined;
  /** What a closure captured. */
  readonly captured: () => readonly ListedVariable[];
  /** Who says so; undefined when nobody does. */
  readonly signatureSource: SignatureSource | undefined;
  /** Undefined when the function is refused. */
  readonly entry: { readonly offset: FileOffset; readonly instruction: () => string } | undefined;
  /** Return sites. */
  readonly returns: number;
  readonly inlinedCopies: number;
  /** Where they are; undefined when nobody asked. */
  readonly inlinedInto: (() => readonly ListedCopy[]) | undefined;
  /** Made by the compiler around another function: an ABI or method wrapper. */
  readonly wrapper: boolean;
  readonly refused: Refusal | undefined;
}
