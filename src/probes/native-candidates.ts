/** What PROBEs mean outside Go: USDT probes, spans between two of them, and C functions, each as candidates or refused. */
import { found, type Outcome, type Refusal, refused, type VirtualAddress } from "../base/index.js";
import type { UsdtNote } from "../binary/index.js";
import type { CodeFile, Program } from "../symbols/index.js";
import {
  type Answers,
  answer,
  asksAnything,
  type Candidate,
  endsAtEntry,
  NO_ANSWERS,
  type Questions,
} from "./candidate.js";
import { frameAt } from "./code-place.js";
import { NO_PROGRAM_FACTS } from "./dynamic-types.js";
import type { Expression } from "./expression.js";
import type { Candidates } from "./go-candidates.js";
import type { Surroundings } from "./locate.js";
import type { NamedVariable, Scope } from "./names.js";
import {
  argumentTypes,
  functionScope,
  type SpanEnd,
  spanScope,
  spanVariables,
  usdtScope,
  usdtVariables,
} from "./native-scope.js";
import {
  type FunctionMatch,
  findNativeFunctions,
  findUsdtProbes,
  type NativeSelector,
  type UsdtMatch,
} from "./native-selector.js";
import { findFunctionSites, findUsdtSite } from "./native-sites.js";
import type { CallIdentity, PlannedPlace, Recipe, RefusedFunction, RuntimeFacts } from "./plan.js";
import { compileExpression } from "./recipes.js";
import { goroutinePlace } from "./runtime-facts.js";

/** What native probes are planned with. */
export interface NativeContext {
  readonly program: Program;
  /** Undefined: no Go program. */
  readonly runtime: RuntimeFacts | undefined;
  readonly questions: Questions;
  /** `--match`, at either end of a span. */
  readonly match: { readonly begin: Expression; readonly end: Expression } | undefined;
}

/** @throws UnmeasurableError `no-match` as findUsdtProbes and findNativeFunctions do */
export function nativeCandidates(selectors: readonly NativeSelector[], context: NativeContext): Candidates {
  const candidates: Candidate[] = [];
  const refusedFunctions: RefusedFunction[] = [];
  // What two PROBEs name is measured once.
  const seen = new Set<string>();
  const once = (key: string, plan: () => Candidates): void => {
    if (seen.has(key)) return;
    seen.add(key);
    const { candidates: planned, refused: without } = plan();
    candidates.push(...planned);
    refusedFunctions.push(...without);
  };
  for (const selector of selectors) {
    if (selector.kind === "usdt") {
      for (const match of findUsdtProbes(selector, context.program)) once(match.name, () => planUsdt(match, context));
    } else if (selector.kind === "span") {
      const [from] = findUsdtProbes(selector.from, context.program);
      const [to] = findUsdtProbes(selector.to, context.program);
      if (from !== undefined && to !== undefined) once(`${from.name}..${to.name}`, () => planSpan(from, to, context));
    } else {
      for (const match of findNativeFunctions(selector, context.program)) {
        const key = `${match.name} ${match.file.elf.path} ${match.function.address}`;
        once(key, () => planFunction(match, context));
      }
    }
  }
  return { candidates, refused: refusedFunctions, warnings: [] };
}

/** What each of some tries came to. */
function sorted(
  tries: readonly { readonly named: Omit<RefusedFunction, "refusal">; readonly outcome: Outcome<Candidate> }[],
  others: readonly RefusedFunction[] = [],
): Candidates {
  const candidates = tries.flatMap(({ outcome }) => (outcome.ok ? [outcome.value] : []));
  const without = tries.flatMap(({ named, outcome }) => (outcome.ok ? [] : [{ ...named, refusal: outcome.refusal }]));
  return { candidates, refused: [...others, ...without], warnings: [] };
}

const namedPlace = (name: string): Omit<RefusedFunction, "refusal"> => ({
  name,
  place: { kind: "usdt", function: name },
});

/** Notes of it that can't be used. */
const damaged = ({ name, refused: notes }: UsdtMatch): readonly RefusedFunction[] =>
  notes.map(({ file, note }) => ({
    ...namedPlace(name),
    refusal: { code: "damaged-note", reason: `note ${note.index} of ${file.elf.path}: ${note.reason}` },
  }));

type Place = UsdtMatch["places"][number];

function planUsdt(match: UsdtMatch, context: NativeContext): Candidates {
  const { name, places } = match;
  const types = argumentTypes(places.map(({ note }) => note));
  return sorted(
    places.map((place) => {
      const { note } = place;
      const arch = place.file.elf.machine;
      const scope = usdtScope(note, types, arch);
      const variables = usdtVariables(note, types, arch);
      const answers = answersAt(name, "place", scope, variables, context);
      return { named: namedPlace(name), outcome: withSite(name, place, answers, context) };
    }),
    damaged(match),
  );
}

function answersAt(
  name: string,
  kind: Surroundings["kind"],
  scope: Scope,
  variables: readonly NamedVariable[] | undefined,
  { questions }: NativeContext,
): Outcome<Answers> {
  if (!asksAnything(questions)) return found(NO_ANSWERS);
  const around: Surroundings = { scope, program: NO_PROGRAM_FACTS, functionName: name, packagePath: "", kind };
  return answer(questions, variables, around);
}

function withSite(
  name: string,
  { file, note }: Place,
  answers: Outcome<Answers>,
  context: NativeContext,
): Outcome<Candidate> {
  if (!answers.ok) return answers;
  const site = findUsdtSite(file, note);
  if (!site.ok) return site;
  return found({
    ...answers.value,
    name,
    file,
    function: { name, address: note.address, size: 0, file: undefined, line: undefined, wrapper: false },
    sites: { entry: site.value, exits: [] },
    place: placeOf(file, note, context),
    signature: undefined,
    identity: spanIdentity(context),
    goroutine: goroutineAt(file, note.address, context),
  });
}

/** Where a probe is in Go code, its callers are known as anywhere in Go. */
function placeOf(file: CodeFile, { address }: UsdtNote, { program: { main } }: NativeContext): PlannedPlace {
  const { go } = main;
  const place = { kind: "usdt", file: undefined, line: undefined, within: address } as const;
  if (file !== main || go?.symbols.findByAddress(address) === undefined) return place;
  const frame = frameAt(go.binary, address);
  return frame === undefined ? place : { ...place, frame };
}

/** Where g is: in Go code as in any function, in C code behind the thread's g0. */
function goroutineAt(
  file: CodeFile,
  address: VirtualAddress,
  { program: { main }, runtime }: NativeContext,
): Candidate["goroutine"] {
  const { go } = main;
  if (go === undefined || runtime === undefined) return "none";
  const fn = file === main ? go.symbols.findByAddress(address) : undefined;
  const place = fn === undefined ? "behind-c" : goroutinePlace(fn, runtime);
  // A shared library's goroutines are where the loader put them.
  return place === "register" || runtime.tlsOffset !== undefined ? place : "none";
}

/** A Go program's goroutines change their threads. */
function spanIdentity({ runtime, match }: NativeContext): CallIdentity {
  if (match !== undefined) return "value";
  return runtime?.tlsOffset === undefined ? "thread" : "goroutine";
}

/** Every place of one probe with every place of the other: which ends belong together, the run finds out. */
function planSpan(from: UsdtMatch, to: UsdtMatch, context: NativeContext): Candidates {
  const name = `${from.name}..${to.name}`;
  const ends = ({ places }: UsdtMatch): readonly SpanEnd[] => {
    const types = argumentTypes(places.map(({ note }) => note));
    return places.map(({ note }) => ({ note, types }));
  };
  const [begins, finishes] = [ends(from), ends(to)];
  const [begin, finish] = [begins[0], finishes[0]];
  const losses = [...damaged(from), ...damaged(to)].map((each) => ({ ...each, name }));
  if (begin === undefined || finish === undefined) return { candidates: [], refused: losses, warnings: [] };
  const plan = (place: Place, ownEnd: "begin" | "end", own: SpanEnd) => {
    const [one, other] = ownEnd === "begin" ? [own, finish] : [begin, own];
    const arch = place.file.elf.machine;
    const scope = spanScope(one, other, arch);
    const both = answersAt(name, "call", scope, spanVariables(one, other, arch), context);
    const match = matchAt(name, ownEnd, usdtScope(own.note, own.types, arch), context);
    const outcome = match.ok ? withSite(name, place, both.ok ? found(half(both.value, ownEnd)) : both, context) : match;
    return { named: namedPlace(name), outcome: outcome.ok ? found(spanEnd(outcome.value, ownEnd, match)) : outcome };
  };
  const tries = [
    ...from.places.map((place, index) => plan(place, "begin", begins[index] ?? begin)),
    ...to.places.map((place, index) => plan(place, "end", finishes[index] ?? finish)),
  ];
  return sorted(tries, losses);
}

/** A candidate for a place as that for an end of a span, which is no place: it has a duration. */
function spanEnd(candidate: Candidate, end: "begin" | "end", match: Outcome<Recipe | undefined>): Candidate {
  const { entry } = candidate.sites;
  const own = match.ok ? match.value : undefined;
  return {
    ...candidate,
    place: undefined,
    end,
    sites: { entry: { ...entry, kind: end === "begin" ? "span-begin" : "span-end" }, exits: [] },
    ...(own === undefined ? {} : { match: own }),
  };
}

/** What is evaluated at one end. The other half keeps its place, for results are read by it. */
function half(answers: Answers, end: "begin" | "end"): Answers {
  const phase = end === "begin" ? "entry" : "return";
  const own = (recipe: Recipe): Recipe => {
    if (recipe.phase === phase) return recipe;
    const { code: _, ...rest } = recipe;
    return { ...rest, steps: [] };
  };
  const { values, measured, condition, captures } = answers;
  return {
    values: values.map((value) => ({ ...value, recipe: own(value.recipe) })),
    measured: measured && { ...measured, recipe: own(measured.recipe) },
    condition:
      condition &&
      (end === "begin"
        ? { ...condition, return: undefined }
        : { decisions: [], entry: undefined, return: condition.return }),
    captures: captures && (end === "begin" ? { ...captures, return: undefined } : { ...captures, entry: undefined }),
  };
}

/** What `--match` is at one end. */
function matchAt(
  name: string,
  end: "begin" | "end",
  scope: Scope,
  { match }: NativeContext,
): Outcome<Recipe | undefined> {
  if (match === undefined) return found(undefined);
  const around: Surroundings = {
    scope,
    program: NO_PROGRAM_FACTS,
    functionName: name,
    packagePath: "",
    kind: "place",
  };
  const compiled = compileExpression(match[end], around);
  if (!compiled.ok) return compiled;
  const { recipe, encoding } = compiled.value;
  if (encoding.kind === "integer" || encoding.kind === "pointer") return found(recipe);
  return refused("not-a-number", `--match takes an integer, not ${recipe.type.name}`);
}

function planFunction({ name, file, function: fn }: FunctionMatch, context: NativeContext): Candidates {
  const { program } = context;
  const objection = refuseGoFunction(file, fn.address);
  if (objection !== undefined) return { candidates: [], refused: [{ name, refusal: objection }], warnings: [] };
  const plan = (): Outcome<Candidate> => {
    const answers = answersAt(name, "call", functionScope(program.main.elf.machine), undefined, context);
    if (!answers.ok) return answers;
    const sites = findFunctionSites(file, fn, endsAtEntry(answers.value) ? "unneeded" : "needed");
    if (!sites.ok) return sites;
    return found({
      ...answers.value,
      name,
      file,
      function: { name, address: fn.address, size: fn.size, file: undefined, line: undefined, wrapper: false },
      sites: { entry: sites.value.entry, exits: [sites.value.exit] },
      place: undefined,
      signature: undefined,
      identity: "thread",
      goroutine: goroutineAt(file, fn.address, context),
    });
  };
  return sorted([{ named: { name }, outcome: plan() }]);
}

/** Why a symbol is not for a uretprobe; undefined of C functions. */
export function refuseGoFunction({ go }: CodeFile, address: VirtualAddress): Refusal | undefined {
  const fn = go?.symbols.findByAddress(address);
  if (fn === undefined) return undefined;
  return {
    code: "go-function",
    reason:
      `${fn.name} is a Go function: the return probe of a C function would crash the program when the runtime ` +
      "walks that stack",
    hint: `without c: it is measured as Go functions are: ${fn.name}`,
  };
}
