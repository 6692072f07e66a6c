/** What PROBEs mean outside Go: USDT probes, spans between two of them, and C functions, each as candidates or refused. */
import { found, type Outcome, type Refusal, type VirtualAddress } from "../base/index.js";
import type { CodeFile } from "../symbols/index.js";
import { type Candidate, endsAtEntry } from "./candidate.js";
import type { Candidates } from "./go-candidates.js";
import { answersAt, damaged, goroutineAt, type NativeContext, namedPlace, sorted, withSite } from "./native-places.js";
import { argumentTypes, functionScope, usdtScope, usdtVariables } from "./native-scope.js";
import {
  type FunctionMatch,
  findNativeFunctions,
  findUsdtProbes,
  type NativeSelector,
  type UsdtMatch,
} from "./native-selector.js";
import { findFunctionSites } from "./native-sites.js";
import type { RefusedFunction } from "./plan.js";
import { planSpan } from "./spans.js";

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
