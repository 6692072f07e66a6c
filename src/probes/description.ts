/** What `list` says of one function, whether it can be probed or not: sites, and where arguments and results are. */
import type { Outcome } from "../base/index.js";
import type { GoBinary, GoVariable, Signature, SignatureSource } from "../binary/index.js";
import type { GoFunction, InlinedCopy, SymbolTable } from "../symbols/index.js";
import { AMD64_INTEGER_REGISTERS, type Assignment, assign, type Place } from "./abi.js";
import { SiteFinder, type SiteSummary } from "./code-sites.js";
import { functionsOnLine, parseLineSelector } from "./lines.js";
import { isPlaceCertain } from "./names.js";
import { resolveSelector } from "./selector.js";
import { conventionOf, dictionaryOf, givenSignatures, isConventionKnown, lacksReceiver } from "./signatures.js";

export interface DescribedVariable {
  readonly name: string;
  readonly type: string;
  /**
   * `ax`, `bx,cx`, `x0`, `sp+8` with SP as it is at the entry and at a return; `*(dx+8)` in a closure's context, `**(dx+8)`
   * behind a pointer in it; undefined where that is uncertain.
   */
  readonly location: string | undefined;
  /** Why a uprobe can't read it there; absent where it can, or where nobody has looked. */
  readonly unreadable?: string;
}

export interface PlacedFunction {
  readonly fn: GoFunction;
  /** Of its declaration. */
  readonly file: string | undefined;
  readonly line: number | undefined;
}

export interface FunctionDescription extends PlacedFunction {
  /** Undefined when neither binary nor `--sig` tells. */
  readonly parameters: readonly DescribedVariable[] | undefined;
  readonly results: readonly DescribedVariable[] | undefined;
  /** What a closure captured, as far as the binary tells where it is. Looked up when called. */
  readonly captured: () => readonly DescribedVariable[];
  /** Who tells. */
  readonly signatureSource: SignatureSource | undefined;
  readonly sites: Outcome<SiteSummary>;
  readonly inlinedCopies: number;
  /** Where those are. Looked up when called, for all functions of the request at once. */
  readonly inlinedInto: () => readonly InlinedCopy[];
}

export interface DescriptionRequest {
  /** PROBE arguments, of lines the functions that have code of them; none: every function. */
  readonly patterns: readonly string[];
  /** `--sig` arguments. */
  readonly signatures: readonly string[];
}

function locationOf(place: Place, arch: GoBinary["arch"]): string {
  if (place.kind === "stack") return `sp+${place.offset}`;
  const names = place.pieces.map(({ bank, index }) => {
    if (arch === "arm64") return `${bank === "integer" ? "r" : "f"}${index}`;
    return bank === "integer" ? (AMD64_INTEGER_REGISTERS[index] ?? `#${index}`) : `x${index}`;
  });
  return names.join(",");
}

function describeVariables(
  variables: readonly GoVariable[],
  places: readonly (Place | undefined)[],
  arch: GoBinary["arch"],
): readonly DescribedVariable[] {
  return variables.map(({ name, type }, index) => {
    const place = places[index];
    return { name, type: type.name, location: place && locationOf(place, arch) };
  });
}

/** Undefined for parameters whose place can't be told, as for expressions that name them. */
function certainPlaces(signature: Signature, assignment: Assignment, fn: GoFunction): readonly (Place | undefined)[] {
  if (lacksReceiver(fn, signature)) return [];
  return assignment.parameters.map((place, index) =>
    isPlaceCertain(index, signature, assignment) ? place : undefined,
  );
}

/** FACT(go1.18..go1.27): the register that points to a closure's context. */
const CONTEXT_REGISTERS: Readonly<Record<GoBinary["arch"], string>> = { amd64: "dx", arm64: "r26" };

function describeCaptured(signature: Signature | undefined, arch: GoBinary["arch"]): readonly DescribedVariable[] {
  const variables = signature?.captures?.().variables ?? [];
  return variables.map(({ name, type, offset, held }) => {
    const slot = `*(${CONTEXT_REGISTERS[arch]}+${offset})`;
    const location = { value: slot, address: `*${slot}`, unknown: undefined }[held];
    return { name, type: type.name, location };
  });
}

function selected(patterns: readonly string[], binary: GoBinary, symbols: SymbolTable): Iterable<GoFunction> {
  if (patterns.length === 0) return symbols.functions();
  const byEntry = new Map<number, GoFunction>();
  for (const pattern of patterns) {
    const line = parseLineSelector(pattern);
    const functions =
      line === undefined ? resolveSelector(pattern, symbols) : functionsOnLine(line, pattern, { binary, symbols });
    for (const fn of functions) byEntry.set(fn.entry, fn);
  }
  return [...byEntry.values()].sort((left, right) => left.entry - right.entry);
}

/** The functions asked for, in address order; no pattern: every function. @throws as planProbes does for patterns */
export function* placeFunctions(
  binary: GoBinary,
  symbols: SymbolTable,
  patterns: readonly string[],
): Generator<PlacedFunction> {
  for (const fn of selected(patterns, binary, symbols)) {
    const { file, line } = symbols.place(fn);
    yield { fn, file, line };
  }
}

/**
 * The functions asked for, in address order.
 * @throws as planProbes does for patterns and signatures; a function that can't be probed says so in its `sites`.
 */
export function* describeFunctions(
  binary: GoBinary,
  symbols: SymbolTable,
  request: DescriptionRequest,
): Generator<FunctionDescription> {
  const given = givenSignatures(request.signatures, symbols);
  const names = new Set<string>();
  for (const { name } of selected(request.patterns, binary, symbols)) names.add(name);
  const copies = symbols.inlinedCopies(names);
  let known: ReadonlyMap<string, readonly InlinedCopy[]> | undefined;
  const placesOf = (name: string): readonly InlinedCopy[] => {
    known ??= symbols.inlinedPlaces(names);
    return known.get(name) ?? [];
  };
  const finder = new SiteFinder(binary, symbols);
  // Once more: a large program has more functions than should be held as values.
  for (const fn of selected(request.patterns, binary, symbols)) {
    const signature = given.get(fn.name) ?? symbols.signature(fn);
    const assignment =
      signature && isConventionKnown(binary, fn)
        ? assign(signature, conventionOf(binary, fn), dictionaryOf(binary, fn))
        : undefined;
    const places = signature && assignment && certainPlaces(signature, assignment, fn);
    const { file, line } = symbols.place(fn);
    yield {
      fn,
      file,
      line,
      parameters: signature && describeVariables(signature.parameters, places ?? [], binary.arch),
      results: signature && describeVariables(signature.results, assignment?.results ?? [], binary.arch),
      captured: () => describeCaptured(signature, binary.arch),
      signatureSource: signature?.source,
      sites: finder.summarize(fn),
      inlinedCopies: copies.get(fn.name) ?? 0,
      inlinedInto: () => placesOf(fn.name),
    };
  }
}
