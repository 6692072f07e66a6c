/** The vocabulary between the readers and everything that speaks of functions. */
import type { VirtualAddress } from "../base/index.js";
import type { Signature } from "../binary/index.js";

/** One function body in the binary. Two bodies may share a name (an ABI0 wrapper and its ABIInternal target). */
export interface GoFunction {
  /** As `go tool nm` prints it, without `.abi0`; type arguments are `[...]` in stripped programs up to go1.20. */
  readonly name: string;
  readonly entry: VirtualAddress;
  /** Exclusive and exact: padding is not included, stripped or not. */
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
  /** Made by the compiler, not written by anybody: tracebacks of Go leave it out. */
  readonly wrapper: boolean;
}

export interface SymbolTable {
  readonly functionCount: number;
  /** Every function in address order. */
  functions(): Iterable<GoFunction>;
  /**
   * Bodies of exactly this name; empty when there is none. `main.Sum[...]` finds all instances of a generic function;
   * a name with `.abi0` is found where the binary has ELF symbols, and so is a single instance up to go1.20.
   */
  findByName(name: string): readonly GoFunction[];
  findByAddress(address: VirtualAddress): GoFunction | undefined;
  /** Declaration place of a function. */
  place(fn: GoFunction): { readonly file: string | undefined; readonly line: number | undefined };
  /**
   * Source frames at an address, innermost inlined call first; empty when no function holds it. For a return address, ask
   * for the byte before it. Functions are named as the runtime names them, type arguments are `[...]`.
   */
  symbolize(address: VirtualAddress): readonly Frame[];
  /** Parameters and results, from the best source there is; undefined when the binary has none. */
  signature(fn: GoFunction): Signature | undefined;
  /**
   * How many copies of each of these functions' bodies the compiler put into other functions, over the whole binary;
   * names without any are absent. A body inlined into one that is itself inlined twice counts twice; a copy that left no
   * instruction of its own does not count. Up to go1.20 the instances of a generic function share one count.
   */
  inlinedCopies(names: ReadonlySet<string>): ReadonlyMap<string, number>;
  /** Names most like the given one, best first. */
  nearest(name: string, limit: number): readonly string[];
}
