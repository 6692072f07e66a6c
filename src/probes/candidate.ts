/** One probe before the run's dimensions are settled, and its answers to what is asked of every one. */
import { found, type Outcome } from "../base/index.js";
import type { Signature } from "../binary/index.js";
import type { CodeFile } from "../symbols/index.js";
import { type CompiledShow, compileCaptures, compileShow, type Shown } from "./captures.js";
import type { Captures, Condition } from "./code.js";
import type { ProbeSites } from "./code-sites.js";
import { compileCondition } from "./conditions.js";
import type { Expression } from "./expression.js";
import type { Surroundings } from "./locate.js";
import type { NamedVariable } from "./names.js";
import { operandOf } from "./operand.js";
import type { CallIdentity, PlannedFunction, PlannedPlace, PlannedProbe, Recipe } from "./plan.js";
import { type CompiledExpression, compileExpression } from "./recipes.js";

/** What is asked of every function and place alike. */
export interface Questions {
  readonly by: readonly Expression[];
  readonly of: Expression | undefined;
  readonly where: Expression | undefined;
  /** Undefined: nothing is captured. */
  readonly show: readonly { readonly name: string; readonly expression: Expression }[] | undefined;
  /** How many probes there are, at least: captures share what room there is. */
  readonly probes: number;
}

/** The questions as they are answered at one probe. */
export interface Answers {
  readonly values: readonly CompiledExpression[];
  /** Of `--of`. */
  readonly measured: CompiledExpression | undefined;
  readonly condition: Condition | undefined;
  readonly captures: Captures | undefined;
}

export interface Candidate extends Answers {
  /** What results call it. */
  readonly name: string;
  readonly file: CodeFile;
  /** Whose code its sites are in. */
  readonly function: PlannedFunction;
  readonly sites: ProbeSites;
  /** Undefined for the function itself. */
  readonly place: PlannedPlace | undefined;
  readonly signature: Signature | undefined;
  readonly identity: CallIdentity;
  readonly goroutine: PlannedProbe["goroutine"];
  /** Of a span: which of its ends this is. */
  readonly end?: "begin" | "end";
  readonly match?: Recipe;
}

/** Whether any value is wanted of a call, so that its arguments have to be known. */
export const asksAnything = ({ by, of, where, show }: Questions): boolean =>
  by.length > 0 || of !== undefined || where !== undefined || show !== undefined;

/** Of a run that only counts and times. */
export const NO_ANSWERS: Answers = { values: [], measured: undefined, condition: undefined, captures: undefined };

/** Refused as the first expression that is. `variables`: what a trace shows unasked; undefined where nothing tells them. */
export function answer(
  { by, of, where, show, probes }: Questions,
  variables: readonly NamedVariable[] | undefined,
  around: Surroundings,
): Outcome<Answers> {
  const values: CompiledExpression[] = [];
  for (const expression of of === undefined ? by : [...by, of]) {
    const compiled = compileExpression(expression, around);
    if (!compiled.ok) return compiled;
    values.push(compiled.value);
  }
  const measured = of === undefined ? undefined : values.pop();
  const condition = where && compileCondition(where, around);
  if (condition?.ok === false) return condition;
  const captures = show && captureCalls({ show, probes }, variables, around);
  if (captures?.ok === false) return captures;
  return found({ values, measured, condition: condition?.value, captures: captures?.value });
}

function captureCalls(
  { show, probes }: { readonly show: NonNullable<Questions["show"]>; readonly probes: number },
  variables: readonly NamedVariable[] | undefined,
  around: Surroundings,
): Outcome<Captures> {
  const shows: CompiledShow[] = [];
  for (const { name, expression } of show) {
    const compiled = compileShow(name, expression, around);
    if (!compiled.ok) return compiled;
    shows.push(compiled.value);
  }
  const values = (variables ?? []).map(
    ({ name, role, bound }): Shown => ({
      name,
      role,
      phase: role === "argument" ? "entry" : "return",
      value: bound.ok ? operandOf(bound.value, name) : bound,
    }),
  );
  const captures = compileCaptures(values, shows, { ...around, probes });
  return found(variables === undefined ? { ...captures, untyped: true } : captures);
}

/** Whether all that is asked is known when a call begins: then its end need not be seen. */
export const endsAtEntry = ({ values, measured, condition, captures }: Answers): boolean =>
  measured !== undefined &&
  captures === undefined &&
  condition?.return === undefined &&
  [measured, ...values].every(({ recipe }) => recipe.phase === "entry");
