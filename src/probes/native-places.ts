/** A USDT note, or what is asked of code that is not Go's, as a candidate: what single probes and ends of spans have in common. */
import { found, type Outcome, type VirtualAddress } from "../base/index.js";
import type { UsdtNote } from "../binary/index.js";
import type { CodeFile, Program } from "../symbols/index.js";
import { type Answers, answer, asksAnything, type Candidate, NO_ANSWERS, type Questions } from "./candidate.js";
import { frameAt } from "./code-place.js";
import { NO_PROGRAM_FACTS } from "./dynamic-types.js";
import type { Expression } from "./expression.js";
import type { Candidates } from "./go-candidates.js";
import type { Surroundings } from "./locate.js";
import type { NamedVariable, Scope } from "./names.js";
import type { UsdtMatch } from "./native-selector.js";
import { findUsdtSite } from "./native-sites.js";
import type { CallIdentity, PlannedPlace, RefusedFunction, RuntimeFacts } from "./plan.js";
import { goroutinePlace } from "./runtime-facts.js";

/** What native probes are planned with. */
export interface NativeContext {
  readonly program: Program;
  /** Undefined: no Go program. */
  readonly runtime: RuntimeFacts | undefined;
  readonly questions: Questions;
  /** `--match`: what must agree, at either end of a span; empty where the order of the ends decides. */
  readonly match: readonly { readonly begin: Expression; readonly end: Expression }[];
}

/** What each of some tries came to. */
export function sorted(
  tries: readonly { readonly named: Omit<RefusedFunction, "refusal">; readonly outcome: Outcome<Candidate> }[],
  others: readonly RefusedFunction[] = [],
): Candidates {
  const candidates = tries.flatMap(({ outcome }) => (outcome.ok ? [outcome.value] : []));
  const without = tries.flatMap(({ named, outcome }) => (outcome.ok ? [] : [{ ...named, refusal: outcome.refusal }]));
  return { candidates, refused: [...others, ...without], warnings: [] };
}

/** How a refused place of a probe is called. */
export const namedPlace = (name: string): Omit<RefusedFunction, "refusal"> => ({
  name,
  place: { kind: "usdt", function: name },
});

/** Notes of it that can't be used. */
export const damaged = ({ name, refused: notes }: UsdtMatch): readonly RefusedFunction[] =>
  notes.map(({ file, note }) => ({
    ...namedPlace(name),
    refusal: { code: "damaged-note", reason: `note ${note.index} of ${file.elf.path}: ${note.reason}` },
  }));

export type Place = UsdtMatch["places"][number];

/** Refused as `answer` refuses. */
export function answersAt(
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

/** Refused as findUsdtSite refuses, and as the answers are. */
export function withSite(
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
export function goroutineAt(
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
  if (match.length > 0) return "value";
  return runtime?.tlsOffset === undefined ? "thread" : "goroutine";
}
