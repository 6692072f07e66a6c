/** One probe before the run's dimensions are settled: what is asked of every one, and a place's answers to that. */
import { found, type Outcome, refused } from "../base/index.js";
import type { GoBinary, Signature } from "../binary/index.js";
import type { GoFunction } from "../symbols/index.js";
import { type CompiledShow, compileCaptures, compileShow, type Shown } from "./captures.js";
import type { Captures, Condition } from "./code.js";
import { type CodePlace, frameAt } from "./code-place.js";
import type { ProbeSites, SiteFinder } from "./code-sites.js";
import { compileCondition } from "./conditions.js";
import type { ProgramFacts } from "./dynamic-types.js";
import type { Expression } from "./expression.js";
import type { Surroundings } from "./locate.js";
import type { NamedVariable } from "./names.js";
import { operandOf } from "./operand.js";
import { placeScope } from "./place-scope.js";
import type { PlannedPlace } from "./plan.js";
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
  /** Whose code its sites are in. */
  readonly fn: GoFunction;
  readonly sites: ProbeSites;
  /** Undefined for the function itself. */
  readonly place: PlannedPlace | undefined;
  readonly signature: Signature | undefined;
}

export const asksAnything = ({ by, of, where, show }: Questions): boolean =>
  by.length > 0 || of !== undefined || where !== undefined || show !== undefined;

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

/** The import path that a symbol begins with: `net/http` of `net/http.(*Server).Serve`. */
export function packageOf(name: string): string {
  const path = name.replace(/\[.*$/s, "");
  const dot = path.indexOf(".", path.lastIndexOf("/") + 1);
  return dot < 0 ? path : path.slice(0, dot);
}

/** What a place is planned with. */
export interface PlaceContext {
  readonly binary: GoBinary;
  readonly finder: SiteFinder;
  readonly program: ProgramFacts;
  readonly questions: Questions;
}

/**
 * A place as a probe: at the cheapest of its instructions, or where something is read the cheapest at which all of it can be
 * read.
 */
export function planPlace(place: CodePlace, { binary, finder, program, questions }: PlaceContext): Outcome<Candidate> {
  const { kind, name, file, line, fn, flow } = place;
  const instructions = asksAnything(questions) ? place.readable : place.instructions;
  let refusal: Outcome<never> | undefined;
  for (const index of instructions) {
    const site = finder.place(flow.instruction(index));
    if (!site.ok) {
      refusal ??= site;
      continue;
    }
    const { address } = site.value;
    const frame = frameAt(binary, address);
    const { scope, variables } = placeScope(binary, {
      address,
      within: place.within,
      names: kind === "copy" ? "parameters" : "variables",
      depth: place.depth,
      line: kind === "copy" ? undefined : line,
      code: { start: fn.entry, end: fn.end },
    });
    const functionName = kind === "copy" ? name : fn.name;
    const answers = asksAnything(questions)
      ? answer(questions, variables, {
          scope,
          program,
          functionName,
          packagePath: packageOf(functionName),
          kind: "place",
        })
      : found(NO_ANSWERS);
    if (!answers.ok) {
      refusal ??= answers;
      continue;
    }
    return found({
      ...answers.value,
      name,
      fn,
      sites: { entry: site.value, exits: [] },
      place: { kind, file, line, within: place.within, ...(frame === undefined ? {} : { frame }) },
      signature: undefined,
    });
  }
  return refusal ?? refused("no-code", "it has no instruction");
}
