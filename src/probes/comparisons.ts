/**
 * Comparisons as steps that leave 1 or 0 in A: of numbers, floats, bytes, of what an interface holds, with literals and with
 * each other. What can't be compared is refused, with what can.
 */
import { gsLimits } from "../abi/index.js";
import { found, invariant, type Outcome, type Refusal, refused } from "../base/index.js";
import type { Relation } from "./code.js";
import { type CodeBuilder, type Emit, Label } from "./code-builder.js";
import type { DynamicType, ProgramFacts } from "./dynamic-types.js";
import { type Literal, quote } from "./expression.js";
import { explainLiteral, integerOf, isText } from "./literals.js";
import { heldValue, loadBytes, loadInteger, loadPair, loadWord, type Operand, typeWord, WORD } from "./operand.js";
import { article, hintFor } from "./type-text.js";

const refusal = (detail: Refusal): { readonly ok: false; readonly refusal: Refusal } => ({
  ok: false,
  refusal: detail,
});

/** A value that is a condition by itself: a bool. Refused: `wrong-type`. */
export function bare(of: Operand): Outcome<Emit> {
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

/** Whether a value relates so to a literal; refused where the two do not compare. */
export function comparison(of: Operand, relation: Relation, literal: Literal, program: ProgramFacts): Outcome<Emit> {
  const { type } = of;
  if (type.kind === "interface" && type.empty && literal.kind !== "nil") {
    return compareDynamic(of, relation, literal, program);
  }
  const wrong = explainLiteral(literal, type, of.text);
  if (wrong !== undefined) return refusal(wrong);
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

/** Types whose values a literal may equal in an `any`. */
const DYNAMIC: Readonly<Record<Exclude<Literal["kind"], "nil">, readonly string[]>> = {
  integer: ["int", "int64", "int32", "int16", "int8", "uint", "uint64", "uint32", "uint16", "uint8", "uintptr"],
  character: ["int32", "uint8"],
  string: ["string"],
  float: ["float64", "float32"],
  bool: ["bool"],
  duration: ["time.Duration"],
};

/** As in Go, a value of another type differs from the literal. */
function compareDynamic(
  of: Operand,
  relation: Relation,
  literal: Exclude<Literal, { readonly kind: "nil" }>,
  program: ProgramFacts,
): Outcome<Emit> {
  if (relation !== "==" && relation !== "!=") {
    const reason = `${of.text} is ${article(of.type)}: its values are in no order`;
    return refused("wrong-type", reason, "== and != have a meaning");
  }
  const types = DYNAMIC[literal.kind]
    .flatMap((name) => program.typesNamed(name))
    .filter(({ type }) => explainLiteral(literal, type, of.text) === undefined);
  const otherwise = relation === "!=" ? 1 : 0;
  return testDynamic(of, types, (held) => comparison(held, relation, literal, program), otherwise);
}

/** A test of what an interface holds, by its type; of other types, and of nil, it comes to `otherwise`. */
function testDynamic(
  of: Operand,
  types: readonly DynamicType[],
  tested: (held: Operand) => Outcome<Emit>,
  otherwise: 0 | 1,
): Outcome<Emit> {
  const [word, data] = [typeWord(of), loadWord(of, WORD)];
  if (!word.ok) return word;
  if (!data.ok) return data;
  const failed = types.map(({ type }) => tested(heldValue(type, 0, of))).find((outcome) => !outcome.ok);
  if (failed !== undefined) return failed;
  return found((to) => {
    const done = new Label();
    word.value(to);
    to.withVariables(2, (descriptor = 0, value = 0) => {
      to.put(descriptor);
      data.value(to);
      to.put(value);
      for (const { type, descriptor: address } of types) {
        const next = new Label();
        to.emit({ op: "image", address }, { op: "compare", relation: "==", variable: descriptor, signed: false });
        to.jumpUnless(next);
        const test = tested(heldValue(type, value, of));
        if (test.ok) test.value(to);
        to.jump(done);
        to.place(next);
      }
      to.set(otherwise);
      to.place(done);
    });
  });
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
    value.value(to);
    to.withVariables(1, (left = 0) => {
      to.put(left);
      constant(to);
      to.emit({ op: "compare", relation: TURNED[relation], variable: left, signed });
    });
  });
}

function compareFloats(of: Operand, size: 4 | 8, relation: Relation, value: number): Outcome<Emit> {
  const bits = loadBytes(of, { offset: 0, size, signed: false });
  if (!bits.ok) return bits;
  return found((to) => emitFloats(to, [bits.value, (code) => code.set(floatBits(value, size))], size, relation));
}

/** As IEEE 754 has it: a NaN differs from everything, and is in no order to it. */
function emitFloats(to: CodeBuilder, [one, other]: readonly [Emit, Emit], size: 4 | 8, relation: Relation): void {
  const nan = new Label();
  const done = new Label();
  one(to);
  to.orderFloat(size, nan);
  to.withVariables(1, (left = 0) => {
    to.put(left);
    other(to);
    to.orderFloat(size, nan);
    to.emit({ op: "compare", relation: TURNED[relation], variable: left, signed: false });
  });
  to.jump(done);
  to.place(nan);
  to.set(relation === "!=" ? 1 : 0);
  to.place(done);
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

/** Whether a string begins with these bytes; of an interface, whether it holds such a string. */
export function prefix(of: Operand, constant: Buffer, program: ProgramFacts): Outcome<Emit> {
  if (of.type.kind === "interface" && of.type.empty) {
    const strings = program.typesNamed("string");
    return testDynamic(of, strings, (held) => compareBytes(held, constant, "prefix", "=="), 0);
  }
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

/** Numbers, bools and pointers, both of the program. */
export function relate(left: Operand, right: Operand, relation: Relation): Outcome<Emit> {
  const [one, other] = [left.type, right.type];
  const equality = relation === "==" || relation === "!=";
  if (one.kind === "int" && other.kind === "int") {
    // Widened to 64 bits, a narrow unsigned integer is a signed one too.
    const signed = one.signed || other.signed;
    const fit = (type: typeof one): boolean => type.signed === signed || type.size < WORD;
    const [a, b] = [loadInteger(left, one), loadInteger(right, other)];
    if (!b.ok) return b;
    if (fit(one) && fit(other)) return compareNumbers(a, b.value, relation, signed);
  } else if (one.kind === "float" && one.size === other.size && other.kind === "float") {
    const size = one.size === 4 ? 4 : 8;
    const [a, b] = [left, right].map((of) => loadBytes(of, { offset: 0, size, signed: false }));
    if (a?.ok && b?.ok) return found((to) => emitFloats(to, [a.value, b.value], size, relation));
    if (a?.ok === false) return a;
    if (b?.ok === false) return b;
  } else if (one.kind === "bool" && other.kind === "bool" && equality) {
    const b = bare(right);
    return b.ok ? compareNumbers(bare(left), b.value, relation, false) : b;
  } else if (one.kind === "pointer" && other.kind === "pointer" && equality) {
    const b = loadWord(right, 0);
    return b.ok ? compareNumbers(loadWord(left, 0), b.value, relation, false) : b;
  }
  return refused(
    "wrong-type",
    `${left.text} is ${article(one)}, ${right.text} ${article(other)}: they can't be compared by ${relation}`,
    "each can be compared with literals",
  );
}
