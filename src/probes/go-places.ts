/** A place in the middle of a Go function, or of one that was inlined into it, as a candidate. */
import { found, type Outcome, refused } from "../base/index.js";
import type { GoBinary } from "../binary/index.js";
import type { CodeFile, GoFunction, SymbolTable } from "../symbols/index.js";
import { answer, asksAnything, type Candidate, NO_ANSWERS, type Questions } from "./candidate.js";
import { type CodePlace, frameAt } from "./code-place.js";
import type { SiteFinder } from "./code-sites.js";
import type { ProgramFacts } from "./dynamic-types.js";
import { placeScope } from "./place-scope.js";
import type { RuntimeFacts } from "./plan.js";
import { goroutinePlace } from "./runtime-facts.js";

/** The import path that a symbol begins with: `net/http` of `net/http.(*Server).Serve`. */
export function packageOf(name: string): string {
  const path = name.replace(/\[.*$/s, "");
  const dot = path.indexOf(".", path.lastIndexOf("/") + 1);
  return dot < 0 ? path : path.slice(0, dot);
}

/** What functions and places of a Go program are planned with. */
export interface GoContext {
  readonly file: CodeFile;
  readonly binary: GoBinary;
  readonly symbols: SymbolTable;
  readonly runtime: RuntimeFacts;
  readonly finder: SiteFinder;
  readonly program: ProgramFacts;
  readonly questions: Questions;
}

/** What a candidate says of the function that its sites are in. */
export function homeOf(
  fn: GoFunction,
  { file: home, symbols, runtime }: GoContext,
): Pick<Candidate, "file" | "function" | "identity" | "goroutine"> {
  const { name, entry, end, wrapper } = fn;
  const { file, line } = symbols.place(fn);
  return {
    file: home,
    function: { name, address: entry, size: end - entry, file, line, wrapper },
    identity: "goroutine",
    goroutine: goroutinePlace(fn, runtime),
  };
}

/**
 * A place as a probe: at the cheapest of its instructions, or where something is read the cheapest at which all of it can be
 * read.
 */
export function planPlace(place: CodePlace, context: GoContext): Outcome<Candidate> {
  const { binary, finder, program, questions } = context;
  const { kind, name, file, line, fn, flow } = place;
  const instructions = asksAnything(questions) ? place.readable : place.instructions;
  let refusal: Outcome<never> | undefined;
  for (const index of instructions) {
    const site = finder.place(flow.instruction(index));
    if (!site.ok) {
      refusal ??= site;
      continue;
    }
    const { address } = site.value;
    const frame = frameAt(binary, address);
    const { scope, variables } = placeScope(binary, {
      address,
      within: place.within,
      names: kind === "copy" ? "parameters" : "variables",
      depth: place.depth,
      line: kind === "copy" ? undefined : line,
      code: { start: fn.entry, end: fn.end },
    });
    const functionName = kind === "copy" ? name : fn.name;
    const answers = asksAnything(questions)
      ? answer(questions, variables, {
          scope,
          program,
          functionName,
          packagePath: packageOf(functionName),
          kind: "place",
        })
      : found(NO_ANSWERS);
    if (!answers.ok) {
      refusal ??= answers;
      continue;
    }
    return found({
      ...answers.value,
      ...homeOf(fn, context),
      name,
      sites: { entry: site.value, exits: [] },
      place: { kind, file, line, within: place.within, ...(frame === undefined ? {} : { frame }) },
      signature: undefined,
    });
  }
  return refusal ?? refused("no-code", "it has no instruction");
}
