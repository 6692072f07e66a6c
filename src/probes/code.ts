/**
 * Codes: what the evaluation machine of bpf/abi.h runs where the straight steps of a recipe do not do: conditions,
 * captured values, searches. The steps are `enum gs_opcode`, symbolically; jumps are counts of steps from the next one.
 */
import type { ShownValue } from "../aggregate/index.js";
import type { FetchStep } from "./plan.js";

export type Relation = "==" | "!=" | "<" | "<=" | ">" | ">=";

/** Outcomes of a read that a code can declare; `enum gs_read_status`. */
export type Failure = "fault" | "nil" | "too-large" | "not-found" | "other-type";

export type CodeStep =
  | FetchStep
  /** Any 64 bits; two steps on the wire when they do not fit in 32. */
  | { readonly op: "set"; readonly value: bigint }
  | { readonly op: "get"; readonly variable: number }
  | { readonly op: "put"; readonly variable: number }
  | { readonly op: "get-b"; readonly variable: number }
  | { readonly op: "put-b"; readonly variable: number }
  | { readonly op: "add-variable"; readonly variable: number }
  | { readonly op: "multiply"; readonly by: number }
  | { readonly op: "and"; readonly mask: number }
  | { readonly op: "shift-right"; readonly by: number; readonly signed: boolean }
  | { readonly op: "compare"; readonly relation: Relation; readonly variable: number; readonly signed: boolean }
  | { readonly op: "order-float"; readonly size: 4 | 8; readonly onNan: number }
  | { readonly op: "compare-bytes"; readonly constant: Buffer; readonly prefix: "whole" | "prefix" }
  | { readonly op: "jump"; readonly by: number }
  | { readonly op: "jump-if"; readonly by: number }
  | { readonly op: "jump-unless"; readonly by: number }
  | { readonly op: "special"; readonly value: "duration" | "goid" | "tid" }
  | { readonly op: "decided"; readonly decision: number }
  | { readonly op: "try"; readonly by: number }
  | { readonly op: "fail"; readonly as: Failure }
  | { readonly op: "keep"; readonly slot: number }
  /** At most `most` bytes are kept, a multiple of 8. */
  | { readonly op: "keep-bytes"; readonly slot: number; readonly most: number }
  /** A, B = the first word of the string in A, B: letters, digits and underscores, in its first GS_CONSTANT_BYTES. */
  | { readonly op: "word" };

export type Code = readonly CodeStep[];

/** A `--where` at one probe. A code leaves its verdict in A: not 0 is true. */
export interface Condition {
  /** Parts that only the entry knows, for a verdict that falls at the return; asked for by `decided`. */
  readonly decisions: readonly Code[];
  /** Undefined: every call is of interest so far. */
  readonly entry: Code | undefined;
  readonly return: Code | undefined;
}

/** What is captured at one end of a call. */
export interface Capture {
  readonly code: Code;
  readonly slots: number;
  /** Bytes of strings that it keeps at most. */
  readonly tailBytes: number;
}

/** What is captured of a probe's calls, and how it reads back. */
export interface Captures {
  readonly entry: Capture | undefined;
  readonly return: Capture | undefined;
  /** Arguments, then results, then `--show` values, each in its order. */
  readonly shown: readonly ShownValue[];
  /** Nothing tells what arguments and results there are. */
  readonly untyped?: true;
}
