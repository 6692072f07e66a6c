/** What a run tells calls apart by and what it measures of them, as both the planner and the decoder speak of it. */

/** How a dimension's 64 bits or bytes are read back. */
export type ValueEncoding =
  /** `unit` is `ns` for a time.Duration. */
  | {
      readonly kind: "integer";
      readonly signed: boolean;
      readonly size: 1 | 2 | 4 | 8;
      readonly unit?: "ns" | undefined;
    }
  | { readonly kind: "bool" }
  | { readonly kind: "float"; readonly size: 4 | 8 }
  /** `empty` is `nil` for the name of a type, which only what is nil has not. */
  | { readonly kind: "string"; readonly empty?: "nil" | undefined }
  | { readonly kind: "pointer" }
  /** `log2(e)`: the value is the exponent; 64 stands for a negative number. */
  | { readonly kind: "log2" }
  /** `lin(e, low, high, width)`: bucket number; 0 is below `low`, `buckets + 1` is at or above the end. */
  | { readonly kind: "linear"; readonly low: number; readonly width: number; readonly buckets: number };

/** One `--by` expression of the run; every probe evaluates it, each by its own recipe, to the same encoding. */
export interface Dimension {
  /** As the user wrote it; the key in JSON's `by` and the label's key in pprof. */
  readonly name: string;
  readonly encoding: ValueEncoding;
}

/** What is measured of each call, or of each time that a place without an end is passed. */
export type Measure =
  /** Its duration, in nanoseconds. */
  | { readonly kind: "duration" }
  /** The value of an expression, `--of`; `unit` is `ns` for a time.Duration. */
  | { readonly kind: "value"; readonly name: string; readonly signed: boolean; readonly unit: "ns" | "value" }
  /** Nothing but that it happened. */
  | { readonly kind: "count" };
