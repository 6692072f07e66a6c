/** What a name in an expression stands for: a parameter, a result, or nothing this function has. */
import type { Outcome } from "../base/index.js";
import { found, refused } from "../base/index.js";
import type { CapturedVariable, GoVariable, RecordedPlace, Signature } from "../binary/index.js";
import type { Assignment, Place } from "./abi.js";
import { type Location, locationOfPlace } from "./location.js";

/** A variable, and where it is when the site is hit: at the entry or a place in the middle, or at a return. */
export interface Bound {
  readonly variable: GoVariable;
  readonly location: Location;
  /** `pointer`: the variable's address is there. */
  readonly through: "nothing" | "pointer";
  readonly phase: "entry" | "return";
}

/** What names stand for at a probe. */
export interface Scope {
  /** Refused with the reason why the name stands for nothing, or for nothing that is anywhere. */
  bind(name: string): Outcome<Bound>;
}

/** The names of a call: arguments at its entry, results at its return. Refused: `unknown-argument`, `uncertain-argument`. */
export const callScope = (signature: Signature, assignment: Assignment): Scope => ({
  bind: (name) => bindName(name, signature, assignment),
});

/** What each parameter may be called: its name, and `argN`, counted with the receiver as `gospect list` shows them. */
const parameterNames = (signature: Signature): readonly string[] =>
  signature.parameters.map((parameter, index) => (isNamed(parameter) ? parameter.name : `arg${index}`));

const resultNames = (signature: Signature): readonly string[] =>
  signature.results.map((result, index) => {
    if (isNamed(result)) return result.name;
    return signature.results.length === 1 ? "ret" : `ret${index}`;
  });

/** FACT(go1.19..go1.27): the compiler calls unnamed results ~r0, ~r1 …, older ones also ~b0 for blank parameters. */
const isNamed = (variable: GoVariable): boolean =>
  variable.name !== "" && variable.name !== "_" && !variable.name.startsWith("~");

/** A parameter or a result, and where it is. */
export interface NamedVariable {
  readonly name: string;
  readonly role: "argument" | "result";
  readonly bound: Outcome<Bound>;
}

/** What all parameters and results are called and where they are, in their order. */
export function bindAll(signature: Signature, assignment: Assignment): readonly NamedVariable[] {
  const each = (role: "argument" | "result", names: readonly string[]) =>
    names.map((name) => ({ name, role, bound: bindName(name, signature, assignment) }));
  return [...each("argument", parameterNames(signature)), ...each("result", resultNames(signature))];
}

/** The names an expression may begin with, for a hint; empty when the function has neither parameters nor results. */
export function knownNames(signature: Signature): string {
  const describe = (names: readonly string[], variables: readonly GoVariable[]): string =>
    names.map((name, index) => `${name} ${variables[index]?.type.name ?? ""}`).join(", ");
  const parts: string[] = [];
  if (signature.parameters.length > 0) {
    parts.push(`arguments: ${describe(parameterNames(signature), signature.parameters)}`);
  }
  if (signature.results.length > 0) parts.push(`results: ${describe(resultNames(signature), signature.results)}`);
  const captured = signature.captures?.().variables ?? [];
  if (captured.length > 0) {
    const names = captured.map(({ name }) => name);
    parts.push(`captured: ${describe(names, captured)}`);
  }
  return parts.join("; ");
}

/** As `callScope` binds a name; the known ones are in the hint. */
export function bindName(name: string, signature: Signature, assignment: Assignment): Outcome<Bound> {
  const parameter = positionOf(name, signature.parameters, /^arg(\d+)$/);
  if (parameter !== undefined) {
    if (!isPlaceCertain(parameter, signature, assignment)) {
      return refused(
        "uncertain-argument",
        `its debug data leave out unnamed parameters, so where ${name} is can't be told`,
        "say all of them: --sig 'FUNC=func(PARAMETERS) RESULTS'",
      );
    }
    return bound(signature.parameters[parameter], assignment.parameters[parameter], "entry");
  }
  if (signature.mayLackResults === true && /^ret\d*$/.test(name)) {
    return refused(
      "uncertain-argument",
      "its debug data leave out its results",
      "say all of them: --sig 'FUNC=func(PARAMETERS) RESULTS'",
    );
  }
  const only = name === "ret" && signature.results.length === 1 ? 0 : undefined;
  const result = positionOf(name, signature.results, /^ret(\d+)$/) ?? only;
  if (result !== undefined) return bound(signature.results[result], assignment.results[result], "return");
  const captures = signature.captures?.();
  const captured = captures?.variables.find((variable) => variable.name === name);
  if (captured !== undefined) return boundInContext(captured);
  const known = knownNames(signature);
  return refused(
    "unknown-argument",
    `it has no argument or result ${name}${captures?.gap === undefined ? "" : `, and ${captures.gap}`}`,
    known === "" ? "it has neither arguments nor results" : known,
  );
}

/** FACT(go1.5..go1.27): a closure is called with DX pointing to its context, and a stack check leaves it there. */
const inContext = (offset: number): Location => ({
  kind: "memory",
  address: { base: "register", register: "dx", offset },
});

function boundInContext({ name, type, offset, held }: CapturedVariable): Outcome<Bound> {
  if (held === "unknown") {
    return refused(
      "uncertain-argument",
      `its debug data leave open whether it captured ${name} itself or its address`,
      "measure the function that contains it",
    );
  }
  const through = held === "address" ? "pointer" : "nothing";
  return found({ variable: { name, type }, location: inContext(offset), through, phase: "entry" });
}

/**
 * Whether a parameter is where counting off says. Where unnamed ones may be missing from the list, the recorded place of
 * this one or of a later one of the same kind must prove it.
 */
export function isPlaceCertain(index: number, signature: Signature, assignment: Assignment): boolean {
  const { entryPlaces } = signature;
  const own = assignment.parameters[index];
  if (entryPlaces === undefined || own === undefined) return true;
  return entryPlaces.some((recorded, later) => {
    const assigned = assignment.parameters[later];
    if (recorded === undefined || assigned === undefined || later < index || !sameKind(own, assigned)) return false;
    return isAt(assigned, recorded) && (entryPlaces[index] === undefined || isAt(own, entryPlaces[index]));
  });
}

const bankOf = (place: Place): string => (place.kind === "stack" ? "stack" : (place.pieces[0]?.bank ?? "none"));
const sameKind = (left: Place, right: Place): boolean => bankOf(left) === bankOf(right);

/** DWARF numbers of the integer registers, in the order in which they are assigned; X0 is 17. */
const AMD64_DWARF_NUMBERS = [0, 3, 2, 5, 4, 8, 9, 10, 11];
const AMD64_DWARF_X0 = 17;
/** The return address lies between SP and the canonical frame address. */
const RETURN_ADDRESS = 8;

function isAt(place: Place, recorded: RecordedPlace): boolean {
  if (place.kind === "stack") return recorded.kind === "frame" && recorded.offset === place.offset - RETURN_ADDRESS;
  const [piece] = place.pieces;
  if (piece === undefined || recorded.kind !== "register") return false;
  const number = piece.bank === "integer" ? AMD64_DWARF_NUMBERS[piece.index] : AMD64_DWARF_X0 + piece.index;
  return recorded.register === number;
}

/** A declared name goes before a position: a parameter may well be called arg1. */
function positionOf(name: string, variables: readonly GoVariable[], positional: RegExp): number | undefined {
  // A literal that is called where it stands gets what it captured as parameters; `&n` is the address of n.
  const declared = variables.findIndex(
    (variable) => isNamed(variable) && (variable.name === name || variable.name === `&${name}`),
  );
  if (declared >= 0) return declared;
  const number = positional.exec(name)?.[1];
  return number !== undefined && Number(number) < variables.length ? Number(number) : undefined;
}

function bound(variable: GoVariable | undefined, place: Place | undefined, phase: Bound["phase"]): Outcome<Bound> {
  if (variable === undefined || place === undefined)
    return refused("unknown-argument", "its signature has no such place");
  const location = locationOfPlace(place);
  if (!variable.name.startsWith("&") || variable.type.kind !== "pointer")
    return found({ variable, location, through: "nothing", phase });
  const captured = { name: variable.name.slice(1), type: variable.type.target() };
  return found({ variable: captured, location, through: "pointer", phase });
}
