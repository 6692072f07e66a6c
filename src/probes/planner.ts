/**
 * From what the user asked for to the exact sites and recipes of a run. Every function that a PROBE names is either
 * planned whole, with all its exits and all its dimensions, or refused with a reason; nothing is measured by halves.
 */
import { gsLimits } from "../abi/index.js";
import { found, type Outcome, refused, UnmeasurableError, UsageError } from "../base/index.js";
import type { GoBinary, Signature } from "../binary/index.js";
import {
  collapseTypeArguments,
  type GoFunction,
  type InlinedCopy,
  type Program,
  type SymbolTable,
} from "../symbols/index.js";
import { assign } from "./abi.js";
import {
  answer,
  asksAnything,
  type Candidate,
  endsAtEntry,
  NO_ANSWERS,
  type PlaceContext,
  packageOf,
  planPlace,
  type Questions,
} from "./candidate.js";
import type { CodeStep } from "./code.js";
import { SiteFinder } from "./code-sites.js";
import { type ProgramFacts, programFacts } from "./dynamic-types.js";
import { findCopies } from "./inlined-copies.js";
import { findLine, type LineInFunction, parseLineSelector } from "./lines.js";
import { bindAll, callScope, type NamedVariable, type Scope } from "./names.js";
import { parseExpression } from "./parse-expression.js";
import type { PlannedProbe, ProbePlan, RefusedFunction, RuntimeFacts, Site } from "./plan.js";
import { nothingMeasurable } from "./refusals.js";
import { goroutinePlace, readRuntimeFacts, refuseGoroutine } from "./runtime-facts.js";
import { resolveProbe } from "./selector.js";
import { settleDimensions, settleMeasure } from "./settle.js";
import { conventionOf, dictionaryOf, givenSignatures, isConventionKnown, lacksReceiver } from "./signatures.js";

/** What the command line asks for, as it was written. */
export interface PlanRequest {
  readonly probes: readonly string[];
  readonly by: readonly string[];
  /** `--sig` arguments. */
  readonly signatures: readonly string[];
  /** `--of`: the expression whose values are measured instead of durations. */
  readonly of?: string | undefined;
  /** `--where`: which calls are of interest. */
  readonly where?: string | undefined;
  /** `--show` expressions. */
  readonly show?: readonly string[];
  /** `--match`: by whose value the ends of spans belong together, instead of by their threads. */
  readonly match?: string | undefined;
  /** `values`: arguments and results of each call are captured, and what `show` asks for. */
  readonly captures?: "none" | "values";
  /**
   * Which probes carry their signature: all of them (to show a plan), or those alone from which something is read: then
   * a run without expressions begins without looking for any.
   */
  readonly signaturesOf?: "all" | "read";
}

/** Their layouts are known from the runtime's sources, but no program of theirs is among the fixtures. */
const OLD_ABI_WARNING =
  "releases before Go 1.17 pass arguments on the stack: measuring them was not tested on real programs";

/** LIMIT: probes of one run: the cookie has 20 bits for the probe's number. */
const MAX_PROBES = 2 ** 20;

/**
 * The plan of a run.
 * @throws UsageError for malformed selectors, expressions and signatures; UnmeasurableError when a PROBE names no
 * function, or none of the functions named can be measured: then its code is that of the first refusal.
 */
export function planProbes(program: Program, request: PlanRequest): ProbePlan {
  const { go, main } = program;
  if (go === undefined) throw new UnmeasurableError("not-go", `${main.elf.path}: not a Go program`);
  const { binary, symbols } = go;
  const expressions = request.by.map(parseExpression);
  if (expressions.length > gsLimits.GS_MAX_DIMENSIONS) {
    throw new UsageError(`at most ${gsLimits.GS_MAX_DIMENSIONS} --by expressions are possible`);
  }
  const show = (request.show ?? []).map((name) => ({ name, expression: parseExpression(name) }));
  const of = request.of === undefined ? undefined : parseExpression(request.of);
  const where = request.where === undefined ? undefined : parseExpression(request.where);
  const given = givenSignatures(request.signatures, symbols);
  const runtime = readRuntimeFacts(binary, symbols);
  const finder = new SiteFinder(binary, symbols);
  const facts = programFacts(binary, symbols);
  const selection = select(request.probes, { binary, symbols, finder });
  const questions: Questions = {
    by: expressions,
    of,
    where,
    show: request.captures === "values" ? show : undefined,
    probes: selection.bodies.length + selection.lines.length,
  };
  const wantsSignatures = request.signaturesOf !== "read" || asksAnything(questions);
  const refusedFunctions: RefusedFunction[] = [];
  const candidates: Candidate[] = [];
  const warnings: string[] = [];
  const add = (named: Named, fn: GoFunction, plan: () => Outcome<Candidate>): void => {
    const unknown = refuseGoroutine(fn, runtime);
    const candidate: Outcome<Candidate> = unknown === undefined ? plan() : { ok: false, refusal: unknown };
    if (candidate.ok) candidates.push(candidate.value);
    else refusedFunctions.push({ ...named, refusal: candidate.refusal });
  };
  for (const fn of selection.bodies) {
    if (candidates.length === MAX_PROBES) {
      warnings.push(`only the first ${MAX_PROBES} functions are measured`);
      break;
    }
    const signature = given.get(fn.name) ?? (wantsSignatures ? symbols.signature(fn) : undefined);
    add({ name: fn.name }, fn, () => planFunction(binary, finder, fn, signature, { program: facts, questions }));
  }
  // What is known where a call begins is known where it was inlined too; a trace tells calls from places.
  const counted = new Set(selection.inlined);
  for (const candidate of candidates) {
    if (endsAtEntry(candidate) || questions.show !== undefined) counted.add(candidate.fn.name);
  }
  const context: PlaceContext = { binary, finder, program: facts, questions };
  for (const [name, copies] of findCopies(binary, symbols, finder, counted)) {
    for (const { copy, place } of copies) {
      const named: Named = { name: copyName(name, copy), place: { kind: "copy", function: name } };
      if (place.ok) add(named, place.value.fn, () => planPlace(place.value, context));
      else refusedFunctions.push({ ...named, refusal: place.refusal });
    }
  }
  for (const { name, fn, places } of selection.lines) {
    const named: Named = { name, place: { kind: "line", function: fn.name } };
    if (!places.ok) refusedFunctions.push({ ...named, refusal: places.refusal });
    else for (const place of places.value) add(named, fn, () => planPlace(place, context));
  }
  const settled = settleDimensions(request.by, candidates);
  const { measure, alike, odd } = settleMeasure(
    request.of,
    settled.alike,
    questions.show === undefined ? "apart" : "together",
  );
  refusedFunctions.push(...settled.odd, ...odd);
  if (alike.length === 0) throw nothingMeasurable(request.probes, refusedFunctions);
  const copies = uncountedCopies(alike, symbols, counted);
  const { sites: runtimeSites, warnings: missing } = findRuntimeSites(finder);
  if (!runtime.goroutineInRegister) warnings.push(OLD_ABI_WARNING);
  return {
    target: {
      path: binary.path,
      access: main.access,
      arch: binary.arch,
      goVersion: binary.version.text,
      goBuildId: binary.goBuildId,
      gnuBuildId: binary.gnuBuildId,
      positionIndependent: binary.elf.positionIndependent,
      imageBase: binary.elf.imageBase,
    },
    libraries: [],
    runtime,
    dimensions: settled.dimensions,
    measure,
    ...(request.where === undefined ? {} : { where: request.where }),
    probes: alike.map((candidate) => plannedProbe(candidate, symbols, runtime, copies(candidate))),
    refused: refusedFunctions,
    runtimeSites,
    warnings: [
      ...warnings,
      ...uncertainLines(selection.lines),
      ...vanishedCopies(alike),
      ...untypedFunctions(alike),
      ...missing,
    ],
  };
}

/** What results, and refusals, call a function or a place. */
type Named = Omit<RefusedFunction, "refusal">;

/** Lines whose counts need not be those of their source. */
function uncertainLines(lines: readonly LineInFunction[]): readonly string[] {
  return lines.flatMap(({ name, places, isCertain }) => {
    if (!places.ok || isCertain) return [];
    const { length } = places.value;
    return length > 1
      ? [`${name} begins at ${length} places in the code: whenever control comes to one of them is counted`]
      : [`${name} was optimized: its code may run more or less often than its source says, and that is counted`];
  });
}

/** A copy that was worked out when the program was compiled is in no table; nothing in the binary tells of its calls. */
function vanishedCopies(candidates: readonly Candidate[]): readonly string[] {
  const names = new Set(candidates.flatMap(({ name, place }) => (place?.kind === "copy" ? [name] : [])));
  const [first] = names;
  if (first === undefined) return [];
  const which = names.size === 1 ? first : `${names.size} functions`;
  return [
    `${which}: inlined copies of which optimization left no instruction are not known, and their calls not counted`,
  ];
}

/** Functions of which a trace can show neither arguments nor results. */
function untypedFunctions(candidates: readonly Candidate[]): readonly string[] {
  const [first, ...others] = candidates.filter(({ captures }) => captures?.untyped === true);
  if (first === undefined) return [];
  const [which, name] = others.length === 0 ? [first.name, first.name] : [`${others.length + 1} functions`, "FUNC"];
  const instead = `--sig '${name}=func(PARAMETERS) RESULTS' or --symbols of the build with debug data would`;
  return [
    `nothing says what arguments and results ${which} ${others.length === 0 ? "has" : "have"}, shown as (?): ${instead}`,
  ];
}

/** What all PROBEs together name. */
interface Selection {
  /** In address order, each once. */
  readonly bodies: readonly GoFunction[];
  /** Functions without a body of their own. */
  readonly inlined: ReadonlySet<string>;
  readonly lines: readonly LineInFunction[];
}

function select(
  probes: readonly string[],
  surroundings: { readonly binary: GoBinary; readonly symbols: SymbolTable; readonly finder: SiteFinder },
): Selection {
  const byEntry = new Map<number, GoFunction>();
  const inlined = new Set<string>();
  const lines: LineInFunction[] = [];
  for (const probe of probes) {
    const line = parseLineSelector(probe);
    if (line !== undefined) {
      lines.push(...findLine(line, probe, surroundings));
      continue;
    }
    const named = resolveProbe(probe, surroundings.symbols);
    for (const fn of named.bodies) byEntry.set(fn.entry, fn);
    for (const name of named.inlined) inlined.add(name);
  }
  const all = [...byEntry.values()].sort((left, right) => left.entry - right.entry);
  // A wrapper of an ABI or of an instance calls or jumps to the body of its name: both would count each call twice.
  const bodies = new Set(all.filter((fn) => !fn.wrapper).map((fn) => collapseTypeArguments(fn.name)));
  return { bodies: all.filter((fn) => !fn.wrapper || !bodies.has(collapseTypeArguments(fn.name))), inlined, lines };
}

const copyName = (name: string, { into, file, line }: InlinedCopy): string =>
  file === undefined ? `${name} in ${into}` : `${name} in ${into} at ${file}:${line}`;

/** How many copies of a candidate's function the run does not count. */
function uncountedCopies(
  candidates: readonly Candidate[],
  symbols: SymbolTable,
  counted: ReadonlySet<string>,
): (candidate: Candidate) => number {
  const bodies = candidates.filter(({ place }) => place === undefined);
  const all = symbols.inlinedCopies(new Set(bodies.map(({ name }) => name)));
  const seen = new Map<string, number>();
  for (const { name, place } of candidates) {
    if (place?.kind === "copy" && counted.has(name)) seen.set(name, (seen.get(name) ?? 0) + 1);
  }
  return ({ name, place }) => (place === undefined ? (all.get(name) ?? 0) - (seen.get(name) ?? 0) : 0);
}

function planFunction(
  binary: GoBinary,
  finder: SiteFinder,
  fn: GoFunction,
  signature: Signature | undefined,
  { program, questions }: { readonly program: ProgramFacts; readonly questions: Questions },
): Outcome<Candidate> {
  const whole = finder.find(fn);
  // What never returns has a beginning.
  const sites = !whole.ok && whole.refusal.code === "no-return" ? finder.find(fn, "unneeded") : whole;
  if (!sites.ok) return sites;
  const common = { name: fn.name, fn, sites: sites.value, place: undefined, signature };
  if (!asksAnything(questions)) return whole.ok ? found({ ...common, ...NO_ANSWERS }) : whole;
  const { scope, variables } = namesOf(binary, fn, signature);
  const answers = answer(questions, variables, {
    scope,
    program,
    functionName: fn.name,
    packagePath: packageOf(fn.name),
    kind: "call",
  });
  if (!answers.ok) return answers;
  if (!whole.ok && !endsAtEntry(answers.value)) return whole;
  const { values, measured, condition } = answers.value;
  const asked = measured === undefined ? values : [...values, measured];
  const needsResults =
    asked.some(({ recipe }) => recipe.phase === "return") || condition?.return?.some(readsResults) === true;
  if (needsResults && !sites.value.exits.some((exit) => exit.kind === "return")) {
    return refused("no-return", "it leaves by a jump only: its results are not there to be read");
  }
  return found({ ...common, ...answers.value });
}

const readsResults = ({ op }: CodeStep): boolean => op === "register" || op === "register-b" || op === "stack";

/** What names stand for in a function; none do where nothing says what its arguments are, or where. */
function namesOf(
  binary: GoBinary,
  fn: GoFunction,
  signature: Signature | undefined,
): { readonly scope: Scope; readonly variables: readonly NamedVariable[] | undefined } {
  const without = (refusal: ReturnType<typeof refused>) => ({
    scope: { bind: (name: string) => ({ ...refusal, refusal: { ...refusal.refusal, by: name } }) },
    variables: undefined,
  });
  if (signature === undefined) {
    return without(
      refused(
        "no-signature",
        "the binary does not say what its arguments are",
        `say all of them: --sig '${fn.name}=func(PARAMETERS) RESULTS'; or give --symbols of the build with debug data`,
      ),
    );
  }
  if (lacksReceiver(fn, signature)) {
    return without(
      refused("no-signature", "the binary describes its arguments without the receiver, so their places are unknown"),
    );
  }
  if (!isConventionKnown(binary, fn)) {
    return without(
      refused("uncertain-argument", "assembly of the runtime may get its arguments on the stack or in registers"),
    );
  }
  if (binary.arch !== "amd64") {
    return without(refused("unsupported-machine", `arguments are not read on ${binary.arch} yet`));
  }
  const assignment = assign(signature, conventionOf(binary, fn), dictionaryOf(binary, fn));
  return { scope: callScope(signature, assignment), variables: bindAll(signature, assignment) };
}

function plannedProbe(
  candidate: Candidate,
  symbols: SymbolTable,
  runtime: RuntimeFacts,
  inlinedCopies: number,
): PlannedProbe {
  const { name, fn, sites, place, signature, values, measured, condition, captures } = candidate;
  const kind = place !== undefined || endsAtEntry(candidate) ? "place" : "call";
  const { file, line } = symbols.place(fn);
  return {
    name,
    function: { name: fn.name, address: fn.entry, size: fn.end - fn.entry, file, line, wrapper: fn.wrapper },
    ...(place === undefined ? {} : { place }),
    signature,
    kind,
    file: 0,
    identity: "goroutine",
    entry: sites.entry,
    exits: kind === "place" ? [] : sites.exits,
    goroutine: goroutinePlace(fn, runtime),
    inlinedCopies,
    recipes: values.map((value) => value.recipe),
    value: measured?.recipe,
    ...(condition === undefined ? {} : { condition }),
    ...(captures === undefined ? {} : { captures }),
    notes: notesOn(candidate, inlinedCopies),
  };
}

function notesOn({ fn, sites, values, place }: Candidate, inlinedCopies: number): readonly string[] {
  const notes: string[] = [];
  if (place !== undefined) return notes;
  if (fn.wrapper)
    notes.push("it is a wrapper made by the compiler: direct calls of what it wraps do not pass through it");
  const jumps = sites.exits.filter((exit) => exit.kind === "tail-jump").length;
  if (jumps > 0) {
    const exits = sites.exits.length;
    const which =
      exits === 1
        ? "its exit is a tail jump"
        : `${jumps} of ${exits} exits ${jumps === 1 ? "is a tail jump" : "are tail jumps"}`;
    const results = values.some((value) => value.recipe.phase === "return") ? ", without results" : "";
    notes.push(`${which}: time until the jump${results}`);
  }
  if (inlinedCopies > 0) {
    const copies = inlinedCopies === 1 ? "1 copy of it was" : `${inlinedCopies} copies of it were`;
    notes.push(`${copies} inlined: calls through ${inlinedCopies === 1 ? "it" : "those"} are not seen`);
  }
  return notes;
}

function findRuntimeSites(finder: SiteFinder): {
  readonly sites: readonly Site[];
  readonly warnings: readonly string[];
} {
  const recovery = finder.findRuntimeCalls("recovery", "runtime.recovery", "runtime.gogo");
  const goexit = finder.findRuntimeCalls("goexit", "runtime.Goexit", "runtime.goexit1");
  const warnings: string[] = [];
  if (recovery.length === 0) {
    warnings.push(
      "runtime.recovery was not found: calls that panic stay open until their goroutine makes another call",
    );
  }
  // Without runtime.Goexit in the program nothing can call it.
  return { sites: [...recovery, ...goexit], warnings };
}
