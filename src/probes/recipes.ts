/**
 * From an expression to the steps that evaluate it at a site: a small compiler for the accumulator machine of bpf/abi.h.
 *
 * While compiling, a value is either spread over registers or lies in memory at an address that the steps so far leave in
 * A. Whatever the machine cannot read (a float register, a map's element) is refused, with what would work instead.
 */
import { gsLimits } from "../abi/index.js";
import type { ValueEncoding } from "../aggregate/index.js";
import type { Outcome } from "../base/index.js";
import { found, refused } from "../base/index.js";
import type { GoField, GoType, Signature } from "../binary/index.js";
import { AMD64_INTEGER_REGISTERS, type Assignment, type Piece } from "./abi.js";
import { type Expression, formatExpression } from "./expression.js";
import { type Bound, bindName } from "./names.js";
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
  | { readonly at: "registers"; readonly pieces: readonly Piece[] }
  /** At A + offset once the steps have run. */
  | { readonly at: "memory"; readonly steps: readonly FetchStep[]; readonly offset: number }
);

const WORD = 8;
/** FACT(go1.5..go1.27): a closure is called with DX pointing to its context, and a stack check leaves it there. */
const CLOSURE_CONTEXT: FetchStep = { op: "register", register: "dx" };
const INT: GoType = { kind: "int", name: "int", size: WORD, signed: true };
const BOOL: GoType = { kind: "bool", name: "bool", size: 1 };

/**
 * The recipe of an expression at a function. Refused: `unknown-argument`, `float-in-register`, `unreadable-argument`,
 * `too-many-steps`, `not-supported`.
 */
export function compileExpression(
  expression: Expression,
  signature: Signature,
  assignment: Assignment,
): Outcome<CompiledExpression> {
  const compiled = compileValue(expression, signature, assignment);
  if (compiled.ok && compiled.value.recipe.steps.length > gsLimits.GS_MAX_STEPS) {
    const count = compiled.value.recipe.steps.length;
    return refused(
      "too-many-steps",
      `${formatExpression(expression)} takes ${count} steps, ${gsLimits.GS_MAX_STEPS} are possible`,
    );
  }
  return compiled;
}

function compileValue(
  expression: Expression,
  signature: Signature,
  assignment: Assignment,
): Outcome<CompiledExpression> {
  switch (expression.kind) {
    case "nil-test": {
      const operand = locate(expression.of, signature, assignment);
      return operand.ok ? nilTest(operand.value, expression.operator) : operand;
    }
    case "linear": {
      const inner = compileValue(expression.of, signature, assignment);
      if (!inner.ok) return inner;
      const { low, width, buckets } = expression;
      const step = (signed: boolean): FetchStep => ({ op: "linear", signed, low, width, buckets });
      return bucketed(inner.value, "lin", step, { kind: "linear", low, width, buckets });
    }
    case "call":
      return compileCall(expression.function, expression.of, signature, assignment);
    default: {
      const operand = locate(expression, signature, assignment);
      return operand.ok ? fetch(operand.value) : operand;
    }
  }
}

function compileCall(
  name: (Expression & { kind: "call" })["function"],
  of: Expression,
  signature: Signature,
  assignment: Assignment,
): Outcome<CompiledExpression> {
  if (name === "log2") {
    const inner = compileValue(of, signature, assignment);
    return inner.ok ? bucketed(inner.value, "log2", (signed) => ({ op: "log2", signed }), { kind: "log2" }) : inner;
  }
  if (name === "len" || name === "cap") {
    const operand = locate(of, signature, assignment);
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
function locate(expression: Expression, signature: Signature, assignment: Assignment): Outcome<Operand> {
  switch (expression.kind) {
    case "name": {
      const name = bindName(expression.name, signature, assignment);
      if (!name.ok) return name;
      return found(operandOf(name.value, expression.name));
    }
    case "special":
      return refused("not-supported", `$${expression.name} is not measured by this version`);
    case "field": {
      const of = locate(expression.of, signature, assignment);
      return of.ok ? field(of.value, expression.name, formatExpression(expression)) : of;
    }
    case "index": {
      const of = locate(expression.of, signature, assignment);
      return of.ok ? element(of.value, expression.index, formatExpression(expression)) : of;
    }
    case "dereference": {
      const of = locate(expression.of, signature, assignment);
      return of.ok ? dereference(of.value, formatExpression(expression)) : of;
    }
    default:
      return refused(
        "unreadable-argument",
        `${formatExpression(expression)} is a number: nothing can be taken from it`,
      );
  }
}

function operandOf({ variable, place, through, phase }: Bound, text: string): Operand {
  const common = { type: variable.type, phase, text };
  const own: Operand =
    place.kind === "registers"
      ? { ...common, at: "registers", pieces: place.pieces }
      : place.kind === "stack"
        ? { ...common, at: "memory", steps: [{ op: "stack", offset: place.offset }], offset: 0 }
        : { ...common, at: "memory", steps: [CLOSURE_CONTEXT], offset: place.offset };
  return through === "nothing" ? own : { ...common, at: "memory", steps: loadWord(own, 0), offset: 0 };
}

function dereference(of: Operand, text: string): Outcome<Operand> {
  if (of.type.kind !== "pointer") {
    const hint =
      of.type.kind === "opaque-pointer" ? "what it points to is not described; a --sig can say it" : undefined;
    return refused("unreadable-argument", `${of.text} is ${article(of.type)}, not a pointer to a known type`, hint);
  }
  const steps = loadWord(of, 0);
  return found({ type: of.type.target(), phase: of.phase, text, at: "memory", steps, offset: 0 });
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
  const integer = (steps: readonly FetchStep[]): Outcome<CompiledExpression> =>
    found({
      recipe: { phase: of.phase, type: INT, steps },
      encoding: { kind: "integer", signed: true, size: WORD },
    });
  switch (of.type.kind) {
    case "string":
      return name === "len" ? integer(loadWord(of, WORD)) : refused("unreadable-argument", "a string has no capacity");
    case "slice":
      return integer(loadWord(of, name === "len" ? WORD : 2 * WORD));
    case "map":
      // FACT(go1.12..go1.27): both the old and the Swiss map begin with the number of their elements, a word.
      if (name === "len") return integer([...loadWord(of, 0), { op: "load", offset: 0, size: WORD, signed: true }]);
      return refused("unreadable-argument", "a map has no capacity");
    case "chan":
      // FACT(go1.12..go1.27): runtime.hchan begins with qcount and dataqsiz, a word each.
      return integer([...loadWord(of, 0), { op: "load", offset: name === "len" ? 0 : WORD, size: WORD, signed: true }]);
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
  const steps: FetchStep[] = [...loadWord(of, 0), { op: "not-zero" }];
  return found({ recipe: { phase: of.phase, type: BOOL, steps }, encoding: { kind: "bool" } });
}

/** Steps that leave the 8-byte word at `offset` of an operand in A. */
function loadWord(of: Operand, offset: number): readonly FetchStep[] {
  if (of.at === "memory") return [...of.steps, { op: "load", offset: of.offset + offset, size: WORD, signed: false }];
  return registerSteps(of.pieces, offset, "register");
}

function registerSteps(pieces: readonly Piece[], offset: number, op: "register" | "register-b"): readonly FetchStep[] {
  const piece = pieces.find((candidate) => candidate.offset === offset && candidate.bank === "integer");
  const register = piece && AMD64_INTEGER_REGISTERS[piece.index];
  return register === undefined ? [] : [{ op, register }];
}

/** Steps and encoding of an operand's own value. */
function fetch(of: Operand): Outcome<CompiledExpression> {
  const { type, phase } = of;
  const made = (steps: readonly FetchStep[], encoding: ValueEncoding): Outcome<CompiledExpression> =>
    found({ recipe: { phase, type, steps }, encoding });
  switch (type.kind) {
    case "int": {
      const size = wordSize(type.size);
      if (size === undefined) break;
      return made(scalar(of, size, type.signed), { kind: "integer", signed: type.signed, size });
    }
    case "bool":
      return made([...scalar(of, 1, false), { op: "not-zero" }], { kind: "bool" });
    case "pointer":
    case "opaque-pointer":
      return made(loadWord(of, 0), { kind: "pointer" });
    case "string":
      return made(pair(of), { kind: "string" });
    case "slice": {
      const item = type.element();
      if (item.kind === "int" && item.size === 1 && !item.signed) return made(pair(of), { kind: "string" });
      break;
    }
    case "float":
      if (of.at === "registers") {
        return refused(
          "float-in-register",
          `${of.text} is a ${type.name} in a register that uprobes cannot read`,
          "integers, bools and strings can be read",
        );
      }
      break;
    default:
      break;
  }
  return refused("unreadable-argument", `${of.text} is ${article(type)}: it can't be read as one value`, hintFor(of));
}

const wordSize = (size: number): 1 | 2 | 4 | 8 | undefined =>
  size === 1 || size === 2 || size === 4 || size === 8 ? size : undefined;

/** A narrow value in a register has junk above it: the callee may not look there, so the caller need not clear it. */
function scalar(of: Operand, size: 1 | 2 | 4 | 8, signed: boolean): readonly FetchStep[] {
  if (of.at === "memory") return [...of.steps, { op: "load", offset: of.offset, size, signed }];
  const register = registerSteps(of.pieces, 0, "register");
  return size === 8 ? register : [...register, { op: "truncate", size, signed }];
}

/** Address and length, of a string or a slice of bytes. */
function pair(of: Operand): readonly FetchStep[] {
  if (of.at === "memory") return [...of.steps, { op: "load-pair", offset: of.offset }];
  return [...registerSteps(of.pieces, 0, "register"), ...registerSteps(of.pieces, WORD, "register-b")];
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
