/**
 * From an expression to what evaluates it at a site where one number or one string is wanted: the few straight steps of a
 * recipe where they do, a code where they don't. Refused is what can't be read, with what would work instead.
 */
import type { ValueEncoding } from "../aggregate/index.js";
import { found, type Outcome, refused } from "../base/index.js";
import type { GoType } from "../binary/index.js";
import { codeOf, type Emit, Label, straightSteps } from "./code-builder.js";
import { emitJudged, judgeAtOneEnd } from "./conditions.js";
import type { ProgramFacts } from "./dynamic-types.js";
import { type Expression, isTruth } from "./expression.js";
import { isText } from "./literals.js";
import { DURATION, INT, locate, type Surroundings } from "./locate.js";
import {
  loadBytes,
  loadInteger,
  loadPair,
  loadWord,
  type Operand,
  type Phase,
  typeWord,
  WORD,
  wordSize,
} from "./operand.js";
import type { Recipe } from "./plan.js";
import { article, hintFor } from "./type-text.js";

/** A recipe together with how its value is read back. */
export interface CompiledExpression {
  readonly recipe: Recipe;
  readonly encoding: ValueEncoding;
}

/** A value before it is a recipe. */
interface Value {
  readonly phase: Phase;
  readonly type: GoType;
  readonly encoding: ValueEncoding;
  readonly emit: Emit;
}

const BOOL: GoType = { kind: "bool", name: "bool", size: 1 };

/**
 * The recipe of an expression at a probe. Refused: `float-in-register`, `optimized-away`, `unreadable-argument`,
 * `unknown-argument`, `wrong-type`, `mixed-ends`, `not-supported`, and as the scope refuses names.
 */
export function compileExpression(expression: Expression, around: Surroundings): Outcome<CompiledExpression> {
  const value = evaluate(expression, around);
  if (!value.ok) return value;
  const { phase, type, encoding, emit } = value.value;
  const code = codeOf(emit);
  const steps = straightSteps(code);
  // What can be known at both ends is known at the entry already.
  const common = { phase: phase === "either" ? "entry" : phase, type } as const;
  return found({ recipe: steps === undefined ? { ...common, steps: [], code } : { ...common, steps }, encoding });
}

function evaluate(expression: Expression, around: Surroundings): Outcome<Value> {
  if (isTruth(expression)) {
    const judged = judgeAtOneEnd(expression, around, "--by");
    if (!judged.ok) return judged;
    const { phase } = judged.value;
    return found({ phase, type: BOOL, encoding: { kind: "bool" }, emit: (to) => emitJudged(to, judged.value) });
  }
  if (expression.kind === "linear") {
    const inner = evaluate(expression.of, around);
    if (!inner.ok) return inner;
    const { encoding, emit, phase, type } = inner.value;
    if (encoding.kind !== "integer") return refused("unreadable-argument", `lin takes an integer, not ${type.name}`);
    const { low, width, buckets } = expression;
    const { signed } = encoding;
    return found({
      phase,
      type: INT,
      encoding: { kind: "linear", low, width, buckets },
      emit: (to) => {
        emit(to);
        to.emit({ op: "linear", signed, low, width, buckets });
      },
    });
  }
  const operand = locate(expression, around);
  if (!operand.ok) return operand;
  const value = fetch(operand.value, around.program);
  if (!value.ok || expression.kind !== "call") return value;
  if (expression.function === "type") return found({ ...value.value, encoding: { kind: "string", empty: "nil" } });
  return expression.function === "log2" ? found({ ...value.value, encoding: { kind: "log2" } }) : value;
}

/** An operand's own value. */
function fetch(of: Operand, program: ProgramFacts): Outcome<Value> {
  const { type, phase } = of;
  const made = (emit: Outcome<Emit>, encoding: ValueEncoding): Outcome<Value> =>
    emit.ok ? found({ phase, type, encoding, emit: emit.value }) : emit;
  switch (type.kind) {
    case "int": {
      const size = wordSize(type.size);
      if (size === undefined) break;
      return made(loadInteger(of, type), {
        kind: "integer",
        signed: type.signed,
        size,
        ...(type.name === DURATION.name ? { unit: "ns" } : {}),
      });
    }
    case "bool": {
      const value = loadBytes(of, { offset: 0, size: 1, signed: false });
      if (!value.ok) return value;
      const emit: Emit = (to) => {
        value.value(to);
        to.emit({ op: "not-zero" });
      };
      return made(found(emit), { kind: "bool" });
    }
    case "pointer":
    case "opaque-pointer":
      return made(loadWord(of, 0), { kind: "pointer" });
    case "float": {
      const size = type.size === 4 ? 4 : 8;
      return made(loadBytes(of, { offset: 0, size, signed: false }), { kind: "float", size });
    }
    case "interface": {
      const held = type.empty ? heldText(of, program) : undefined;
      if (held !== undefined) return held;
      break;
    }
    default:
      if (isText(type)) return made(loadPair(of), { kind: "string" });
      break;
  }
  return refused("unreadable-argument", `${of.text} is ${article(type)}: it can't be read as one value`, hintFor(of));
}

/** The string in an `any`, nil being none; undefined in a program that has no strings in interfaces. */
function heldText(of: Operand, { typesNamed }: ProgramFacts): Outcome<Value> | undefined {
  const [string] = typesNamed("string");
  if (string === undefined) return undefined;
  const [word, data] = [typeWord(of), loadWord(of, WORD)];
  if (!word.ok) return word;
  if (!data.ok) return data;
  const emit: Emit = (to) => {
    const held = new Label();
    const text = new Label();
    to.withVariables(1, (descriptor = 0) => {
      word.value(to);
      to.jumpIf(held);
      to.emit({ op: "fail", as: "nil" });
      to.place(held);
      to.put(descriptor);
      to.emit({ op: "image", address: string.descriptor });
      to.emit({ op: "compare", relation: "==", variable: descriptor, signed: false });
      to.jumpIf(text);
      to.emit({ op: "fail", as: "other-type" });
      to.place(text);
      data.value(to);
      to.emit({ op: "load-pair", offset: 0 });
    });
  };
  return found({ phase: of.phase, type: string.type, encoding: { kind: "string" }, emit });
}
