/**
 * Where a value is when a site is hit, and the steps that read it there: it is in pieces (registers, mostly), or in memory
 * at an address that some steps work out, or is worked out itself.
 */
import { found, type Outcome, refused } from "../base/index.js";
import type { GoType } from "../binary/index.js";
import { codeOf, type Emit, Label } from "./code-builder.js";
import { isDirectInInterfaces } from "./dynamic-types.js";
import { addressSteps, type Piece } from "./location.js";
import type { Bound } from "./names.js";
import type { FetchStep } from "./plan.js";
import { article } from "./type-text.js";

/** At which end of a call a value can be read. */
export type Phase = "entry" | "return" | "either";

/** Where a value is. */
export type Operand = {
  readonly type: GoType;
  readonly phase: Phase;
  /** How the user's text names it, for messages. */
  readonly text: string;
} & (
  | { readonly at: "pieces"; readonly pieces: readonly Piece[] }
  /** At A + offset once `address` has run. */
  | { readonly at: "memory"; readonly address: Emit; readonly offset: number }
  /** A number that `value` leaves in A; a string's address and length in A and B. */
  | { readonly at: "accumulator"; readonly value: Emit }
);

/** Bytes of a pointer. */
export const WORD = 8;

/** Where a variable's value is. */
export function operandOf({ variable, location, through, phase }: Bound, text: string): Outcome<Operand> {
  const common = { type: variable.type, phase, text };
  if (location.kind === "pieces") {
    const own: Operand = { ...common, at: "pieces", pieces: location.pieces };
    return through === "nothing" ? found(own) : pointedTo(own, variable.type, text);
  }
  if (location.kind === "computed") {
    const { steps } = location;
    return found({ ...common, at: "accumulator", value: (to) => to.emit(...steps) });
  }
  const { steps, offset } = addressSteps(location.address);
  const own: Operand = { ...common, at: "memory", address: (to) => to.emit(...steps), offset };
  return through === "nothing" ? found(own) : pointedTo(own, variable.type, text);
}

/** The value whose address the first word of `of` is. */
function pointedTo(of: Operand, type: GoType, text: string): Outcome<Operand> {
  const address = loadWord(of, 0);
  return address.ok ? found({ type, phase: of.phase, text, at: "memory", address: address.value, offset: 0 }) : address;
}

/** What a pointer points to. */
export function dereference(of: Operand, text: string): Outcome<Operand> {
  if (of.type.kind !== "pointer") {
    const hint =
      of.type.kind === "opaque-pointer" ? "what it points to is not described; a --sig can say it" : undefined;
    return refused("unreadable-argument", `${of.text} is ${article(of.type)}, not a pointer to a known type`, hint);
  }
  return pointedTo(of, of.type.target(), text);
}

/** A field or element that lies within a value. */
export function part(of: Operand, inner: { readonly offset: number; readonly type: GoType }, text: string): Operand {
  const { offset, type } = inner;
  const { phase } = of;
  if (of.at === "memory") return { type, phase, text, at: "memory", address: of.address, offset: of.offset + offset };
  // What is worked out is one word, and so is the only part that it may have.
  if (of.at === "accumulator" && offset === 0) return { type, phase, text, at: "accumulator", value: of.value };
  const pieces = of.at === "pieces" ? of.pieces : [];
  return {
    type,
    phase,
    text,
    at: "pieces",
    pieces: pieces
      .filter((piece) => piece.offset >= offset && piece.offset < offset + type.size)
      .map((piece) => ({ ...piece, offset: piece.offset - offset })),
  };
}

/** Leaves the address of an interface's dynamic type in A; 0 of a nil interface. */
export function typeWord(of: Operand & { readonly type: GoType }): Outcome<Emit> {
  const first = loadWord(of, 0);
  if (!first.ok || of.type.kind !== "interface" || of.type.empty) return first;
  return found((to) => {
    const nil = new Label();
    first.value(to);
    to.jumpUnless(nil);
    // FACT(go1.10..go1.27): the second word of an itab.
    to.emit({ op: "load", offset: WORD, size: WORD, signed: false });
    to.place(nil);
  });
}

/** The value of a type inside an interface whose second word is in a variable. */
export function heldValue(type: GoType, variable: number, of: Operand): Operand {
  const common = { type, phase: of.phase, text: of.text };
  const get: Emit = (to) => to.get(variable);
  return isDirectInInterfaces(type)
    ? { ...common, at: "accumulator", value: get }
    : { ...common, at: "memory", address: get, offset: 0 };
}

/** Leaves a whole integer in A, widened to 64 bits. */
export const loadInteger = (of: Operand, type: GoType & { readonly kind: "int" }): Outcome<Emit> =>
  loadBytes(of, { offset: 0, size: wordSize(type.size) ?? WORD, signed: type.signed });

/** What one step can load; undefined for other sizes. */
export const wordSize = (size: number): 1 | 2 | 4 | 8 | undefined =>
  size === 1 || size === 2 || size === 4 || size === 8 ? size : undefined;

/** Leaves the 8-byte word at `offset` of an operand in A. */
export const loadWord = (of: Operand, offset: number): Outcome<Emit> =>
  loadBytes(of, { offset, size: WORD, signed: false });

/** Leaves an integer, part of an operand, in A. */
export function loadBytes(
  of: Operand,
  wanted: { readonly offset: number; readonly size: 1 | 2 | 4 | 8; readonly signed: boolean },
): Outcome<Emit> {
  const { offset, size, signed } = wanted;
  if (of.at === "accumulator") {
    const { value } = of;
    return found((to) => {
      value(to);
      if (offset > 0) to.emit({ op: "take-b" });
    });
  }
  if (of.at === "memory") {
    const at = of.offset + offset;
    return found((to) => {
      of.address(to);
      to.emit({ op: "load", offset: at, size, signed });
    });
  }
  const piece = of.pieces.find((one) => one.offset <= offset && one.offset + one.size >= offset + size);
  const within = offset - (piece?.offset ?? 0);
  switch (piece?.kind) {
    case "memory": {
      const { steps, offset: displacement } = addressSteps(piece.address);
      return found((to) => to.emit(...steps, { op: "load", offset: displacement + within, size, signed }));
    }
    case "register": {
      if (within !== 0) break;
      const { register } = piece;
      // A narrow value has junk above it: the callee may not look there, so the caller need not clear it.
      const narrow: readonly FetchStep[] = size === WORD ? [] : [{ op: "truncate", size, signed }];
      return found((to) => to.emit({ op: "register", register }, ...narrow));
    }
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

/** Leaves two words in A and B: address and length of a string or a slice, type and data of an interface. */
export function loadPair(of: Operand): Outcome<Emit> {
  if (of.at === "accumulator") return found(of.value);
  if (of.at === "memory") {
    const { address, offset } = of;
    return found((to) => {
      address(to);
      to.emit({ op: "load-pair", offset });
    });
  }
  const [first, second] = [loadWord(of, 0), loadWord(of, WORD)];
  if (!first.ok) return first;
  if (!second.ok) return second;
  const [only, ...more] = codeOf(second.value);
  return found((to) => {
    if (only?.op === "register" && more.length === 0) {
      first.value(to);
      to.emit({ ...only, op: "register-b" });
      return;
    }
    // Only A can be loaded.
    second.value(to);
    to.emit({ op: "give-b" });
    first.value(to);
  });
}
