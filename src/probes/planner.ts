/**
 * From what the user asked for to the exact sites and recipes of a run. Every function that a PROBE names is either
 * planned whole, with all its exits and all its dimensions, or refused with a reason; nothing is measured by halves.
 */
import { gsLimits } from "../abi/index.js";
import { found, type Outcome, type Refusal, refused, UnmeasurableError } from "../base/index.js";
import type { GoBinary, Signature } from "../binary/index.js";
import { collapseTypeArguments, type GoFunction, type SymbolTable } from "../symbols/index.js";
import { assign } from "./abi.js";
import { type CompiledShow, compileCaptures, compileShow, type Shown } from "./captures.js";
import type { Captures, CodeStep, Condition } from "./code.js";
import { type ProbeSites, SiteFinder } from "./code-sites.js";
import { compileCondition } from "./conditions.js";
import { type ProgramFacts, programFacts } from "./dynamic-types.js";
import type { Expression } from "./expression.js";
import type { Surroundings } from "./locate.js";
import { bindAll, callScope, type Scope } from "./names.js";
import { operandOf } from "./operand.js";
import { parseExpression } from "./parse-expression.js";
import type { PlannedProbe, ProbePlan, RefusedFunction, RuntimeFacts, Site } from "./plan.js";
import { type CompiledExpression, compileExpression } from "./recipes.js";
import { goroutinePlace, readRuntimeFacts, refuseGoroutine } from "./runtime-facts.js";
import { resolveSelector } from "./selector.js";
import { settleDimensions, settleMeasure } from "./settle.js";
import { conventionOf, dictionaryOf, givenSignatures, lacksReceiver } from "./signatures.js";

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

/** A probe before the run's dimensions are settled. */
export interface Candidate {
  readonly fn: GoFunction;
  readonly sites: ProbeSites;
  readonly signature: Signature | undefined;
  readonly values: readonly CompiledExpression[];
  /** Of `--of`. */
  readonly measured: CompiledExpression | undefined;
  readonly condition: Condition | undefined;
  readonly captures: Captures | undefined;
}

/** What is asked of every function alike. */
interface Questions {
  readonly by: readonly Expression[];
  readonly of: Expression | undefined;
  readonly where: Expression | undefined;
  /** Undefined: nothing is captured. */
  readonly show: readonly { readonly name: string; readonly expression: Expression }[] | undefined;
}

/**
 * The plan of a run.
 * @throws UsageError for malformed selectors, expressions and signatures; UnmeasurableError when a PROBE names no
 * function, or none of the functions named can be measured: then its code is that of the first refusal.
 */
export function planProbes(binary: GoBinary, symbols: SymbolTable, request: PlanRequest): ProbePlan {
  const expressions = request.by.map(parseExpression);
  if (expressions.length > gsLimits.GS_MAX_DIMENSIONS) {
    throw new UnmeasurableError(
      "too-many-dimensions",
      `at most ${gsLimits.GS_MAX_DIMENSIONS} --by expressions are possible`,
    );
  }
  const show = (request.show ?? []).map((name) => ({ name, expression: parseExpression(name) }));
  const questions: Questions = {
    by: expressions,
    of: request.of === undefined ? undefined : parseExpression(request.of),
    where: request.where === undefined ? undefined : parseExpression(request.where),
    show: request.captures === "values" ? show : undefined,
  };
  const given = givenSignatures(request.signatures, symbols);
  const functions = selectFunctions(request.probes, symbols);
  const runtime = readRuntimeFacts(binary, symbols);
  const finder = new SiteFinder(binary, symbols);
  const program = programFacts(binary, symbols);
  const wantsSignatures = request.signaturesOf !== "read" || asksAnything(questions);
  const refusedFunctions: RefusedFunction[] = [];
  const candidates: Candidate[] = [];
  const warnings: string[] = [];
  for (const fn of functions) {
    if (candidates.length === MAX_PROBES) {
      warnings.push(`only the first ${MAX_PROBES} functions are measured`);
      break;
    }
    const signature = given.get(fn.name) ?? (wantsSignatures ? symbols.signature(fn) : undefined);
    const unknown = refuseGoroutine(fn, runtime);
    if (unknown !== undefined) {
      refusedFunctions.push({ name: fn.name, refusal: unknown });
      continue;
    }
    const candidate = planFunction(binary, finder, fn, signature, { program, questions });
    if (candidate.ok) candidates.push(candidate.value);
    else refusedFunctions.push({ name: fn.name, refusal: candidate.refusal });
  }
  const settled = settleDimensions(request.by, candidates);
  const { measure, alike, odd } = settleMeasure(request.of, settled.alike);
  refusedFunctions.push(...settled.odd, ...odd);
  if (alike.length === 0) throw nothingMeasurable(request.probes, refusedFunctions);
  const copies = symbols.inlinedCopies(new Set(alike.map(({ fn }) => fn.name)));
  const { sites: runtimeSites, warnings: missing } = findRuntimeSites(finder);
  if (!runtime.goroutineInRegister) warnings.push(OLD_ABI_WARNING);
  return {
    target: {
      path: binary.path,
      arch: binary.arch,
      goVersion: binary.version.text,
      goBuildId: binary.goBuildId,
      gnuBuildId: binary.gnuBuildId,
      positionIndependent: binary.elf.positionIndependent,
      imageBase: binary.elf.imageBase,
    },
    runtime,
    dimensions: settled.dimensions,
    measure,
    ...(request.where === undefined ? {} : { where: request.where }),
    probes: alike.map((candidate) => plannedProbe(candidate, symbols, runtime, copies.get(candidate.fn.name) ?? 0)),
    refused: refusedFunctions,
    runtimeSites,
    warnings: [...warnings, ...missing],
  };
}

/** The bodies that all PROBEs together name, in address order, each once. */
function selectFunctions(probes: readonly string[], symbols: SymbolTable): readonly GoFunction[] {
  const byEntry = new Map<number, GoFunction>();
  for (const probe of probes) for (const fn of resolveSelector(probe, symbols)) byEntry.set(fn.entry, fn);
  const all = [...byEntry.values()].sort((left, right) => left.entry - right.entry);
  // A wrapper of an ABI or of an instance calls or jumps to the body of its name: both would count each call twice.
  const bodies = new Set(all.filter((fn) => !fn.wrapper).map((fn) => collapseTypeArguments(fn.name)));
  return all.filter((fn) => !fn.wrapper || !bodies.has(collapseTypeArguments(fn.name)));
}

const asksAnything = ({ by, of, where, show }: Questions): boolean =>
  by.length > 0 || of !== undefined || where !== undefined || show !== undefined;

function planFunction(
  binary: GoBinary,
  finder: SiteFinder,
  fn: GoFunction,
  signature: Signature | undefined,
  { program, questions }: { readonly program: ProgramFacts; readonly questions: Questions },
): Outcome<Candidate> {
  const sites = finder.find(fn);
  if (!sites.ok) return sites;
  const nothing = { values: [], measured: undefined, condition: undefined, captures: undefined };
  if (!asksAnything(questions)) return found({ fn, sites: sites.value, signature, ...nothing });
  const names = namesOf(binary, fn, signature);
  const around: Surroundings = {
    scope: names.scope,
    program,
    functionName: fn.name,
    packagePath: packageOf(fn.name),
    kind: "call",
  };
  const returns = sites.value.exits.some((exit) => exit.kind === "return");
  const values: CompiledExpression[] = [];
  for (const expression of questions.of === undefined ? questions.by : [...questions.by, questions.of]) {
    const compiled = compileExpression(expression, around);
    if (!compiled.ok) return compiled;
    if (compiled.value.recipe.phase === "return" && !returns) return NO_RESULTS;
    values.push(compiled.value);
  }
  const measured = questions.of === undefined ? undefined : values.pop();
  const condition = questions.where && compileCondition(questions.where, around);
  if (condition?.ok === false) return condition;
  if (condition?.value.return?.some(readsResults) === true && !returns) return NO_RESULTS;
  const captures = questions.show && captureCalls(questions.show, names.variables, around);
  if (captures?.ok === false) return captures;
  return found({
    fn,
    sites: sites.value,
    signature,
    values,
    measured,
    condition: condition?.value,
    captures: captures?.value,
  });
}

const NO_RESULTS = refused("no-return", "it leaves by a jump only: its results are not there to be read");

const readsResults = ({ op }: CodeStep): boolean => op === "register" || op === "register-b" || op === "stack";

/** The import path that a symbol begins with: `net/http` of `net/http.(*Server).Serve`. */
function packageOf(name: string): string {
  const path = name.replace(/\[.*$/s, "");
  const dot = path.indexOf(".", path.lastIndexOf("/") + 1);
  return dot < 0 ? path : path.slice(0, dot);
}

/** What names stand for in a function; none do where nothing says what its arguments are, or where. */
function namesOf(
  binary: GoBinary,
  fn: GoFunction,
  signature: Signature | undefined,
): { readonly scope: Scope; readonly variables: ReturnType<typeof bindAll> } {
  const without = (refusal: ReturnType<typeof refused>) => ({ scope: { bind: () => refusal }, variables: [] });
  if (signature === undefined) {
    return without(
      refused(
        "no-signature",
        "the binary does not say what its arguments are",
        `say it: --sig '${fn.name}=func(name string, n int) error'`,
      ),
    );
  }
  if (lacksReceiver(fn, signature)) {
    return without(
      refused("no-signature", "the binary describes its arguments without the receiver, so their places are unknown"),
    );
  }
  if (binary.arch !== "amd64") {
    return without(refused("unsupported-machine", `arguments are not read on ${binary.arch} yet`));
  }
  const assignment = assign(signature, conventionOf(binary, fn), dictionaryOf(binary, fn));
  return { scope: callScope(signature, assignment), variables: bindAll(signature, assignment) };
}

function captureCalls(
  show: NonNullable<Questions["show"]>,
  variables: ReturnType<typeof bindAll>,
  around: Surroundings,
): Outcome<Captures> {
  const shows: CompiledShow[] = [];
  for (const { name, expression } of show) {
    const compiled = compileShow(name, expression, around);
    if (!compiled.ok) return compiled;
    shows.push(compiled.value);
  }
  const values = variables.map(
    ({ name, role, bound }): Shown => ({
      name,
      role,
      phase: role === "argument" ? "entry" : "return",
      value: bound.ok ? operandOf(bound.value, name) : bound,
    }),
  );
  return found(compileCaptures(values, shows, around));
}

function plannedProbe(
  candidate: Candidate,
  symbols: SymbolTable,
  runtime: RuntimeFacts,
  inlinedCopies: number,
): PlannedProbe {
  const { fn, sites, signature, values, measured, condition, captures } = candidate;
  // Where all that is asked is known at the entry, the end of the call need not be seen.
  const place =
    measured !== undefined &&
    captures === undefined &&
    condition?.return === undefined &&
    [measured, ...values].every(({ recipe }) => recipe.phase === "entry");
  const kind = place ? "place" : "call";
  const { file, line } = symbols.place(fn);
  return {
    function: { name: fn.name, address: fn.entry, size: fn.end - fn.entry, file, line, wrapper: fn.wrapper },
    signature,
    kind,
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

function notesOn({ fn, sites, values }: Candidate, inlinedCopies: number): readonly string[] {
  const notes: string[] = [];
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
    const calls = inlinedCopies === 1 ? "1 call of it was" : `${inlinedCopies} calls of it were`;
    notes.push(`${calls} inlined and will not be seen`);
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

function nothingMeasurable(probes: readonly string[], all: readonly RefusedFunction[]): UnmeasurableError {
  const [first, ...others] = all;
  const refusal: Refusal = first?.refusal ?? { code: "no-match", reason: "no function was named" };
  const name = first?.name ?? probes.join(" ");
  const more =
    others.length === 0 ? "" : `, and ${others.length === 1 ? "1 function" : `${others.length} functions`} more`;
  return new UnmeasurableError(refusal.code, `${name} can't be measured: ${refusal.reason}${more}`, {
    hint: refusal.hint,
  });
}
