/**
 * What debug data leave out of a method's signature, from the type that the program keeps for its runtime: that one has all
 * parameters and results, but none of their names.
 */
import type { GoVariable, Signature } from "../binary/index.js";

/** Debug data number types that are declared in functions, the runtime does not. */
const typeName = ({ type }: GoVariable): string => type.name.replaceAll(/·\d+/g, "");

/** For each of `some`, the earliest of `all` that it can stand for when all of them stand in order; undefined when none. */
function embed(some: readonly GoVariable[], all: readonly GoVariable[]): readonly number[] | undefined {
  const places: number[] = [];
  let next = 0;
  for (const [place, variable] of all.entries()) {
    const wanted = some[next];
    if (wanted === undefined || typeName(wanted) !== typeName(variable)) continue;
    places.push(place);
    next++;
  }
  return next === some.length ? places : undefined;
}

/**
 * `all`, with the names and types of those of `some` that can stand for one of them only. Undefined when `some` are not
 * part of `all` in this order: then these are two different functions.
 */
function nameCertain(some: readonly GoVariable[], all: readonly GoVariable[]): readonly GoVariable[] | undefined {
  const earliest = embed(some, all);
  const reversed = embed(some.toReversed(), all.toReversed());
  if (earliest === undefined || reversed === undefined) return undefined;
  const latest = reversed.map((place) => all.length - 1 - place).reverse();
  const named = [...all];
  some.forEach((variable, index) => {
    const place = earliest[index];
    if (place !== undefined && place === latest[index]) named[place] = variable;
  });
  return named;
}

/** Whether debug data may leave out something of such a signature, so that it is worth looking for another source. */
export const mayBeIncomplete = (described: Signature, wrapper: boolean): boolean =>
  // FACT(go1.19..go1.27): the wrappers of some releases have no results, or no receiver.
  wrapper || described.entryPlaces !== undefined || described.mayLackResults === true;

/**
 * The signature of debug data when `kept`, that of the runtime's types, has no more parameters and results; else `kept` with
 * the names that certainly belong to its parameters. Its source says which of the two.
 */
export function completeSignature(described: Signature, kept: Signature): Signature {
  const parameters = nameCertain(described.parameters, kept.parameters);
  const results = nameCertain(described.results, kept.results);
  // The linker gives methods with the same code one address.
  if (parameters === undefined || results === undefined) return described;
  const { entryPlaces: _, mayLackResults: __, ...whole } = described;
  const isWhole = described.parameters.length === parameters.length && described.results.length === results.length;
  return isWhole ? whole : { ...whole, parameters, results, hasReceiver: true, source: kept.source };
}
