/**
 * Go types as the planner needs them: kind, size and layout. DWARF, runtime type data and `--sig` all end here.
 *
 * Types are cyclic (`type node struct { next *node }`), so whatever a pointer leads to is a function, called when wanted.
 */

export interface GoField {
  readonly name: string;
  readonly offset: number;
  readonly embedded: boolean;
  readonly type: GoType;
}

interface Sized {
  /** As Go prints it, package path included: `*main.Store`, `[]string`, `main.Tenant`. */
  readonly name: string;
  /** Bytes in memory. */
  readonly size: number;
}

export type GoType = Sized &
  (
    | { readonly kind: "int"; readonly signed: boolean }
    | { readonly kind: "bool" }
    | { readonly kind: "float" }
    | { readonly kind: "complex" }
    | { readonly kind: "string" }
    | { readonly kind: "slice"; readonly element: () => GoType }
    | { readonly kind: "array"; readonly element: () => GoType; readonly length: number }
    | { readonly kind: "struct"; readonly fields: readonly GoField[] }
    | { readonly kind: "pointer"; readonly target: () => GoType }
    /** unsafe.Pointer, and pointers whose target is not described. */
    | { readonly kind: "opaque-pointer" }
    /** `empty` interfaces (any) hold a type word, others an itab. */
    | { readonly kind: "interface"; readonly empty: boolean }
    | { readonly kind: "map"; readonly key: () => GoType; readonly element: () => GoType }
    | { readonly kind: "chan"; readonly element: () => GoType }
    | { readonly kind: "func" }
  );

export interface GoVariable {
  readonly name: string;
  readonly type: GoType;
}

/** What a function finds in its closure context, to which a register points while the function is entered. */
export interface CapturedVariable extends GoVariable {
  /** In the context: of the variable, or of its address. */
  readonly offset: number;
  /** `address`: captured by reference. `unknown`: the debug data leave open which of the two. */
  readonly held: "value" | "address" | "unknown";
}

/** What a closure takes from around it. */
export interface Captures {
  readonly variables: readonly CapturedVariable[];
  /** Why one may be missing in the list, as a clause: `its debug data …`. Undefined when none is. */
  readonly gap: string | undefined;
}

/** Where a signature comes from; `list` says it. */
export type SignatureSource = "dwarf" | "runtime-types" | "sig" | "symbol-file";

/**
 * A function's parameters and results in source order. The receiver is the first parameter. Unnamed ones have the
 * empty name. A generic function's hidden dictionary is not among them.
 */
export interface Signature {
  readonly parameters: readonly GoVariable[];
  readonly results: readonly GoVariable[];
  readonly hasReceiver: boolean;
  readonly source: SignatureSource;
  /**
   * Present when the source leaves out unnamed parameters, so that counting off registers may go wrong: where each
   * listed one is at the first instruction, as far as the source says it.
   */
  readonly entryPlaces?: readonly (RecordedPlace | undefined)[];
  /** Of a function literal, a method value and what the compiler makes of `go` and `defer`. Looked up when called. */
  readonly captures?: () => Captures;
  /** True when the source leaves out the results of functions such as this. */
  readonly mayLackResults?: boolean;
}

/** The first byte of a value: a register by its DWARF number, or memory at the canonical frame address plus `offset`. */
export type RecordedPlace =
  | { readonly kind: "register"; readonly register: number }
  | { readonly kind: "frame"; readonly offset: number };
