/** Spans between two USDT probes: each place of either is an end, with the half of what is asked that belongs to it. */
import { gsLimits } from "../abi/index.js";
import { found, hex, type Outcome, refused } from "../base/index.js";
import type { Answers, Candidate } from "./candidate.js";
import type { Code } from "./code.js";
import { NO_PROGRAM_FACTS } from "./dynamic-types.js";
import type { Candidates } from "./go-candidates.js";
import type { Surroundings } from "./locate.js";
import type { Scope } from "./names.js";
import { answersAt, damaged, type NativeContext, namedPlace, type Place, sorted, withSite } from "./native-places.js";
import { argumentTypes, type SpanEnd, spanScope, spanVariables, usdtScope } from "./native-scope.js";
import type { UsdtMatch } from "./native-selector.js";
import type { Recipe, RefusedFunction } from "./plan.js";
import { compileExpression } from "./recipes.js";

/** Every place of one probe with every place of the other: which ends belong together, the run finds out. */
export function planSpan(from: UsdtMatch, to: UsdtMatch, context: NativeContext): Candidates {
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
    const opposite = ownEnd === "begin" ? to : from;
    if (opposite.places.some(isAt(place))) return { named: namedPlace(name), outcome: bothAt(from, to, place) };
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
  const planned = sorted(tries, losses);
  const isPartial = planned.refused.length > 0 && planned.candidates.length > 0;
  return isPartial ? { ...planned, candidates: [], refused: planned.refused.map(partial) } : planned;
}

const isAt =
  ({ file, note }: Place) =>
  (other: Place): boolean =>
    other.file === file && other.note.address === note.address;

/** Of two probes on one instruction the kernel decides which is seen first. */
const bothAt = (from: UsdtMatch, to: UsdtMatch, { file, note }: Place): Outcome<never> =>
  refused(
    "same-instruction",
    `${from.name} and ${to.name} are both at ${hex(note.address)} of ${file.elf.path}: nothing lies between them`,
  );

/** Where an end is not seen, the next one would be taken for it, and its time with it: all places are measured, or none. */
const partial = ({ refusal, ...named }: RefusedFunction): RefusedFunction => ({
  ...named,
  refusal: { ...refusal, reason: `its ends can't be told apart without all their places: ${refusal.reason}` },
});

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

/** What `--match` is at one end: one value, or several mixed into one. */
function matchAt(
  name: string,
  end: "begin" | "end",
  scope: Scope,
  { match }: NativeContext,
): Outcome<Recipe | undefined> {
  const around: Surroundings = {
    scope,
    program: NO_PROGRAM_FACTS,
    functionName: name,
    packagePath: "",
    kind: "place",
  };
  let mixed: Recipe | undefined;
  for (const each of match) {
    const compiled = compileExpression(each[end], around);
    if (!compiled.ok) return compiled;
    const { recipe, encoding } = compiled.value;
    if (encoding.kind !== "integer" && encoding.kind !== "pointer") {
      return refused("not-a-number", `--match takes an integer, not ${recipe.type.name}`);
    }
    mixed = mixed === undefined ? recipe : mixture(mixed, recipe);
  }
  return found(mixed);
}

/** A large prime: values that differ in one of two parts differ in all; with both, they are alike with a chance of 2^-40. */
const MIXER = 2_147_483_629;
/** Codes take their variables from the other end. */
const KEPT = gsLimits.GS_VARIABLES - 1;

function mixture(one: Recipe, other: Recipe): Recipe {
  const codeOf = ({ code, steps }: Recipe): Code => code ?? steps;
  const code: Code = [
    ...codeOf(one),
    { op: "multiply", by: MIXER },
    { op: "put", variable: KEPT },
    ...codeOf(other),
    { op: "add-variable", variable: KEPT },
  ];
  return { phase: one.phase, type: one.type, steps: [], code };
}
