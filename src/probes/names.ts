/** What a name in an expression stands for: a parameter, a result, or nothing this function has. */
import type { Outcome } from "../base/index.js";
import { found, refused } from "../base/index.js";
import type { GoVariable, Signature } from "../binary/index.js";
import type { Assignment, Place } from "./abi.js";

/** A variable of the signature, and where it is at its end of the call. */
export interface Bound {
  readonly variable: GoVariable;
  readonly place: Place;
  readonly phase: "entry" | "return";
}

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

/** The names an expression may begin with, for a hint; empty when the function has neither parameters nor results. */
export function knownNames(signature: Signature): string {
  const describe = (names: readonly string[], variables: readonly GoVariable[]): string =>
    names.map((name, index) => `${name} ${variables[index]?.type.name ?? ""}`).join(", ");
  const parts: string[] = [];
  if (signature.parameters.length > 0) {
    parts.push(`arguments: ${describe(parameterNames(signature), signature.parameters)}`);
  }
  if (signature.results.length > 0) parts.push(`results: ${describe(resultNames(signature), signature.results)}`);
  return parts.join("; ");
}

/** Refused with `unknown-argument`, the known ones in the hint. */
export function bindName(name: string, signature: Signature, assignment: Assignment): Outcome<Bound> {
  const parameter = positionOf(name, signature.parameters, /^arg(\d+)$/);
  if (parameter !== undefined) {
    return bound(signature.parameters[parameter], assignment.parameters[parameter], "entry");
  }
  const only = name === "ret" && signature.results.length === 1 ? 0 : undefined;
  const result = positionOf(name, signature.results, /^ret(\d+)$/) ?? only;
  if (result !== undefined) return bound(signature.results[result], assignment.results[result], "return");
  const known = knownNames(signature);
  return refused(
    "unknown-argument",
    `it has no argument or result ${name}`,
    known === "" ? "it has neither arguments nor results" : known,
  );
}

/** A declared name goes before a position: a parameter may well be called arg1. */
function positionOf(name: string, variables: readonly GoVariable[], positional: RegExp): number | undefined {
  const declared = variables.findIndex((variable) => isNamed(variable) && variable.name === name);
  if (declared >= 0) return declared;
  const number = positional.exec(name)?.[1];
  return number !== undefined && Number(number) < variables.length ? Number(number) : undefined;
}

function bound(variable: GoVariable | undefined, place: Place | undefined, phase: Bound["phase"]): Outcome<Bound> {
  if (variable === undefined || place === undefined)
    return refused("unknown-argument", "its signature has no such place");
  return found({ variable, place, phase });
}
