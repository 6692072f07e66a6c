/**
 * Conditions, from what is true or false in an expression to codes. What the entry alone knows is decided there: as a whole
 * when nothing else matters, so that a call that fails costs no more than its probes; else as bits that the return asks for.
 */
import { gsLimits } from "../abi/index.js";
import { found, invariant, type Outcome, type Refusal, refused } from "../base/index.js";
import type { Code, Condition, Relation } from "./code.js";
import { type CodeBuilder, codeOf, type Emit, Label } from "./code-builder.js";
import { type Expression, formatExpression, type Literal, quote, type Truth } from "./expression.js";
import { explainLiteral, integerOf, isText } from "./literals.js";
import { locate, type Surroundings } from "./locate.js";
import { loadBytes, loadInteger, loadPair, loadWord, type Operand, type Phase, WORD } from "./operand.js";
import { article, hintFor } from "./type-text.js";

/** `mixed`: parts of it are known at the entry only, others at the return. */
type JudgedPhase = Phase | "mixed";

/** A condition whose names and types are known. */
export type Judged = { readonly phase: JudgedPhase } /** Leaves 1 or 0 in A. */ & (
  | { readonly kind: "test"; readonly emit: Emit }
  | { readonly kind: "not"; readonly of: Judged }
  | { readonly kind: "all" | "any"; readonly of: readonly Judged[] }
);

const test = (phase: Phase, emit: Emit): Outcome<Judged> => found({ kind: "test", phase, emit });
const refusal = (detail: Refusal): { readonly ok: false; readonly refusal: Refusal } => ({
  ok: false,
  refusal: detail,
});

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
    case "compare":
    case "prefix":
      if (expression.of.kind === "special" && expression.of.name === "func") return judgeName(expression, around);
      break;
    case "linear":
      return refused("wrong-type", "lin(e, …) groups values of --by", "compare the value itself");
    default:
      break;
  }
  const subject = expression.kind === "compare" || expression.kind === "prefix" ? expression.of : expression;
  if (subject.kind === "linear") {
    return refused("wrong-type", "lin(e, …) groups values of --by", "compare the value itself");
  }
  if (
    subject.kind === "compare" ||
    subject.kind === "prefix" ||
    subject.kind === "not" ||
    subject.kind === "all" ||
    subject.kind === "any"
  ) {
    return refused("wrong-type", `${formatExpression(subject)} is true or false already`, "it can be tested as it is");
  }
  const operand = locate(subject, around);
  if (!operand.ok) return operand;
  const of = operand.value;
  const emit =
    expression.kind === "compare"
      ? comparison(of, expression.relation, expression.with)
      : expression.kind === "prefix"
        ? prefix(of, expression.prefix)
        : bare(of);
  return emit.ok ? test(of.phase, emit.value) : emit;
}

function commonPhase(parts: readonly Judged[]): JudgedPhase {
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

function bare(of: Operand): Outcome<Emit> {
  if (of.type.kind !== "bool") {
    const compared =
      of.type.kind === "int"
        ? `compare it: ${of.text} != 0`
        : of.type.kind === "string"
          ? `compare it: ${of.text} != ""`
          : hintFor(of);
    return refused("wrong-type", `${of.text} is ${article(of.type)}, which is neither true nor false`, compared);
  }
  return isNotZero(loadBytes(of, { offset: 0, size: 1, signed: false }));
}

function comparison(of: Operand, relation: Relation, literal: Literal): Outcome<Emit> {
  const wrong = explainLiteral(literal, of.type, of.text);
  if (wrong !== undefined) return refusal(wrong);
  const { type } = of;
  const equality = relation === "==" || relation === "!=";
  if (!equality && (literal.kind === "nil" || literal.kind === "bool")) {
    return refused(
      "wrong-type",
      `${of.text} ${relation} ${String(literal.kind === "nil" ? "nil" : literal.value)} has no meaning`,
      `== and != have`,
    );
  }
  if (literal.kind === "nil") return againstZero(loadWord(of, 0), relation);
  switch (type.kind) {
    case "bool":
      return againstZero(
        loadBytes(of, { offset: 0, size: 1, signed: false }),
        (literal.kind === "bool" && literal.value) === (relation === "==") ? "!=" : "==",
      );
    case "int": {
      const value = integerOf(literal) ?? 0n;
      const number = loadInteger(of, type);
      if (value === 0n && equality) return againstZero(number, relation);
      return compareNumbers(number, (to) => to.set(value), relation, type.signed);
    }
    case "float":
      return compareFloats(
        of,
        type.size === 4 ? 4 : 8,
        relation,
        literal.kind === "float" ? literal.value : Number(integerOf(literal) ?? 0n),
      );
    default:
      invariant(literal.kind === "string" && isText(type), "only bytes are compared with strings");
      return compareText(of, relation, literal.value);
  }
}

/** Relations with their sides changed. */
const TURNED: Readonly<Record<Relation, Relation>> = {
  "==": "==",
  "!=": "!=",
  "<": ">",
  "<=": ">=",
  ">": "<",
  ">=": "<=",
};

const isNotZero = (value: Outcome<Emit>): Outcome<Emit> =>
  value.ok
    ? found((to) => {
        value.value(to);
        to.emit({ op: "not-zero" });
      })
    : value;

/** Compares A, which `value` leaves, with 0: the one comparison that needs no variable. */
function againstZero(value: Outcome<Emit>, relation: Relation): Outcome<Emit> {
  if (relation === "!=") return isNotZero(value);
  return compareNumbers(value, (to) => to.set(0), relation, false);
}

function compareNumbers(value: Outcome<Emit>, constant: Emit, relation: Relation, signed: boolean): Outcome<Emit> {
  if (!value.ok) return value;
  return found((to) => {
    to.withVariables(1, (left = 0) => {
      value.value(to);
      to.put(left);
      constant(to);
      to.emit({ op: "compare", relation: TURNED[relation], variable: left, signed });
    });
  });
}

/** As IEEE 754 has it: a NaN differs from everything, and is in no order to it. */
function compareFloats(of: Operand, size: 4 | 8, relation: Relation, value: number): Outcome<Emit> {
  const bits = loadBytes(of, { offset: 0, size, signed: false });
  if (!bits.ok) return bits;
  return found((to) => {
    const nan = new Label();
    const done = new Label();
    to.withVariables(1, (left = 0) => {
      bits.value(to);
      to.orderFloat(size, nan);
      to.put(left);
      to.set(floatBits(value, size));
      to.orderFloat(size, nan);
      to.emit({ op: "compare", relation: TURNED[relation], variable: left, signed: false });
    });
    to.jump(done);
    to.place(nan);
    to.set(relation === "!=" ? 1 : 0);
    to.place(done);
  });
}

function floatBits(value: number, size: 4 | 8): bigint {
  const bytes = new DataView(new ArrayBuffer(8));
  if (size === 8) bytes.setFloat64(0, value);
  else bytes.setFloat32(0, value);
  return size === 8 ? bytes.getBigUint64(0) : BigInt(bytes.getUint32(0));
}

function compareText(of: Operand, relation: Relation, constant: Buffer): Outcome<Emit> {
  if (constant.length === 0 && (relation === "==" || relation === "!="))
    return againstZero(loadWord(of, WORD), relation);
  return compareBytes(of, constant, "whole", relation);
}

function prefix(of: Operand, constant: Buffer): Outcome<Emit> {
  if (!isText(of.type)) {
    return refused("wrong-type", `${of.text} is ${article(of.type)}: only strings have prefixes`, hintFor(of));
  }
  return compareBytes(of, constant, "prefix", "==");
}

function compareBytes(of: Operand, constant: Buffer, mode: "whole" | "prefix", relation: Relation): Outcome<Emit> {
  if (constant.length > gsLimits.GS_CONSTANT_BYTES) {
    const most = gsLimits.GS_CONSTANT_BYTES;
    return refused(
      "not-supported",
      `a string of ${constant.length} bytes is too long to compare with`,
      `at most ${most} bytes are possible: hasPrefix(${of.text}, ${quote(constant.subarray(0, 16))}) and len(${of.text}) can be tested`,
    );
  }
  const bytes = loadPair(of);
  if (!bytes.ok) return bytes;
  const order: Emit = (to) => {
    bytes.value(to);
    to.emit({ op: "compare-bytes", constant, prefix: mode });
  };
  return relation === "!=" ? isNotZero(found(order)) : compareNumbers(found(order), (to) => to.set(0), relation, true);
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
      to.withVariables(1, (truth = 0) => {
        emitJudged(to, judged.of, decided);
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

/** Joins parts that are known early, so that one bit stands for them. */
function gather(judged: Judged): Judged {
  if (judged.kind === "not") return { ...judged, of: gather(judged.of) };
  if (judged.kind === "test" || judged.phase !== "mixed") return judged;
  const early = judged.of.filter(isEarly);
  const late = judged.of.filter((part) => !isEarly(part)).map(gather);
  const [only] = early;
  if (only === undefined) return { ...judged, of: late };
  const joined: Judged = early.length === 1 ? only : { kind: judged.kind, phase: "entry", of: early };
  return { ...judged, of: [joined, ...late] };
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
