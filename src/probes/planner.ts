/**
 * From what the user asked for to the exact sites and recipes of a run. Every function that a PROBE names is either
 * planned whole, with all its exits and all its dimensions, or refused with a reason; nothing is measured by halves.
 */
import { gsLimits } from "../abi/index.js";
import { UnmeasurableError, UsageError } from "../base/index.js";
import { findGnuBuildId, findGoBuildId } from "../binary/index.js";
import type { CodeFile, Program } from "../symbols/index.js";
import { type Candidate, endsAtEntry, type Questions } from "./candidate.js";
import { type GoCandidates, MAX_PROBES, selectGo, vanishedCopies } from "./go-candidates.js";
import { nativeCandidates } from "./native-candidates.js";
import type { NativeContext } from "./native-places.js";
import { type NativeSelector, parseNativeSelector } from "./native-selector.js";
import { parseExpression } from "./parse-expression.js";
import type { PlannedFile, PlannedProbe, ProbePlan, RefusedFunction, RuntimeFacts } from "./plan.js";
import { nothingMeasurable } from "./refusals.js";
import { readRuntimeFacts } from "./runtime-facts.js";
import { settleDimensions, settleMeasure } from "./settle.js";

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
  /** `--match`: by whose values the ends of spans belong together, instead of by their threads. */
  readonly match?: readonly string[];
  /** `values`: arguments and results of each call are captured, and what `show` asks for. */
  readonly captures?: "none" | "values";
  /**
   * Which probes carry their signature: all of them (to show a plan), or those alone from which something is read: then
   * a run without expressions begins without looking for any.
   */
  readonly signaturesOf?: "all" | "read";
}

/** Of a run without any PROBE of Go. */
const NO_GO: GoCandidates = {
  candidates: [],
  refused: [],
  warnings: [],
  runtimeSites: [],
  uncountedCopies: () => () => 0,
};

/**
 * The plan of a run.
 * @throws UsageError for malformed selectors, expressions and signatures; UnmeasurableError when a PROBE names nothing, or
 * nothing that was named can be measured: then its code is that of the first refusal.
 */
export function planProbes(program: Program, request: PlanRequest): ProbePlan {
  const { main } = program;
  const natives = request.probes.flatMap((probe) => parseNativeSelector(probe) ?? []);
  const goProbes = request.probes.filter((probe) => parseNativeSelector(probe) === undefined);
  const asked = parseQuestions(request);
  const match = (request.match ?? []).map(parseMatch);
  requireSpans(request.match ?? [], natives, goProbes);
  const runtime = main.go && readRuntimeFacts(main.go.binary, main.go.symbols);
  const selection = goProbes.length === 0 ? undefined : selectGoProbes(main, runtime, { ...request, probes: goProbes });
  const questions: Questions = { ...asked, probes: (selection?.size ?? 0) + natives.length };
  const go = selection?.candidates(questions) ?? NO_GO;
  const native = nativeCandidates(natives, { program, runtime, questions, match });
  const candidates = [...go.candidates, ...native.candidates];
  const settled = settleDimensions(request.by, candidates);
  const { measure, alike, odd } = settleMeasure(
    request.of,
    settled.alike,
    questions.show === undefined ? "apart" : "together",
  );
  const { whole, halves } = withBothEnds(alike);
  const refused = [...go.refused, ...native.refused, ...settled.odd, ...odd, ...halves];
  if (whole.length === 0) throw nothingMeasurable(request.probes, refused);
  const files = [main, ...new Set(whole.map(({ file }) => file).filter((file) => file !== main))];
  const copies = go.uncountedCopies(whole);
  return {
    target: {
      ...plannedFile(main),
      arch: main.elf.machine,
      goVersion: main.go?.binary.version.text,
    },
    libraries: files.slice(1).map(plannedFile),
    runtime,
    dimensions: settled.dimensions,
    measure,
    ...(request.where === undefined ? {} : { where: request.where }),
    probes: whole.map((candidate, number) =>
      plannedProbe(candidate, {
        file: files.indexOf(candidate.file),
        nest: nestOf(whole, number),
        inlinedCopies: copies(candidate),
      }),
    ),
    refused,
    runtimeSites: go.runtimeSites,
    warnings: [...go.warnings, ...native.warnings, ...vanishedCopies(whole), ...untypedFunctions(whole)],
  };
}

function parseQuestions(request: PlanRequest): Omit<Questions, "probes"> {
  const by = request.by.map(parseExpression);
  if (by.length > gsLimits.GS_MAX_DIMENSIONS) {
    throw new UsageError(`at most ${gsLimits.GS_MAX_DIMENSIONS} --by expressions are possible`);
  }
  const show = (request.show ?? []).map((name) => ({ name, expression: parseExpression(name) }));
  return {
    by,
    of: request.of === undefined ? undefined : parseExpression(request.of),
    where: request.where === undefined ? undefined : parseExpression(request.where),
    show: request.captures === "values" ? show : undefined,
  };
}

/** `EXPR`, the same at both ends, or `EXPR..EXPR`. */
function parseMatch(text: string): NativeContext["match"][number] {
  const [begin, end = begin, ...more] = text.split("..");
  if (begin === undefined || end === undefined || more.length > 0) {
    throw new UsageError(`--match ${text} names more than two ends`, { hint: "--match arg0, or --match arg0..arg1" });
  }
  return { begin: parseExpression(begin), end: parseExpression(end) };
}

function requireSpans(
  [match]: readonly string[],
  natives: readonly NativeSelector[],
  goProbes: readonly string[],
): void {
  if (match === undefined || (goProbes.length === 0 && natives.every(({ kind }) => kind === "span"))) return;
  throw new UsageError(`--match ${match} tells spans apart, and not all probes are spans`, {
    hint: "a span lies between two USDT probes: usdt:PROVIDER:NAME..usdt:PROVIDER:NAME",
  });
}

function selectGoProbes(main: CodeFile, runtime: RuntimeFacts | undefined, request: PlanRequest) {
  if (main.go === undefined || runtime === undefined) {
    throw new UnmeasurableError("not-go", `${main.elf.path}: not a Go program`, {
      hint: `its C functions are named c:SYMBOL, its USDT probes usdt:PROVIDER:NAME: c:${request.probes[0]}?`,
    });
  }
  return selectGo(main, main.go, runtime, { ...request, signaturesOf: request.signaturesOf ?? "all" });
}

const plannedFile = ({ elf, access }: CodeFile): PlannedFile => ({
  path: elf.path,
  access,
  goBuildId: findGoBuildId(elf),
  gnuBuildId: findGnuBuildId(elf),
  positionIndependent: elf.positionIndependent,
  imageBase: elf.imageBase,
});

/** A span with only one of its ends would count nothing. */
function withBothEnds(candidates: readonly Candidate[]): {
  readonly whole: readonly Candidate[];
  readonly halves: readonly RefusedFunction[];
} {
  const has = (name: string, end: Candidate["end"]): boolean =>
    candidates.some((each) => each.name === name && each.end === end);
  const isWhole = ({ name, end }: Candidate): boolean => end === undefined || (has(name, "begin") && has(name, "end"));
  const halves = candidates.filter((each) => !isWhole(each));
  const refusal = { code: "half-a-span", reason: "its other end can't be measured" };
  return {
    whole: candidates.filter(isWhole).slice(0, MAX_PROBES),
    halves: [...new Set(halves.map(({ name }) => name))].map((name) => ({ name, refusal })),
  };
}

/** A C function's nest of open calls is its own; the ends of a span share one. */
function nestOf(candidates: readonly Candidate[], number: number): number | undefined {
  const candidate = candidates[number];
  if (candidate?.end !== undefined) return candidates.findIndex(({ name }) => name === candidate.name);
  return candidate?.identity === "thread" && candidate.place === undefined ? number : undefined;
}

/** Functions of which a trace can show neither arguments nor results. */
function untypedFunctions(candidates: readonly Candidate[]): readonly string[] {
  const [first, ...others] = candidates.filter(
    ({ captures, identity }) => captures?.untyped === true && identity === "goroutine",
  );
  if (first === undefined) return [];
  const [which, name] = others.length === 0 ? [first.name, first.name] : [`${others.length + 1} functions`, "FUNC"];
  const instead = `--sig '${name}=func(PARAMETERS) RESULTS' or --symbols of the build with debug data would`;
  return [
    `nothing says what arguments and results ${which} ${others.length === 0 ? "has" : "have"}, shown as (?): ${instead}`,
  ];
}

function kindOf(candidate: Candidate): PlannedProbe["kind"] {
  if (candidate.end !== undefined) return candidate.end === "begin" ? "span-begin" : "span-end";
  return candidate.place !== undefined || endsAtEntry(candidate) ? "place" : "call";
}

function plannedProbe(
  candidate: Candidate,
  { file, nest, inlinedCopies }: Pick<PlannedProbe, "file" | "inlinedCopies"> & { readonly nest: number | undefined },
): PlannedProbe {
  const { name, sites, place, signature, values, measured, condition, captures, match } = candidate;
  const kind = kindOf(candidate);
  return {
    name,
    function: candidate.function,
    ...(place === undefined ? {} : { place }),
    signature,
    kind,
    file,
    identity: candidate.identity,
    ...(nest === undefined ? {} : { nest }),
    ...(match === undefined ? {} : { match }),
    // Of a C function too the entry alone is counted where nothing needs its end.
    entry: kind === "place" && sites.entry.kind === "function" ? { ...sites.entry, kind: "place" } : sites.entry,
    exits: kind === "call" ? sites.exits : [],
    goroutine: candidate.goroutine,
    inlinedCopies,
    recipes: values.map((value) => value.recipe),
    value: measured?.recipe,
    ...(condition === undefined ? {} : { condition }),
    ...(captures === undefined ? {} : { captures }),
    notes: notesOn(candidate, inlinedCopies),
  };
}

function notesOn({ function: fn, sites, values, place }: Candidate, inlinedCopies: number): readonly string[] {
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
