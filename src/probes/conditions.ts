/**
 * Conditions, from what is true or false in an expression to codes. What the entry alone knows is decided there: as a whole
 * when nothing else matters, so that a call that fails costs no more than its probes; else as bits that the return asks for.
 */
import { gsLimits } from "../abi/index.js";
import { found, type Outcome, refused } from "../base/index.js";
import type { Code, Condition, Relation } from "./code.js";
import { type CodeBuilder, codeOf, type Emit, Label } from "./code-builder.js";
import { bare, comparison, prefix, relate } from "./comparisons.js";
import { type Expression, formatExpression, isTruth, type Truth } from "./expression.js";
import { locate, type Surroundings } from "./locate.js";
import type { Operand, Phase } from "./operand.js";

/** `mixed`: parts of it are known at the entry only, others at the return. */
type JudgedPhase = Phase | "mixed";

/** A condition whose names and types are known. */
export type Judged = { readonly phase: JudgedPhase } /** Leaves 1 or 0 in A. */ & (
  | { readonly kind: "test"; readonly emit: Emit }
  | { readonly kind: "not"; readonly of: Judged }
  | { readonly kind: "all" | "any"; readonly of: readonly Judged[] }
);

const test = (phase: Phase, emit: Emit): Outcome<Judged> => found({ kind: "test", phase, emit });

/** What a condition means at a probe. Refused: `wrong-type`, `not-a-condition`, and whatever its values are refused for. */
export function judge(expression: Expression, around: Surroundings): Outcome<Judged> {
  switch (expression.kind) {
    case "not": {
      const of = judge(expression.of, around);
      return of.ok ? found({ kind: "not", phase: of.value.phase, of: of.value }) : of;
    }
    case "all":
    case "any": {
      const parts: Judged[] = [];
      for (const each of expression.of) {
        const part = judge(each, around);
        if (!part.ok) return part;
        parts.push(part.value);
      }
      return found({ kind: expression.kind, phase: commonPhase(parts), of: parts });
    }
    case "relate":
      return judgeRelation(expression, around);
    case "compare":
    case "prefix": {
      // The type that nothing has is none.
      const untyped =
        expression.kind === "compare" && expression.with.kind === "nil" ? typed(expression.of) : undefined;
      if (untyped !== undefined) return judge({ ...expression, of: untyped }, around);
      return expression.of.kind === "special" && expression.of.name === "func"
        ? judgeName(expression, around)
        : judgeSubject(expression.of, around, (of) =>
            expression.kind === "prefix"
              ? prefix(of, expression.prefix, around.program)
              : comparison(of, expression.relation, expression.with, around.program),
          );
    }
    default:
      return judgeSubject(expression, around, bare);
  }
}

/** What an expression tells the type of. */
const typed = (expression: Expression): Expression | undefined =>
  expression.kind === "call" && expression.function === "type" ? expression.of : undefined;

/** The same where it must be known at one end of a call. `option`: what it was given to. Refused: as above, and `mixed-ends`. */
export function judgeAtOneEnd(
  expression: Expression,
  around: Surroundings,
  option: "--by" | "--show",
): Outcome<Judged & { readonly phase: Phase }> {
  const judged = judge(expression, around);
  if (!judged.ok) return judged;
  const { phase } = judged.value;
  if (phase !== "mixed") return found({ ...judged.value, phase });
  return refused(
    "mixed-ends",
    `${formatExpression(expression)} needs arguments, which are known at the entry, and results`,
    `--where can test both; ${option} can have each by itself`,
  );
}

/** What is tested of a value. */
function judgeSubject(
  subject: Expression,
  around: Surroundings,
  tested: (of: Operand) => Outcome<Emit>,
): Outcome<Judged> {
  const operand = locateSubject(subject, around);
  if (!operand.ok) return operand;
  const emit = tested(operand.value);
  return emit.ok ? test(operand.value.phase, emit.value) : emit;
}

function locateSubject(subject: Expression, around: Surroundings): Outcome<Operand> {
  if (subject.kind === "linear") {
    return refused("wrong-type", "lin(e, …) groups values of --by", "compare the value itself");
  }
  if (isTruth(subject)) {
    return refused("wrong-type", `${formatExpression(subject)} is true or false already`, "it can be tested as it is");
  }
  return locate(subject, around);
}

/** Two values of the program: numbers, bools and pointers. */
function judgeRelation(expression: Truth & { kind: "relate" }, around: Surroundings): Outcome<Judged> {
  const [left, right] = [locateSubject(expression.of, around), locateSubject(expression.to, around)];
  if (!left.ok) return left;
  if (!right.ok) {
    const isText = left.value.type.kind === "string" && right.refusal.code === "unknown-argument";
    if (!isText) return right;
    const [subject, meant] = [expression.of, expression.to].map(formatExpression);
    const quoted = `${subject} ${expression.relation} ${JSON.stringify(meant)}`;
    return refused(right.refusal.code, right.refusal.reason, `text stands in double quotes: ${quoted}`);
  }
  const { relation } = expression;
  const phase = commonPhase([left.value, right.value]);
  if (phase === "mixed") {
    return refused(
      "mixed-ends",
      `${formatExpression(expression)} needs an argument, which is known at the entry, and a result`,
      "each can be compared with literals",
    );
  }
  const emit = relate(left.value, right.value, relation);
  return emit.ok ? test(phase, emit.value) : emit;
}

function commonPhase(parts: readonly { readonly phase: JudgedPhase }[]): JudgedPhase {
  const phases = new Set(parts.map(({ phase }) => phase).filter((phase) => phase !== "either"));
  const [only = "either"] = phases;
  return phases.size > 1 ? "mixed" : only;
}

/** What compares with `$func` is known before the run. */
function judgeName(
  expression: Truth & { kind: "compare" | "prefix" },
  { functionName }: Surroundings,
): Outcome<Judged> {
  const name = Buffer.from(functionName, "utf8");
  const constant = (truth: number | boolean): Outcome<Judged> => test("either", (to) => to.set(truth ? 1 : 0));
  if (expression.kind === "prefix")
    return constant(name.subarray(0, expression.prefix.length).equals(expression.prefix));
  const { with: literal, relation } = expression;
  if (literal.kind !== "string") {
    return refused("wrong-type", "$func is a function's name: it is compared with strings", '$func == "main.main"');
  }
  return constant(holds(name.compare(literal.value), relation));
}

function holds(order: number, relation: Relation): boolean {
  switch (relation) {
    case "==":
      return order === 0;
    case "!=":
      return order !== 0;
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
  }
}

/** Leaves 1 or 0 in A. `decided`: which decision of the entry stands for a part, if one does. */
export function emitJudged(to: CodeBuilder, judged: Judged, decided?: (part: Judged) => number | undefined): void {
  const decision = decided?.(judged);
  if (decision !== undefined) {
    to.emit({ op: "decided", decision });
    return;
  }
  switch (judged.kind) {
    case "test":
      judged.emit(to);
      break;
    case "not":
      emitJudged(to, judged.of, decided);
      to.withVariables(1, (truth = 0) => {
        to.put(truth);
        to.set(0);
        to.emit({ op: "compare", relation: "==", variable: truth, signed: false });
      });
      break;
    default: {
      // What settles the whole is left in A as it is.
      const settled = new Label();
      judged.of.forEach((part, index) => {
        emitJudged(to, part, decided);
        if (index === judged.of.length - 1) return;
        if (judged.kind === "all") to.jumpUnless(settled);
        else to.jumpIf(settled);
      });
      to.place(settled);
    }
  }
}

const isEarly = ({ phase }: Judged): boolean => phase === "entry" || phase === "either";

/**
 * Joins neighbours that are known early, so that one bit stands for them. The order stays: as in Go, what stands first keeps
 * what follows from being read where that would fail.
 */
function gather(judged: Judged): Judged {
  if (judged.kind === "not") return { ...judged, of: gather(judged.of) };
  if (judged.kind === "test" || judged.phase !== "mixed") return judged;
  const { kind } = judged;
  const parts: Judged[] = [];
  let early: Judged[] = [];
  const join = (): void => {
    const [only, ...more] = early;
    if (only !== undefined) parts.push(more.length === 0 ? only : { kind, phase: "entry", of: early });
    early = [];
  };
  for (const part of judged.of) {
    if (isEarly(part)) {
      early.push(part);
      continue;
    }
    join();
    parts.push(gather(part));
  }
  join();
  return { ...judged, of: parts };
}

/**
 * The codes of a `--where` at a probe. Refused as `judge` does, and `too-many-parts` when the entry would have to remember
 * too many decisions.
 */
export function compileCondition(expression: Expression, around: Surroundings): Outcome<Condition> {
  const judged = judge(expression, around);
  if (!judged.ok) return judged;
  const whole = gather(judged.value);
  const conjuncts = whole.kind === "all" ? whole.of : [whole];
  const early = conjuncts.filter(isEarly);
  const late = conjuncts.filter((part) => !isEarly(part));
  const decisions: Code[] = [];
  const decided = (part: Judged): number | undefined => {
    if (!isEarly(part)) return undefined;
    decisions.push(codeOf((to) => emitJudged(to, part)));
    return decisions.length - 1;
  };
  const all = (parts: readonly Judged[]): Judged => ({ kind: "all", phase: commonPhase(parts), of: parts });
  const atEntry = early.length === 0 ? undefined : codeOf((to) => emitJudged(to, all(early)));
  const atReturn = late.length === 0 ? undefined : codeOf((to) => emitJudged(to, all(late), decided));
  if (decisions.length > gsLimits.GS_MAX_DECIDED) {
    return refused(
      "too-many-parts",
      `the condition mixes arguments and results in ${decisions.length} places, ${gsLimits.GS_MAX_DECIDED} are possible`,
      "what only arguments decide is best put first: ARGUMENTS && RESULTS",
    );
  }
  return found({ decisions, entry: atEntry, return: atReturn });
}
