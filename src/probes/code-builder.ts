/** An assembler of codes: steps in the order in which they are given, labels in place of distances, variables that are free again. */
import { gsLimits } from "../abi/index.js";
import { invariant } from "../base/index.js";
import type { Code, CodeStep } from "./code.js";
import type { FetchStep } from "./plan.js";

/** A place in a code that jumps lead to; placed once. */
export class Label {
  position: number | undefined = undefined;
}

/** Writes steps that leave something in A, or in A and B. */
export type Emit = (to: CodeBuilder) => void;

/** A step, and where it leads when it is a jump. */
interface Part {
  readonly step: (by: number) => CodeStep;
  readonly to: Label | undefined;
}

/** Collects the steps of one code, with labels where jumps lead; `finish` makes distances of them. */
export class CodeBuilder {
  private readonly parts: Part[] = [];
  private variables = 0;

  /** Steps so far. */
  get length(): number {
    return this.parts.length;
  }

  /** Variables that are not in use. */
  get freeVariables(): number {
    return gsLimits.GS_VARIABLES - this.variables;
  }

  emit(...steps: readonly CodeStep[]): void {
    for (const step of steps) this.parts.push({ step: () => step, to: undefined });
  }

  jump(to: Label): void {
    this.parts.push({ step: (by) => ({ op: "jump", by }), to });
  }

  jumpIf(to: Label): void {
    this.parts.push({ step: (by) => ({ op: "jump-if", by }), to });
  }

  jumpUnless(to: Label): void {
    this.parts.push({ step: (by) => ({ op: "jump-unless", by }), to });
  }

  /** From here on a failed read goes on there. */
  attempt(to: Label): void {
    this.parts.push({ step: (by) => ({ op: "try", by }), to });
  }

  orderFloat(size: 4 | 8, onNan: Label): void {
    this.parts.push({ step: (by) => ({ op: "order-float", size, onNan: by }), to: onNan });
  }

  place(label: Label): void {
    invariant(label.position === undefined, "a label is placed once");
    label.position = this.parts.length;
  }

  /** Keeps A in a variable. */
  put(variable: number): void {
    this.emit({ op: "put", variable });
  }

  /** The variable into A. */
  get(variable: number): void {
    this.emit({ op: "get", variable });
  }

  set(value: bigint | number): void {
    this.emit({ op: "set", value: BigInt(value) });
  }

  /** Lends a number of variables for as long as `work` writes steps. */
  withVariables<T>(count: number, work: (...variables: readonly number[]) => T): T {
    const first = this.variables;
    this.variables += count;
    invariant(this.variables <= gsLimits.GS_VARIABLES, "codes nest no deeper than there are variables for");
    const result = work(...Array.from({ length: count }, (_, index) => first + index));
    this.variables = first;
    return result;
  }

  /** The code so far; all labels must have been placed. */
  finish(): Code {
    return this.parts.map(({ step, to }, index) => {
      if (to === undefined) return step(0);
      invariant(to.position !== undefined, "a jump leads to a label that was placed");
      return step(to.position - index - 1);
    });
  }
}

/** What an emitter writes. */
export function codeOf(emit: Emit): Code {
  const builder = new CodeBuilder();
  emit(builder);
  return builder.finish();
}

const STRAIGHT: ReadonlySet<string> = new Set([
  "register",
  "register-b",
  "stack",
  "image",
  "load",
  "load-pair",
  "add",
  "take-b",
  "give-b",
  "log2",
  "linear",
  "truncate",
  "not-zero",
  "add-register",
  "c-string",
] satisfies readonly FetchStep["op"][]);

/** The same steps as those of a recipe, which runs faster; undefined for a code that a recipe can't hold. */
export function straightSteps(code: Code): readonly FetchStep[] | undefined {
  if (code.length > gsLimits.GS_MAX_STEPS) return undefined;
  // What a C string's length is needed for takes a code; that it is one, a recipe can say.
  if (code.some(({ op }, index) => op === "c-string" && index < code.length - 1)) return undefined;
  const straight = code.filter((step): step is FetchStep => STRAIGHT.has(step.op));
  return straight.length === code.length ? straight : undefined;
}
