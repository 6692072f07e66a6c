/**
 * From an expression to the steps that evaluate it at a site: a small compiler for the accumulator machine of bpf/abi.h.
 *
 * While compiling, a value is either in pieces (registers, mostly) or lies in memory at an address that the steps so far
 * leave in A. Whatever the machine cannot read (a float register, a map's element) is refused, with what would work instead.
 */
import { gsLimits } from "../abi/index.js";
import type { ValueEncoding } from "../aggregate/index.js";
import type { Outcome } from "../base/index.js";
import { found, refused } from "../base/index.js";
import type { GoField, GoType } from "../binary/index.js";
import { type Expression, formatExpression } from "./expression.js";
import { addressSteps, type Piece } from "./location.js";
import type { Bound, Scope } from "./names.js";
import type { FetchStep, Recipe } from "./plan.js";

/** A recipe together with how its value is read back. */
export interface CompiledExpression {
  readonly recipe: Recipe;
  readonly encoding: ValueEncoding;
}

/** Where a value is while an expression is compiled. */
type Operand = {
  readonly type: GoType;
  readonly phase: Recipe["phase"];
  /** How the user's text names it, for messages. */
  readonly text: string;
} & (
  | { readonly at: "pieces"; readonly pieces: readonly Piece[] }
  /** At A + offset once the steps have run. */
  | { readonly at: "memory"; readonly steps: readonly FetchStep[]; readonly offset: number }
);

const WORD = 8;
const INT: GoType = { kind: "int", name: "int", size: WORD, signed: true };
const BOOL: GoType = { kind: "bool", name: "bool", size: 1 };

/**
 * The recipe of an expression at a probe. Refused: `float-in-register`, `optimized-away`, `unreadable-argument`,
 * `unknown-argument`, `too-many-steps`, `not-supported`, and as the scope refuses names.
 */
export function compileExpression(expression: Expression, scope: Scope): Outcome<CompiledExpression> {
  const compiled = compileValue(expression, scope);
  if (compiled.ok && compiled.value.recipe.steps.length > gsLimits.GS_MAX_STEPS) {
    const count = compiled.value.recipe.steps.length;
    return refused(
      "too-many-steps",
      `${formatExpression(expression)} takes ${count} steps, ${gsLimits.GS_MAX_STEPS} are possible`,
    );
  }
  return compiled;
}

function compileValue(expression: Expression, scope: Scope): Outcome<CompiledExpression> {
  switch (expression.kind) {
    case "nil-test": {
      const operand = locate(expression.of, scope);
      return operand.ok ? nilTest(operand.value, expression.operator) : operand;
    }
    case "linear": {
      const inner = compileValue(expression.of, scope);
      if (!inner.ok) return inner;
      const { low, width, buckets } = expression;
      const step = (signed: boolean): FetchStep => ({ op: "linear", signed, low, width, buckets });
      return bucketed(inner.value, "lin", step, { kind: "linear", low, width, buckets });
    }
    case "call":
      return compileCall(expression.function, expression.of, scope);
    default: {
      const operand = locate(expression, scope);
      return operand.ok ? fetch(operand.value) : operand;
    }
  }
}

function compileCall(
  name: (Expression & { kind: "call" })["function"],
  of: Expression,
  scope: Scope,
): Outcome<CompiledExpression> {
  if (name === "log2") {
    const inner = compileValue(of, scope);
    return inner.ok ? bucketed(inner.value, "log2", (signed) => ({ op: "log2", signed }), { kind: "log2" }) : inner;
  }
  if (name === "len" || name === "cap") {
    const operand = locate(of, scope);
    return operand.ok ? length(name, operand.value) : operand;
  }
  const hint = name === "str" ? "str(e) is for USDT and C arguments; a Go string is named as it is" : undefined;
  return refused("not-supported", `${name}(e) is not measured by this version`, hint);
}

function bucketed(
  inner: CompiledExpression,
  name: string,
  step: (signed: boolean) => FetchStep,
  encoding: ValueEncoding,
): Outcome<CompiledExpression> {
  if (inner.encoding.kind !== "integer") {
    return refused("unreadable-argument", `${name} takes an integer, not ${inner.recipe.type.name}`);
  }
  const { phase, steps } = inner.recipe;
  return found({ recipe: { phase, type: INT, steps: [...steps, step(inner.encoding.signed)] }, encoding });
}

/** Where the value of an expression without operators is. */
function locate(expression: Expression, scope: Scope): Outcome<Operand> {
  switch (expression.kind) {
    case "name": {
      const name = scope.bind(expression.name);
      if (!name.ok) return name;
      return operandOf(name.value, expression.name);
    }
    case "special":
      return refused("not-supported", `$${expression.name} is not measured by this version`);
    case "field": {
      const of = locate(expression.of, scope);
      return of.ok ? field(of.value, expression.name, formatExpression(expression)) : of;
    }
    case "index": {
      const of = locate(expression.of, scope);
      return of.ok ? element(of.value, expression.index, formatExpression(expression)) : of;
    }
    case "dereference": {
      const of = locate(expression.of, scope);
      return of.ok ? dereference(of.value, formatExpression(expression)) : of;
    }
    default:
      return refused(
        "unreadable-argument",
        `${formatExpression(expression)} is a number: nothing can be taken from it`,
      );
  }
}

function operandOf({ variable, location, through, phase }: Bound, text: string): Outcome<Operand> {
  const common = { type: variable.type, phase, text };
  const own: Operand =
    location.kind === "pieces"
      ? { ...common, at: "pieces", pieces: location.pieces }
      : { ...common, at: "memory", ...addressSteps(location.address) };
  if (through === "nothing") return found(own);
  const pointer = loadWord(own, 0);
  return pointer.ok ? found({ ...common, at: "memory", steps: pointer.value, offset: 0 }) : pointer;
}

function dereference(of: Operand, text: string): Outcome<Operand> {
  if (of.type.kind !== "pointer") {
    const hint =
      of.type.kind === "opaque-pointer" ? "what it points to is not described; a --sig can say it" : undefined;
    return refused("unreadable-argument", `${of.text} is ${article(of.type)}, not a pointer to a known type`, hint);
  }
  const steps = loadWord(of, 0);
  if (!steps.ok) return steps;
  return found({ type: of.type.target(), phase: of.phase, text, at: "memory", steps: steps.value, offset: 0 });
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
    const names = of.type.fields.map((candidate) => candidate.name).join(", ");
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

function part(of: Operand, inner: { readonly offset: number; readonly type: GoType }, text: string): Operand {
  const { offset, type } = inner;
  if (of.at === "memory") return { ...of, type, text, offset: of.offset + offset };
  const pieces = of.pieces
    .filter((piece) => piece.offset >= offset && piece.offset < offset + type.size)
    .map((piece) => ({ ...piece, offset: piece.offset - offset }));
  return { ...of, type, text, pieces };
}

function element(of: Operand, index: number, text: string): Outcome<Operand> {
  if (of.type.kind === "pointer" && of.type.target().kind === "array") {
    const target = dereference(of, of.text);
    return target.ok ? element(target.value, index, text) : target;
  }
  if (of.type.kind !== "array") {
    const hint = of.type.kind === "slice" ? "a slice's length is not checked here; len(e) can be read" : hintFor(of);
    return refused("unreadable-argument", `${of.text} is ${article(of.type)}: elements are read of arrays only`, hint);
  }
  if (index >= of.type.length) {
    return refused("unreadable-argument", `${of.text} has ${of.type.length} elements: there is no [${index}]`);
  }
  const type = of.type.element();
  return found(part(of, { offset: index * type.size, type }, text));
}

function length(name: "len" | "cap", of: Operand): Outcome<CompiledExpression> {
  const integer = (offset: number, ...more: readonly FetchStep[]): Outcome<CompiledExpression> =>
    recipeOf(of, INT, { kind: "integer", signed: true, size: WORD }, loadWord(of, offset), ...more);
  const loadAt = (offset: number): FetchStep => ({ op: "load", offset, size: WORD, signed: true });
  switch (of.type.kind) {
    case "string":
      return name === "len" ? integer(WORD) : refused("unreadable-argument", "a string has no capacity");
    case "slice":
      return integer(name === "len" ? WORD : 2 * WORD);
    case "map":
      // FACT(go1.12..go1.27): both the old and the Swiss map begin with the number of their elements, a word.
      return name === "len" ? integer(0, loadAt(0)) : refused("unreadable-argument", "a map has no capacity");
    case "chan":
      // FACT(go1.12..go1.27): runtime.hchan begins with qcount and dataqsiz, a word each.
      return integer(0, loadAt(name === "len" ? 0 : WORD));
    default:
      return refused("unreadable-argument", `${of.text} is ${article(of.type)}, which has no ${name}`, hintFor(of));
  }
}

function nilTest(of: Operand, operator: "==" | "!="): Outcome<CompiledExpression> {
  const nilable = ["pointer", "opaque-pointer", "interface", "map", "chan", "func", "slice"];
  if (!nilable.includes(of.type.kind)) {
    return refused("unreadable-argument", `${of.text} is ${article(of.type)}, which is never nil`);
  }
  if (operator === "==") {
    return refused("not-supported", `${of.text} == nil is not measured by this version`, `use ${of.text} != nil`);
  }
  return recipeOf(of, BOOL, { kind: "bool" }, loadWord(of, 0), { op: "not-zero" });
}

/** A recipe of steps that may have been refused, and what follows them. */
function recipeOf(
  { phase }: Operand,
  type: GoType,
  encoding: ValueEncoding,
  steps: Outcome<readonly FetchStep[]>,
  ...more: readonly FetchStep[]
): Outcome<CompiledExpression> {
  return steps.ok ? found({ recipe: { phase, type, steps: [...steps.value, ...more] }, encoding }) : steps;
}

/** Steps that leave the 8-byte word at `offset` of an operand in A. */
const loadWord = (of: Operand, offset: number): Outcome<readonly FetchStep[]> =>
  loadBytes(of, { offset, size: WORD, signed: false });

/** Steps that leave an integer, part of an operand, in A. */
function loadBytes(
  of: Operand,
  part: { readonly offset: number; readonly size: 1 | 2 | 4 | 8; readonly signed: boolean },
): Outcome<readonly FetchStep[]> {
  const { offset, size, signed } = part;
  if (of.at === "memory") return found([...of.steps, { op: "load", offset: of.offset + offset, size, signed }]);
  const piece = of.pieces.find((one) => one.offset <= offset && one.offset + one.size >= offset + size);
  const within = offset - (piece?.offset ?? 0);
  switch (piece?.kind) {
    case "memory": {
      const { steps, offset: displacement } = addressSteps(piece.address);
      return found([...steps, { op: "load", offset: displacement + within, size, signed }]);
    }
    case "register":
      if (within !== 0) break;
      // A narrow value has junk above it: the callee may not look there, so the caller need not clear it.
      return found([
        { op: "register", register: piece.register },
        ...(size === WORD ? [] : [{ op: "truncate", size, signed } as const]),
      ]);
    case "float-register":
      return refused(
        "float-in-register",
        `${of.text} is a ${of.type.name} in a register that uprobes cannot read`,
        "integers, bools and strings can be read",
      );
    default:
      break;
  }
  return refused("optimized-away", `${of.text} is not kept anywhere here, or not in one piece`);
}

/** Steps and encoding of an operand's own value. */
function fetch(of: Operand): Outcome<CompiledExpression> {
  const { type } = of;
  switch (type.kind) {
    case "int": {
      const size = wordSize(type.size);
      if (size === undefined) break;
      const { signed } = type;
      return recipeOf(of, type, { kind: "integer", signed, size }, loadBytes(of, { offset: 0, size, signed }));
    }
    case "bool": {
      const value = loadBytes(of, { offset: 0, size: 1, signed: false });
      return recipeOf(of, type, { kind: "bool" }, value, { op: "not-zero" });
    }
    case "pointer":
    case "opaque-pointer":
      return recipeOf(of, type, { kind: "pointer" }, loadWord(of, 0));
    case "string":
      return recipeOf(of, type, { kind: "string" }, pair(of));
    case "slice": {
      const item = type.element();
      if (item.kind !== "int" || item.size !== 1 || item.signed) break;
      return recipeOf(of, type, { kind: "string" }, pair(of));
    }
    case "float": {
      const value = loadBytes(of, { offset: 0, size: wordSize(type.size) ?? WORD, signed: false });
      if (!value.ok) return value;
      break;
    }
    default:
      break;
  }
  return refused("unreadable-argument", `${of.text} is ${article(type)}: it can't be read as one value`, hintFor(of));
}

const wordSize = (size: number): 1 | 2 | 4 | 8 | undefined =>
  size === 1 || size === 2 || size === 4 || size === 8 ? size : undefined;

/** Address and length, of a string or a slice of bytes. */
function pair(of: Operand): Outcome<readonly FetchStep[]> {
  if (of.at === "memory") return found([...of.steps, { op: "load-pair", offset: of.offset }]);
  const [address, size] = [loadWord(of, 0), loadWord(of, WORD)];
  if (!address.ok) return address;
  if (!size.ok) return size;
  const [only, ...more] = size.value;
  if (only?.op === "register" && more.length === 0) return found([...address.value, { ...only, op: "register-b" }]);
  // Only A can be loaded.
  return found([...size.value, { op: "give-b" }, ...address.value]);
}

function article(type: GoType): string {
  switch (type.kind) {
    case "int":
      return `an integer (${type.name})`;
    case "bool":
    case "float":
    case "string":
    case "slice":
    case "map":
    case "pointer":
      return `a ${type.kind} (${type.name})`;
    case "complex":
      return `a complex number (${type.name})`;
    case "struct":
      return `a struct (${type.name})`;
    case "array":
    case "interface":
      return `an ${type.kind} (${type.name})`;
    case "opaque-pointer":
      return `a pointer to something unknown (${type.name})`;
    case "chan":
      return `a channel (${type.name})`;
    case "func":
      return `a function (${type.name})`;
  }
}

/** As what a field or an element can be taken from: `*p.next` would be `*(p.next)`, and p.next goes through p anyway. */
function selectable(text: string): string {
  if (!text.startsWith("*")) return text;
  const pointer = text.slice(1);
  return pointer.startsWith("*") ? `(${pointer})` : pointer;
}

/** What of a value can be read, when the value itself can't. */
function hintFor(of: Operand): string | undefined {
  const { type, text } = of;
  switch (type.kind) {
    case "interface":
      return `${text} != nil can be read`;
    case "slice":
      return `len(${text}) can be read`;
    case "map":
    case "chan":
      return `len(${text}) and ${text} != nil can be read`;
    case "func":
      return `${text} != nil can be read`;
    case "array":
      return `an element can be read: ${selectable(text)}[0]`;
    case "struct": {
      const first = type.fields[0];
      return first && `a field can be read: ${selectable(text)}.${first.name}`;
    }
    case "float":
    case "complex":
      return "integers, bools and strings can be read";
    default:
      return undefined;
  }
}
