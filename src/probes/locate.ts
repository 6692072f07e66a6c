/** From an expression to where its value is: names, fields, elements, what pointers lead to, lengths and names of types. */
import { found, type Outcome, refused, USAGE } from "../base/index.js";
import type { GoField, GoType } from "../binary/index.js";
import type { PackageVariable } from "../symbols/index.js";
import { type Emit, Label } from "./code-builder.js";
import { emitContextSearch } from "./context-search.js";
import { converted, countedString, cString, firstWord, searchedLength } from "./conversions.js";
import type { ProgramFacts } from "./dynamic-types.js";
import { type Expression, formatExpression, formatLiteral, isTruth, type KeyLiteral } from "./expression.js";
import { explainLiteral } from "./literals.js";
import { emitMapSearch } from "./map-search.js";
import type { Scope } from "./names.js";
import {
  dereference,
  loadInteger,
  loadPair,
  loadWord,
  type Operand,
  operandOf,
  part,
  typeWord,
  WORD,
} from "./operand.js";
import type { FetchStep } from "./plan.js";
import { emitTypeName } from "./type-name.js";
import { article, hintFor } from "./type-text.js";

/** What expressions at a probe refer to. */
export interface Surroundings {
  readonly scope: Scope;
  readonly program: ProgramFacts;
  /** Its name, and the package of names that have none: `main`. */
  readonly functionName: string;
  readonly packagePath: string;
  /** Whether there is an end to wait for. */
  readonly kind: "call" | "place";
}

/** What `len`, `cap` and the like come to. */
export const INT: GoType = { kind: "int", name: "int", size: WORD, signed: true };
const UINT64: GoType = { kind: "int", name: "uint64", size: WORD, signed: false };
const UINT8: GoType = { kind: "int", name: "uint8", size: 1, signed: false };
const STRING: GoType = { kind: "string", name: "string", size: 2 * WORD };
const ANY: GoType = { kind: "interface", name: "interface {}", size: 2 * WORD, empty: true };
/** What $duration is. */
export const DURATION: GoType = { kind: "int", name: "time.Duration", size: WORD, signed: true };

/** Where the value of an expression is; refused are operators, and whatever the machine cannot reach. */
export function locate(expression: Expression, around: Surroundings): Outcome<Operand> {
  const text = formatExpression(expression);
  switch (expression.kind) {
    case "name":
      return locateName(expression.name, around);
    case "special":
      return locateSpecial(expression.name, around);
    case "field": {
      const variable = expression.of.kind === "name" ? packageVariable(expression.of.name, text, around) : undefined;
      if (variable !== undefined) return variable;
      const of = locate(expression.of, around);
      return of.ok ? field(of.value, expression.name, text) : of;
    }
    case "index": {
      const of = locate(expression.of, around);
      return of.ok ? element(of.value, expression.at, text, around.program) : of;
    }
    case "dereference": {
      const of = locate(expression.of, around);
      return of.ok ? dereference(of.value, text) : of;
    }
    case "context-value": {
      const of = locate(expression.of, around);
      return of.ok ? contextValue(of.value, expression.type, text, around) : of;
    }
    case "counted-string": {
      const of = locate(expression.of, around);
      if (!of.ok) return of;
      const length = locate(expression.length, around);
      return length.ok ? countedString(of.value, length.value, text) : length;
    }
    case "call": {
      const of = locate(expression.of, around);
      if (!of.ok) return of;
      switch (expression.function) {
        case "type":
          return typeName(of.value, text, around.program);
        case "log2":
          return exponent(of.value, text);
        case "str":
          return cString(of.value, text);
        case "word":
          return firstWord(of.value, text);
        case "len":
        case "cap":
          return length(expression.function, of.value, text);
        default:
          return converted(expression.function, of.value, text);
      }
    }
    default:
      break;
  }
  return refused(
    "unreadable-argument",
    isTruth(expression)
      ? `${text} is true or false: nothing can be taken from it`
      : `${text} is a number: nothing can be taken from it`,
  );
}

function locateName(name: string, around: Surroundings): Outcome<Operand> {
  const bound = around.scope.bind(name);
  if (bound.ok) return operandOf(bound.value, name);
  // As in the source: a variable of the function's own package needs no package before it.
  const own = around.program.variable(`${around.packagePath}.${name}`);
  return own === undefined ? bound : variableOperand(own, name);
}

/** `pkg.Name`, where `pkg` is no name of the function's own; undefined where it is one, or no package either. */
function packageVariable(path: string, text: string, around: Surroundings): Outcome<Operand> | undefined {
  const bound = around.scope.bind(path);
  if (bound.ok) return undefined;
  const { program, packagePath } = around;
  const own = packagePath.endsWith(`/${path}`)
    ? program.variable(`${packagePath}${text.slice(path.length)}`)
    : undefined;
  const variable = program.variable(text) ?? own;
  if (variable !== undefined) return variableOperand(variable, text);
  const nearest = program.nearestVariables(text).filter((name) => name.startsWith(`${path}.`));
  if (nearest.length === 0) return undefined;
  const known = bound.refusal.hint === undefined ? "" : `${bound.refusal.hint}; `;
  return refused(
    bound.refusal.code,
    `${bound.refusal.reason}, nor is there a package variable ${text}`,
    `${known}package variables: ${nearest.join(", ")}`,
  );
}

function variableOperand({ name, address, type }: PackageVariable, text: string): Outcome<Operand> {
  if (type === undefined) {
    return refused(
      "no-signature",
      `nothing says of which type ${name} is`,
      "a build with its debug data would, or --symbols",
    );
  }
  const step: FetchStep = { op: "image", address };
  return found({ type, phase: "either", text, at: "memory", address: (to) => to.emit(step), offset: 0 });
}

const SPECIALS: ReadonlyMap<string, GoType> = new Map([
  ["duration", DURATION],
  ["goid", UINT64],
  ["tid", UINT64],
]);

function locateSpecial(name: string, { kind }: Surroundings): Outcome<Operand> {
  const text = `$${name}`;
  const type = SPECIALS.get(name);
  if (type === undefined) {
    const known = "there are $duration, $goid, $tid and, to compare and to show, $func";
    return name === "func"
      ? refused("not-supported", "$func is a name, the same for all calls of a function", known)
      : refused(USAGE, `there is no ${text}`, known);
  }
  if (name === "duration" && kind === "place") {
    return refused("no-return", "a place in the code has no duration", "name the function to measure its calls");
  }
  const phase = name === "duration" ? "return" : "either";
  const value = name as "duration" | "goid" | "tid";
  return found({ type, phase, text, at: "accumulator", value: (to) => to.emit({ op: "special", value }) });
}

function field(of: Operand, name: string, text: string): Outcome<Operand> {
  if (of.type.kind === "pointer") {
    const target = dereference(of, of.text);
    return target.ok ? field(target.value, name, text) : target;
  }
  if (of.type.kind === "opaque-pointer") return dereference(of, text);
  if (of.type.kind !== "struct") {
    return refused("unreadable-argument", `${of.text} is ${article(of.type)}, which has no fields`, hintFor(of));
  }
  const direct = of.type.fields.find((candidate) => candidate.name === name);
  if (direct !== undefined) return found(part(of, direct, text));
  const through = findPromoted(of.type.fields, name);
  if (through === undefined) {
    const named = of.type.fields.filter((candidate) => candidate.name !== "_");
    const names = named.map((candidate) => candidate.name).join(", ");
    return refused("unknown-argument", `${of.type.name} has no field ${name}`, names && `its fields: ${names}`);
  }
  return field(part(of, through, text), name, text);
}

// LIMIT: levels of embedding searched for a promoted field; a type may embed itself through a pointer.
const EMBEDDING_DEPTH = 8;

/** The embedded field by which a promoted one is reached at the least depth, as Go's selectors have it. */
function findPromoted(fields: readonly GoField[], name: string): GoField | undefined {
  let level = fields.filter((candidate) => candidate.embedded).map((first) => ({ first, type: first.type }));
  for (let depth = 0; depth < EMBEDDING_DEPTH && level.length > 0; depth++) {
    const next: typeof level = [];
    for (const { first, type } of level) {
      const inner = type.kind === "pointer" ? type.target() : type;
      if (inner.kind !== "struct") continue;
      if (inner.fields.some((candidate) => candidate.name === name)) return first;
      for (const deeper of inner.fields) if (deeper.embedded) next.push({ first, type: deeper.type });
    }
    level = next;
  }
  return undefined;
}

/** LIMIT: how far from the beginning of a value a step can read: its operand has 32 bits, with a sign. */
const FARTHEST = 2 ** 31 - 1;

function element(of: Operand, at: KeyLiteral, text: string, program: ProgramFacts): Outcome<Operand> {
  const { type } = of;
  if (type.kind === "map") return mapElement(of, type, at, text, program);
  if (type.kind === "pointer" && type.target().kind === "array") {
    const target = dereference(of, of.text);
    return target.ok ? element(target.value, at, text, program) : target;
  }
  if (type.kind !== "array" && type.kind !== "slice" && type.kind !== "string") {
    return refused("unreadable-argument", `${of.text} is ${article(type)}, which has no elements`, hintFor(of));
  }
  if (at.kind === "string") {
    return refused("unreadable-argument", `${of.text} is ${article(type)}: its elements have numbers`);
  }
  if (at.value < 0n) return refused("unreadable-argument", `${text}: an index is not negative`);
  if (type.kind === "array" && at.value >= BigInt(type.length)) {
    return refused("unreadable-argument", `${of.text} has ${type.length} elements: there is no [${formatLiteral(at)}]`);
  }
  const inner = type.kind === "string" ? UINT8 : type.element();
  const distance = at.value * BigInt(inner.size);
  if (distance + BigInt(inner.size) > BigInt(FARTHEST)) {
    return refused("unreadable-argument", `${text} lies too far from the first element to be read`);
  }
  const offset = Number(distance);
  if (type.kind === "array") return found(part(of, { offset, type: inner }, text));
  return checkedElement(of, at.value, { offset, type: inner }, text);
}

/** An element of what has its length beside it. */
function checkedElement(
  of: Operand,
  index: bigint,
  { offset, type }: { readonly offset: number; readonly type: GoType },
  text: string,
): Outcome<Operand> {
  const [pointer, size] = [loadWord(of, 0), loadWord(of, WORD)];
  if (!pointer.ok) return pointer;
  if (!size.ok) return size;
  const address: Emit = (to) => {
    const inside = new Label();
    size.value(to);
    to.withVariables(1, (count = 0) => {
      to.put(count);
      to.set(index);
      to.emit({ op: "compare", relation: "<", variable: count, signed: true });
    });
    to.jumpIf(inside);
    to.emit({ op: "fail", as: "not-found" });
    to.place(inside);
    pointer.value(to);
  };
  return found({ type, phase: of.phase, text, at: "memory", address, offset });
}

function mapElement(
  of: Operand,
  type: GoType & { readonly kind: "map" },
  wanted: KeyLiteral,
  text: string,
  { mapLayout: layout }: ProgramFacts,
): Outcome<Operand> {
  const [key, element] = [type.key(), type.element()];
  if (key.kind !== "string" && key.kind !== "int") {
    return refused(
      "unreadable-argument",
      `the keys of ${of.text} are of type ${key.name}: it can be searched for strings and integers only`,
      hintFor(of),
    );
  }
  if (explainLiteral(wanted, key, of.text) !== undefined) {
    const example = `${of.text}[${key.kind === "string" ? '"text"' : "3"}]`;
    const reason = `the keys of ${of.text} are of type ${key.name}: ${formatLiteral(wanted)} is none`;
    return refused("wrong-type", reason, `${example} can be read`);
  }
  const map = loadWord(of, 0);
  if (!map.ok) return map;
  const address: Emit = (to) => emitMapSearch(to, { layout, key, element, wanted, map: map.value });
  return found({ type: element, phase: of.phase, text, at: "memory", address, offset: 0 });
}

function contextValue(of: Operand, keyName: string, text: string, around: Surroundings): Outcome<Operand> {
  const { program, packagePath } = around;
  if (of.type.kind !== "interface" || of.type.empty) {
    return refused("unreadable-argument", `${of.text} is ${article(of.type)}, not a context.Context`);
  }
  const [star, bare] = keyName.startsWith("*") ? ["*", keyName.slice(1)] : ["", keyName];
  const own = bare.includes(".")
    ? packagePath.endsWith(`/${bare.split(".")[0]}`) && `${packagePath}.${bare.split(".")[1]}`
    : `${packagePath}.${bare}`;
  const keys = [...program.typesNamed(keyName), ...(own === false ? [] : program.typesNamed(`${star}${own}`))];
  if (keys.length === 0) {
    return refused(
      "unknown-argument",
      `the program has no type ${keyName} that an interface could hold`,
      "name it with its import path: value(ctx, example.org/auth.userKey)",
    );
  }
  const context = loadPair(of);
  if (!context.ok) return context;
  const address: Emit = (to) => emitContextSearch(to, { context: context.value, keys, program });
  return found({ type: ANY, phase: of.phase, text, at: "memory", address, offset: 0 });
}

function typeName(of: Operand, text: string, { typeData }: ProgramFacts): Outcome<Operand> {
  if (of.type.kind !== "interface") {
    return refused(
      "unreadable-argument",
      `${of.text} is always ${article(of.type)}: only interfaces have another type`,
    );
  }
  if (typeData === undefined) {
    return refused("not-supported", "where this release of Go keeps the names of types is not known");
  }
  const word = typeWord(of);
  if (!word.ok) return word;
  const value: Emit = (to) => emitTypeName(to, word.value, typeData);
  return found({ type: STRING, phase: of.phase, text, at: "accumulator", value });
}

function length(name: "len" | "cap", of: Operand, text: string): Outcome<Operand> {
  // `within`: beside what the word points to; there is nothing in a nil map.
  const counted = (offset: number, within?: number): Outcome<Operand> => {
    const word = loadWord(of, offset);
    if (!word.ok) return word;
    const value: Emit = (to) => {
      word.value(to);
      if (within === undefined) return;
      const nil = new Label();
      to.jumpUnless(nil);
      to.emit({ op: "load", offset: within, size: WORD, signed: true });
      to.place(nil);
    };
    return found({ type: INT, phase: of.phase, text, at: "accumulator", value });
  };
  switch (of.type.kind) {
    case "string": {
      const searched = name === "len" ? searchedLength(of) : undefined;
      if (searched !== undefined) {
        return searched.ok
          ? found({ type: INT, phase: of.phase, text, at: "accumulator", value: searched.value })
          : searched;
      }
      return name === "len" ? counted(WORD) : refused("unreadable-argument", "a string has no capacity");
    }
    case "slice":
      return counted(name === "len" ? WORD : 2 * WORD);
    case "map":
      // FACT(go1.12..go1.27): both the old and the Swiss map begin with the number of their elements, a word.
      return name === "len" ? counted(0, 0) : refused("unreadable-argument", "a map has no capacity");
    case "chan":
      // FACT(go1.12..go1.27): runtime.hchan begins with qcount and dataqsiz, a word each.
      return counted(0, name === "len" ? 0 : WORD);
    case "array": {
      const { length: count } = of.type;
      return found({ type: INT, phase: "either", text, at: "accumulator", value: (to) => to.set(count) });
    }
    default:
      return refused("unreadable-argument", `${of.text} is ${article(of.type)}, which has no ${name}`, hintFor(of));
  }
}

function exponent(of: Operand, text: string): Outcome<Operand> {
  const { type, phase } = of;
  if (type.kind !== "int") return refused("unreadable-argument", `log2 takes an integer, not ${type.name}`);
  const value = loadInteger(of, type);
  if (!value.ok) return value;
  const { signed } = type;
  return found({
    type: INT,
    phase,
    text,
    at: "accumulator",
    value: (to) => {
      value.value(to);
      to.emit({ op: "log2", signed });
    },
  });
}
