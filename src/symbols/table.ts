/** The vocabulary between the readers and everything that speaks of functions. */
import type { VirtualAddress } from "../base/index.js";
import type { Signature } from "../binary/index.js";

/** One function body in the binary. Two bodies may share a name (an ABI0 wrapper and its ABIInternal target). */
export interface GoFunction {
  /** As `go tool nm` prints it. */
  readonly name: string;
  readonly entry: VirtualAddress;
  /** Exclusive; exact, padding not included where that is known. */
  readonly end: VirtualAddress;
  /** pclntab index; stable for one file. */
  readonly index: number;
  /** Assembly code: may not keep g in its register. */
  readonly assembly: boolean;
  /** A compiler-made wrapper (ABI wrapper, method wrapper). */
  readonly wrapper: boolean;
}

/** One line of a stack trace. */
export interface Frame {
  readonly function: string;
  readonly file: string | undefined;
  readonly line: number | undefined;
  /** Line of the function's declaration, where the binary keeps it. */
  readonly startLine: number | undefined;
  readonly inlined: boolean;
}

export interface SymbolTable {
  readonly functionCount: number;
  /** Every function in address order. */
  functions(): Iterable<GoFunction>;
  /** Bodies of exactly this name; empty when there is none. */
  findByName(name: string): readonly GoFunction[];
  findByAddress(address: VirtualAddress): GoFunction | undefined;
  /** Declaration place of a function. */
  place(fn: GoFunction): { readonly file: string | undefined; readonly line: number | undefined };
  /** Source frames at an address, innermost inlined call first; empty when no function holds it. */
  symbolize(address: VirtualAddress): readonly Frame[];
  /** Parameters and results, from the best source there is; undefined when the binary has none. */
  signature(fn: GoFunction): Signature | undefined;
  /** How many calls of each of these names the compiler inlined, over the whole binary; names without any are absent. */
  inlinedCopies(names: ReadonlySet<string>): ReadonlyMap<string, number>;
  /** Names most like the given one, best first. */
  nearest(name: string, limit: number): readonly string[];
}
