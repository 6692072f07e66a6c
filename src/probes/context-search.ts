/** The search for a context's value: from one context to its parent, as context.Value goes. */
import type { GoType } from "../binary/index.js";
import { type CodeBuilder, type Emit, Label } from "./code-builder.js";
import type { DynamicType, ProgramFacts } from "./dynamic-types.js";

/**
 * FACT(go1.7..go1.27): contexts that hold others do so in their first two words; `*context.valueCtx` has its key, then its
 * value behind those.
 */
export const VALUE_CONTEXT = "*context.valueCtx";
/** Types of contexts that have their parent in the first two words, and no value. */
export const PARENT_FIRST = [
  "*context.cancelCtx",
  "*context.timerCtx",
  "*context.afterFuncCtx",
  "context.stopCtx",
  "context.withoutCancelCtx",
];
const LAST = ["context.backgroundCtx", "context.todoCtx", "*context.emptyCtx"];
/** Offsets in `*context.valueCtx`. */
export const KEY = 16;
export const VALUE = 32;
const WORD = 8;

/** LIMIT: contexts that one search goes through; real ones are nested a few dozen deep. */
const MAX_CONTEXTS = 64;

export interface ContextSearch {
  /** Leaves the interface's two words in A and B. */
  readonly context: Emit;
  readonly keys: readonly DynamicType[];
  readonly program: Pick<ProgramFacts, "typesNamed">;
}

/** Leaves the address of the value, an `any`, in A, or fails: `not-found`, `too-large`, `other-type` for a foreign context. */
export function emitContextSearch(to: CodeBuilder, { context, keys, program }: ContextSearch): void {
  const named = (names: readonly string[]): readonly DynamicType[] => names.flatMap((name) => program.typesNamed(name));
  context(to);
  to.withVariables(4, (table = 0, data = 0, type = 0, left = 0) => {
    const next = new Label();
    const holds = new Label();
    const parent = new Label();
    const absent = new Label();
    const isKey = new Label();
    const inside = new Label();
    to.put(table);
    to.emit({ op: "put-b", variable: data });
    to.set(MAX_CONTEXTS);
    to.put(left);
    to.place(next);
    to.get(left);
    to.jumpIf(inside);
    to.emit({ op: "fail", as: "too-large" });
    to.place(inside);
    to.emit({ op: "add", value: -1 });
    to.put(left);
    to.get(table);
    to.jumpUnless(absent);
    to.emit({ op: "load", offset: WORD, size: WORD, signed: false });
    to.put(type);
    jumpIfOneOf(to, named([VALUE_CONTEXT]), type, holds);
    jumpIfOneOf(to, named(PARENT_FIRST), type, parent);
    jumpIfOneOf(to, named(LAST), type, absent);
    to.emit({ op: "fail", as: "other-type" });
    to.place(holds);
    to.get(data);
    to.emit({ op: "load", offset: KEY, size: WORD, signed: false });
    to.put(type);
    jumpIfOneOf(to, keys, type, isKey);
    to.place(parent);
    to.get(data);
    to.emit({ op: "load-pair", offset: 0 });
    to.put(table);
    to.emit({ op: "put-b", variable: data });
    to.jump(next);
    to.place(absent);
    to.emit({ op: "fail", as: "not-found" });
    to.place(isKey);
    to.get(data);
    to.emit({ op: "add", value: VALUE });
  });
}

/** Compares a variable with the addresses of descriptors, wherever the program was loaded. */
export function jumpIfOneOf(
  to: CodeBuilder,
  types: readonly { readonly type: GoType; readonly descriptor: DynamicType["descriptor"] }[],
  variable: number,
  label: Label,
): void {
  for (const { descriptor } of types) {
    to.emit({ op: "image", address: descriptor }, { op: "compare", relation: "==", variable, signed: false });
    to.jumpIf(label);
  }
}
