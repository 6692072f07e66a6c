/**
 * What `--by`, `--of`, `--show` and `--where` ask for, as a tree; parse-expression.ts makes it from text. What a name means
 * and whether it can be read is for locate.ts.
 */
import type { Relation } from "./code.js";

export type Expression =
  /** A parameter, result or package; a package may be a whole import path: `tenant`, `ret0`, `net/http`. */
  | { readonly kind: "name"; readonly name: string }
  /** `$goid`, without its dollar sign. */
  | { readonly kind: "special"; readonly name: string }
  | { readonly kind: "field"; readonly of: Expression; readonly name: string }
  /** An element by its number, or a map's by its key. */
  | { readonly kind: "index"; readonly of: Expression; readonly at: KeyLiteral }
  | { readonly kind: "dereference"; readonly of: Expression }
  | { readonly kind: "call"; readonly function: CallName; readonly of: Expression }
  | {
      readonly kind: "linear";
      readonly of: Expression;
      readonly low: number;
      readonly width: number;
      readonly buckets: number;
    }
  /** `value(ctx, main.key)`: what a context holds under a key of that type. */
  | { readonly kind: "context-value"; readonly of: Expression; readonly type: string }
  /** `str(arg0, arg1)`: as many bytes at an address. */
  | { readonly kind: "counted-string"; readonly of: Expression; readonly length: Expression }
  | Truth;

/** What is true or false. */
export type Truth =
  | { readonly kind: "compare"; readonly of: Expression; readonly relation: Relation; readonly with: Literal }
  /** Two values of the program. */
  | { readonly kind: "relate"; readonly of: Expression; readonly relation: Relation; readonly to: Expression }
  | { readonly kind: "prefix"; readonly of: Expression; readonly prefix: Buffer }
  | { readonly kind: "not"; readonly of: Expression }
  /** Of two or more, in their order; what decides it early keeps the rest from being read. */
  | { readonly kind: "all" | "any"; readonly of: readonly Expression[] };

/** Types of Go that an integer is converted to. */
export type Conversion = "int8" | "int16" | "int32" | "int64" | "uint8" | "uint16" | "uint32" | "uint64";

export type CallName = "len" | "cap" | "log2" | "type" | "str" | "word" | Conversion;

export type KeyLiteral =
  | { readonly kind: "integer"; readonly value: bigint }
  /** `'x'`, by its code point. */
  | { readonly kind: "character"; readonly value: bigint }
  /** Go's strings are bytes. */
  | { readonly kind: "string"; readonly value: Buffer };

export type Literal =
  | KeyLiteral
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "bool"; readonly value: boolean }
  /** In nanoseconds. */
  | { readonly kind: "duration"; readonly value: bigint }
  | { readonly kind: "nil" };

/** Units of durations in nanoseconds, the largest first. */
export const DURATION_UNITS: readonly (readonly [string, bigint])[] = [
  ["h", 3_600_000_000_000n],
  ["m", 60_000_000_000n],
  ["s", 1_000_000_000n],
  ["ms", 1_000_000n],
  ["µs", 1_000n],
  ["ns", 1n],
];

/** The expression as Go would have it written; it parses to the same tree. */
export function formatExpression(expression: Expression): string {
  switch (expression.kind) {
    case "name":
      return expression.name;
    case "special":
      return `$${expression.name}`;
    case "field":
      return `${formatOperand(expression.of)}.${expression.name}`;
    case "index":
      return `${formatOperand(expression.of)}[${formatLiteral(expression.at)}]`;
    case "dereference":
      return `*${formatExpression(expression.of)}`;
    case "call":
      return `${expression.function}(${formatExpression(expression.of)})`;
    case "linear": {
      const { low, width, buckets } = expression;
      return `lin(${formatExpression(expression.of)}, ${low}, ${low + buckets * width}, ${width})`;
    }
    case "counted-string":
      return `str(${formatExpression(expression.of)}, ${formatExpression(expression.length)})`;
    case "context-value":
      return `value(${formatExpression(expression.of)}, ${expression.type})`;
    case "compare":
      return `${formatPart(expression.of)} ${expression.relation} ${formatLiteral(expression.with)}`;
    case "relate":
      return `${formatPart(expression.of)} ${expression.relation} ${formatPart(expression.to)}`;
    case "prefix":
      return `hasPrefix(${formatExpression(expression.of)}, ${quote(expression.prefix)})`;
    case "not":
      return `!${formatNegated(expression.of)}`;
    case "all":
      return expression.of
        .map((part) => (part.kind === "any" ? formatPart(part) : formatExpression(part)))
        .join(" && ");
    case "any":
      return expression.of.map(formatExpression).join(" || ");
  }
}

/** As Go would have it written. */
export function formatLiteral(literal: Literal): string {
  switch (literal.kind) {
    case "integer":
    case "bool":
      return String(literal.value);
    case "float":
      return Number.isInteger(literal.value) ? literal.value.toExponential() : String(literal.value);
    case "character":
      return `'${escapeText(String.fromCodePoint(Number(literal.value)), "'")}'`;
    case "string":
      return quote(literal.value);
    case "duration": {
      const { value } = literal;
      const [unit, length] = DURATION_UNITS.find(([, each]) => value % each === 0n && value !== 0n) ?? ["s", 1n];
      return `${value / length}${unit}`;
    }
    case "nil":
      return "nil";
  }
}

/** True for what can stand in a condition as it is. */
export function isTruth(expression: Expression): expression is Truth {
  return ["compare", "relate", "prefix", "not", "all", "any"].includes(expression.kind);
}

const isComposed = ({ kind }: Expression): boolean =>
  kind === "compare" || kind === "relate" || kind === "all" || kind === "any";

/** What a field or an element is taken from. */
const formatOperand = (expression: Expression): string =>
  expression.kind === "dereference" || isTruth(expression)
    ? `(${formatExpression(expression)})`
    : formatExpression(expression);

const formatPart = (expression: Expression): string =>
  isComposed(expression) || expression.kind === "not"
    ? `(${formatExpression(expression)})`
    : formatExpression(expression);

const formatNegated = (expression: Expression): string =>
  isComposed(expression) ? `(${formatExpression(expression)})` : formatExpression(expression);

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\\", "\\\\"],
]);

function escapeText(text: string, delimiter: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\\'"]/gu, (character) => {
    if (character === "'" || character === '"') return character === delimiter ? `\\${character}` : character;
    const code = character.codePointAt(0) ?? 0;
    return ESCAPES.get(character) ?? (code < 0x10000 ? `\\u${hexadecimal(code, 4)}` : `\\U${hexadecimal(code, 8)}`);
  });
}

const hexadecimal = (code: number, digits: number): string => code.toString(16).padStart(digits, "0");

/** A Go string literal of these bytes. */
export function quote(bytes: Buffer): string {
  const text = bytes.toString("utf8");
  // Not all bytes are text: those that are none are spelled out.
  if (Buffer.from(text, "utf8").equals(bytes)) return `"${escapeText(text, '"')}"`;
  const spelled = Array.from(bytes, (byte) =>
    byte < 0x80 ? escapeText(String.fromCharCode(byte), '"') : `\\x${hexadecimal(byte, 2)}`,
  );
  return `"${spelled.join("")}"`;
}
