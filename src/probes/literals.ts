/** Which literals a value can be compared with, and why not with others. */
import { type Refusal, USAGE } from "../base/index.js";
import type { GoType } from "../binary/index.js";
import { DURATION_UNITS, formatLiteral, type Literal } from "./expression.js";
import { article, hintFor } from "./type-text.js";

/** Types that have a nil. */
const NILABLE: ReadonlySet<GoType["kind"]> = new Set([
  "pointer",
  "opaque-pointer",
  "interface",
  "map",
  "chan",
  "func",
  "slice",
]);

const isByteSlice = (type: GoType): boolean => {
  if (type.kind !== "slice") return false;
  const element = type.element();
  return element.kind === "int" && element.size === 1 && !element.signed;
};

/** True for what has its bytes at an address, and their number beside it. */
export const isText = (type: GoType): boolean => type.kind === "string" || isByteSlice(type);

/** Why a value of a type, named by `text`, is compared with no such literal; undefined where it can be. */
export function explainLiteral(literal: Literal, type: GoType, text: string): Refusal | undefined {
  if (literal.kind === "nil") {
    if (NILABLE.has(type.kind)) return undefined;
    return wrongType(`${text} is ${article(type)}, which is never nil`, typicalComparison(type, text));
  }
  switch (type.kind) {
    case "int":
      return explainInteger(literal, type, text);
    case "bool":
      return literal.kind === "bool" ? undefined : mismatch(literal, type, text);
    case "float":
      return explainFloat(literal, type, text);
    case "string":
      return literal.kind === "string" ? undefined : mismatch(literal, type, text);
    default:
      if (isByteSlice(type) && literal.kind === "string") return undefined;
      return mismatch(literal, type, text);
  }
}

/** The number that a literal stands for where an integer is wanted. */
export function integerOf(literal: Literal): bigint | undefined {
  if (literal.kind === "integer" || literal.kind === "character" || literal.kind === "duration") return literal.value;
  return literal.kind === "float" && Number.isInteger(literal.value) ? BigInt(literal.value) : undefined;
}

function explainInteger(literal: Literal, type: GoType & { readonly kind: "int" }, text: string): Refusal | undefined {
  const value = integerOf(literal);
  if (value === undefined) return mismatch(literal, type, text);
  const isDuration = type.name === "time.Duration";
  if (literal.kind === "duration" && !isDuration) {
    return wrongType(
      `${text} is ${article(type)}, not a time.Duration`,
      `${formatLiteral(literal)} is ${value} in nanoseconds: compare with the number that it counts`,
    );
  }
  if (isDuration && literal.kind !== "duration" && value !== 0n) {
    const units = DURATION_UNITS.map(([unit]) => unit).join(", ");
    const reason = `${text} is a time.Duration: ${formatLiteral(literal)} has no unit`;
    return { code: USAGE, reason, hint: `units are ${units}` };
  }
  const bits = BigInt(8 * type.size);
  const [least, most] = type.signed ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n];
  if (value >= least && value <= most) return undefined;
  return wrongType(
    `${text} is ${/^[aeio]/.test(type.name) ? "an" : "a"} ${type.name}: it is never ${formatLiteral(literal)}`,
    `it is ${least} to ${most}`,
  );
}

function explainFloat(literal: Literal, type: GoType & { readonly kind: "float" }, text: string): Refusal | undefined {
  if (literal.kind !== "float" && literal.kind !== "integer") return mismatch(literal, type, text);
  const value = Number(literal.value);
  if (type.size === 8 || Number.isFinite(Math.fround(value))) return undefined;
  return wrongType(`${text} is a ${type.name}: it is never ${formatLiteral(literal)}`, undefined);
}

const NOUNS: Readonly<Record<Literal["kind"], string>> = {
  integer: "an integer",
  character: "a character",
  string: "a string",
  float: "a fraction",
  bool: "true or false",
  duration: "a duration",
  nil: "nil",
};

function mismatch(literal: Literal, type: GoType, text: string): Refusal {
  const reason = `${text} is ${article(type)}: it can't be compared with ${NOUNS[literal.kind]}`;
  if (literal.kind === "character" && type.kind === "string") {
    return wrongType(reason, `a string stands in double quotes: "${String.fromCodePoint(Number(literal.value))}"`);
  }
  return wrongType(reason, typicalComparison(type, text));
}

/** A comparison that does work. */
function typicalComparison(type: GoType, text: string): string | undefined {
  switch (type.kind) {
    case "int":
      return type.name === "time.Duration" ? `${text} > 10ms can be tested` : `${text} == 3 can be tested`;
    case "bool":
      return `${text} can be tested as it is, and !${text}`;
    case "float":
      return `${text} > 0.5 can be tested`;
    case "string":
      return `${text} == "text" can be tested`;
    case "pointer":
    case "opaque-pointer":
      return `${text} != nil can be tested`;
    default:
      return hintFor({ type, text });
  }
}

const wrongType = (reason: string, hint: string | undefined): Refusal => ({ code: "wrong-type", reason, hint });
