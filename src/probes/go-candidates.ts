/** What PROBEs mean in a Go program: functions, their inlined copies, and lines, each as a candidate or refused. */
import { found, type Outcome, refused } from "../base/index.js";
import type { GoBinary, Signature } from "../binary/index.js";
import {
  type CodeFile,
  collapseTypeArguments,
  type GoFunction,
  type GoProgram,
  type InlinedCopy,
  type SymbolTable,
} from "../symbols/index.js";
import { assign } from "./abi.js";
import { answer, asksAnything, type Candidate, endsAtEntry, NO_ANSWERS, type Questions } from "./candidate.js";
import type { CodeStep } from "./code.js";
import { SiteFinder } from "./code-sites.js";
import { programFacts } from "./dynamic-types.js";
import { type GoContext, homeOf, packageOf, planPlace } from "./go-places.js";
import { findCopies } from "./inlined-copies.js";
import { findLine, type LineInFunction, parseLineSelector } from "./lines.js";
import { bindAll, callScope, type NamedVariable, type Scope } from "./names.js";
import type { RefusedFunction, RuntimeFacts, Site } from "./plan.js";
import { refuseGoroutine } from "./runtime-facts.js";
import { resolveProbe } from "./selector.js";
import { conventionOf, dictionaryOf, givenSignatures, isConventionKnown, lacksReceiver } from "./signatures.js";

/** What a selection of probes comes to. */
export interface Candidates {
  readonly candidates: readonly Candidate[];
  readonly refused: readonly RefusedFunction[];
  readonly warnings: readonly string[];
}

/** What is asked of a Go program. */
export interface GoRequest {
  readonly probes: readonly string[];
  /** `--sig` arguments. */
  readonly signatures: readonly string[];
  readonly signaturesOf: "all" | "read";
}

/** The Go part of a plan. */
export interface GoCandidates extends Candidates {
  readonly runtimeSites: readonly Site[];
  /** How many inlined copies of a candidate's function are not among these candidates. */
  uncountedCopies(candidates: readonly Candidate[]): (candidate: Candidate) => number;
}

/** What Go PROBEs name in a program; which of them are bodies is known before the questions are answered. */
export interface GoSelection {
  /** Functions and lines: how many probes there are at least. */
  readonly size: number;
  candidates(questions: Questions): GoCandidates;
}

/** @throws UsageError and UnmeasurableError as resolveProbe and givenSignatures do */
export function selectGo(
  file: CodeFile,
  { binary, symbols }: GoProgram,
  runtime: RuntimeFacts,
  request: GoRequest,
): GoSelection {
  const given = givenSignatures(request.signatures, symbols);
  const finder = new SiteFinder(binary, symbols);
  const selection = select(request.probes, { binary, symbols, finder });
  return {
    size: selection.bodies.length + selection.lines.length,
    candidates: (questions) => {
      const context: GoContext = {
        file,
        binary,
        symbols,
        runtime,
        finder,
        program: programFacts(binary, symbols),
        questions,
      };
      const wantsSignatures = request.signaturesOf !== "read" || asksAnything(questions);
      return candidatesOf(
        selection,
        context,
        (fn) => given.get(fn.name) ?? (wantsSignatures ? symbols.signature(fn) : undefined),
      );
    },
  };
}

function candidatesOf(
  selection: Selection,
  context: GoContext,
  signatureOf: (fn: GoFunction) => Signature | undefined,
): GoCandidates {
  const { binary, symbols, finder, runtime, questions } = context;
  const refused: RefusedFunction[] = [];
  const candidates: Candidate[] = [];
  const warnings: string[] = [];
  const add = (named: Named, fn: GoFunction, plan: () => Outcome<Candidate>): void => {
    const unknown = refuseGoroutine(fn, runtime);
    const candidate: Outcome<Candidate> = unknown === undefined ? plan() : { ok: false, refusal: unknown };
    if (candidate.ok) candidates.push(candidate.value);
    else refused.push({ ...named, refusal: candidate.refusal });
  };
  for (const fn of selection.bodies) {
    if (candidates.length === MAX_PROBES) {
      warnings.push(`only the first ${MAX_PROBES} functions are measured`);
      break;
    }
    add({ name: fn.name }, fn, () => planFunction(fn, signatureOf(fn), context));
  }
  // What is known where a call begins is known where it was inlined too; a trace tells calls from places.
  const counted = new Set(selection.inlined);
  for (const candidate of candidates) {
    if (endsAtEntry(candidate) || questions.show !== undefined) counted.add(candidate.name);
  }
  for (const [name, copies] of findCopies(binary, symbols, finder, counted)) {
    for (const { copy, place } of copies) {
      const named: Named = { name: copyName(name, copy), place: { kind: "copy", function: name } };
      if (place.ok) add(named, place.value.fn, () => planPlace(place.value, context));
      else refused.push({ ...named, refusal: place.refusal });
    }
  }
  for (const { name, fn, places } of selection.lines) {
    const named: Named = { name, place: { kind: "line", function: fn.name } };
    if (!places.ok) refused.push({ ...named, refusal: places.refusal });
    else for (const place of places.value) add(named, fn, () => planPlace(place, context));
  }
  const { sites: runtimeSites, warnings: missing } = findRuntimeSites(finder);
  if (!runtime.goroutineInRegister) warnings.push(OLD_ABI_WARNING);
  return {
    candidates,
    refused,
    warnings: [...warnings, ...uncertainLines(selection.lines), ...missing],
    runtimeSites,
    uncountedCopies: (all) => uncountedCopies(all, symbols, counted),
  };
}

/** Their layouts are known from the runtime's sources, but no program of theirs is among the fixtures. */
const OLD_ABI_WARNING =
  "releases before Go 1.17 pass arguments on the stack: measuring them was not tested on real programs";

/** LIMIT: probes of one run: the cookie has 20 bits for the probe's number. */
export const MAX_PROBES = 2 ** 20;

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
export function vanishedCopies(candidates: readonly Candidate[]): readonly string[] {
  const names = new Set(candidates.flatMap(({ name, place }) => (place?.kind === "copy" ? [name] : [])));
  const [first] = names;
  if (first === undefined) return [];
  const which = names.size === 1 ? first : `${names.size} functions`;
  return [
    `${which}: inlined copies of which optimization left no instruction are not known, and their calls not counted`,
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

function planFunction(fn: GoFunction, signature: Signature | undefined, context: GoContext): Outcome<Candidate> {
  const { binary, finder, program, questions } = context;
  const whole = finder.find(fn);
  // What never returns has a beginning.
  const sites = !whole.ok && whole.refusal.code === "no-return" ? finder.find(fn, "unneeded") : whole;
  if (!sites.ok) return sites;
  const common = { ...homeOf(fn, context), name: fn.name, sites: sites.value, place: undefined, signature };
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
