/** The words of the expression language: text to tokens, literals included. */
import { UsageError } from "../base/index.js";
import { DURATION_UNITS, type Literal } from "./expression.js";

export type Token = { readonly text: string; readonly at: number } & (
  | { readonly kind: "name" | "symbol" | "end" }
  | { readonly kind: "literal"; readonly literal: Literal }
);

/** @throws UsageError whose hint points at the place. */
export function failAt(text: string, at: number, detail: string): never {
  throw new UsageError(`expression "${text}": ${detail}`, { hint: `${text}\n${" ".repeat(at)}^` });
}

const NUMBER = "\\d+(?:\\.\\d*)?";
const UNIT = "(?:ns|us|µs|μs|ms|s|m|h)";
/** What begins here, by the name of the group that matched; the first that does. */
const TOKEN = new RegExp(
  [
    // An import path: at least one slash, which means nothing else here.
    "(?<path>(?:[\\p{L}\\p{Nd}_.~-]+/)+[\\p{L}\\p{Nd}_~-]+)",
    `(?<duration>-?(?:${NUMBER}${UNIT})+(?![\\p{L}\\p{Nd}_]))`,
    "(?<float>-?(?:\\d+\\.\\d*(?:[eE][+-]?\\d+)?|\\d+[eE][+-]?\\d+))",
    "(?<integer>-?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|\\d[\\d_]*))",
    "(?<name>[\\p{L}_][\\p{L}\\p{Nd}_]*)",
    '(?<string>"(?:[^"\\\\\\n]|\\\\.)*")',
    "(?<raw>`[^`]*`)",
    "(?<character>'(?:[^'\\\\\\n]|\\\\.)+')",
    "(?<symbol>==|!=|<=|>=|&&|\\|\\||[<>!.*()[\\],$])",
  ].join("|"),
  "uy",
);

/** LIMIT: characters of an expression; what looks for an import path may look as far as the end for each word. */
const MAX_LENGTH = 4096;

/** Of an expression, the one of kind `end` last. @throws UsageError whose hint points at the place. */
export function tokenize(text: string): readonly Token[] {
  if (text.length > MAX_LENGTH) failAt(text.slice(0, MAX_LENGTH), MAX_LENGTH, "it is too long");
  const tokens: Token[] = [];
  for (let at = skipBlanks(text, 0); at < text.length; ) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (match?.groups === undefined) failAt(text, at, explain(text, at));
    const [group] = Object.entries(match.groups).find(([, value]) => value !== undefined) ?? [];
    tokens.push(tokenOf(text, at, group ?? "symbol", match[0]));
    at = skipBlanks(text, TOKEN.lastIndex);
  }
  tokens.push({ kind: "end", text: "", at: text.length });
  return tokens;
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (/\s/u.test(text.charAt(at))) at++;
  return at;
}

/** What people write that is no word here. */
function explain(text: string, at: number): string {
  const wrong = text.charAt(at);
  if (wrong === "=") return '"=" compares nothing: write "=="';
  if (wrong === "&" || wrong === "|") return `"${wrong}" is nothing here: write "${wrong}${wrong}"`;
  if (wrong === '"' || wrong === "`" || wrong === "'") return "this string does not end";
  return "this is no part of an expression";
}

const CONSTANTS: ReadonlyMap<string, Literal> = new Map<string, Literal>([
  ["nil", { kind: "nil" }],
  ["true", { kind: "bool", value: true }],
  ["false", { kind: "bool", value: false }],
]);

function tokenOf(text: string, at: number, group: string, word: string): Token {
  const literal = (value: Literal): Token => ({ kind: "literal", text: word, at, literal: value });
  switch (group) {
    case "name": {
      const constant = CONSTANTS.get(word);
      return constant === undefined ? { kind: "name", text: word, at } : literal(constant);
    }
    case "path":
      return { kind: "name", text: word, at };
    case "duration":
      return literal({ kind: "duration", value: parseDuration(word) });
    case "float": {
      const value = Number(word);
      if (!Number.isFinite(value)) failAt(text, at, "the number is too large");
      return literal({ kind: "float", value });
    }
    case "integer":
      return literal({ kind: "integer", value: parseInteger(text, at, word) });
    case "string":
      return literal({ kind: "string", value: decodeEscapes(text, at + 1, word.slice(1, -1)) });
    case "raw":
      return literal({ kind: "string", value: Buffer.from(word.slice(1, -1), "utf8") });
    case "character": {
      const decoded = decodeEscapes(text, at + 1, word.slice(1, -1));
      const [character = "", ...more] = decoded.toString("utf8");
      if (more.length > 0) failAt(text, at, "single quotes hold one character; strings have double quotes");
      return literal({ kind: "character", value: BigInt(character.codePointAt(0) ?? 0) });
    }
    default:
      return { kind: "symbol", text: word, at };
  }
}

/** LIMIT: what 64 bits hold, signed or not. */
const LARGEST = (1n << 64n) - 1n;
const SMALLEST = -(1n << 63n);

function parseInteger(text: string, at: number, word: string): bigint {
  const negative = word.startsWith("-");
  const digits = (negative ? word.slice(1) : word).replaceAll("_", "");
  if (/^0[xXbBoO]?$/.test(digits) && digits !== "0") failAt(text, at, "this number has no digits");
  const value = negative ? -BigInt(digits) : BigInt(digits);
  if (value > LARGEST || value < SMALLEST) failAt(text, at, "the integer is too large");
  return value;
}

function parseDuration(word: string): bigint {
  let sum = 0n;
  for (const [, whole = "0", fraction = "", unit = ""] of word.matchAll(/(\d+)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/gu)) {
    const name = unit === "us" || unit === "μs" ? "µs" : unit;
    const length = DURATION_UNITS.find(([each]) => each === name)?.[1] ?? 1n;
    sum += BigInt(whole) * length;
    if (fraction !== "") sum += (BigInt(fraction) * length) / 10n ** BigInt(fraction.length);
  }
  return word.startsWith("-") ? -sum : sum;
}

const ESCAPED: ReadonlyMap<string, number> = new Map([
  ["a", 7],
  ["b", 8],
  ["f", 12],
  ["n", 10],
  ["r", 13],
  ["t", 9],
  ["v", 11],
  ["\\", 0x5c],
  ["'", 0x27],
  ['"', 0x22],
]);

/** The bytes of a Go literal's inside; its first character is at `from` of the text. */
function decodeEscapes(text: string, from: number, inside: string): Buffer {
  const parts: Buffer[] = [];
  const pattern = /[^\\]+|\\(?:x([0-9a-fA-F]{2})|([0-3][0-7]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/gsu;
  for (const match of inside.matchAll(pattern)) {
    const [all, byte, octal, short, long, single] = match;
    const at = from + match.index;
    const code = short ?? long;
    if (!all.startsWith("\\")) parts.push(Buffer.from(all, "utf8"));
    else if (byte !== undefined) parts.push(Buffer.of(Number.parseInt(byte, 16)));
    else if (octal !== undefined) parts.push(Buffer.of(Number.parseInt(octal, 8)));
    else if (code !== undefined) parts.push(encodePoint(text, at, Number.parseInt(code, 16)));
    else {
      const value = ESCAPED.get(single ?? "");
      if (value === undefined) failAt(text, at, `Go has no escape ${all}`);
      parts.push(Buffer.of(value));
    }
  }
  return Buffer.concat(parts);
}

function encodePoint(text: string, at: number, code: number): Buffer {
  if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) failAt(text, at, "there is no such character");
  return Buffer.from(String.fromCodePoint(code), "utf8");
}
