/** `list`: what can be probed in a binary, and for what can't, why. */
import { type Outcome, type Refusal, refused } from "../base/index.js";
import {
  type FunctionEntry,
  formatListJson,
  formatListText,
  formatNamesJson,
  formatNamesText,
  type ListEntry,
  type ListedCopy,
  type ListedPlace,
  type ListedSite,
  type NamedEntry,
  type NativeEntry,
  type UsdtEntry,
} from "../export/index.js";
import {
  type DescribedPlace,
  type DescribedSite,
  describeFunctions,
  describeNative,
  type FunctionDescription,
  type NativeDescription,
  type NativeFunctionDescription,
  type NativeSelection,
  type PlacedFunction,
  type PlacedNative,
  parseNativeSelector,
  placeFunctions,
  placeNative,
  type UsdtDescription,
} from "../probes/index.js";
import type { Program } from "../symbols/index.js";
import { remembered } from "./remembered.js";
import type { ListRequest } from "./request.js";
import { openResults, type Results } from "./results.js";
import type { Streams } from "./streams.js";
import { Subject } from "./subject.js";

/** LIMIT: functions shown in full; more of them get a line each, unless --verbose asks. */
const DETAILED = 3;

const copiesOf = ({ inlinedInto }: FunctionDescription): readonly ListedCopy[] =>
  inlinedInto().map(({ into, file, line }) => ({ function: into, file, line }));

const namedEntryOf = ({ fn, file, line }: PlacedFunction): NamedEntry => ({
  kind: "function",
  name: fn.name,
  file,
  line,
  address: fn.entry,
  size: fn.end - fn.entry,
});

const entryOf = (description: FunctionDescription, named: "by name" | "as one of all"): FunctionEntry => {
  const { fn, file, line, parameters, results, captured, signatureSource, sites, inlinedCopies } = description;
  // Field by field: spreading the entries of a large program takes longer than decoding its code.
  return {
    kind: "function",
    name: fn.name,
    file,
    line,
    address: fn.entry,
    size: fn.end - fn.entry,
    params: parameters,
    results,
    captured,
    signatureSource,
    entry: sites.ok ? { offset: sites.value.entry.offset, instruction: sites.value.entry.instruction } : undefined,
    returns: sites.ok ? sites.value.exitCount : 0,
    inlinedCopies,
    // Nobody reads the places of all copies in a program.
    inlinedInto: named === "by name" ? () => copiesOf(description) : undefined,
    wrapper: fn.wrapper,
    refused: sites.ok ? undefined : sites.refusal,
  };
};

const namedNative = ({ kind, name, file, address, size }: PlacedNative): NamedEntry => ({
  kind,
  name,
  file: file.elf.path,
  line: undefined,
  address,
  size,
});

const siteOf = (site: DescribedSite): ListedSite | undefined =>
  site.ok ? { offset: site.value.offset, instruction: () => site.value.instruction } : undefined;

const refusalOf = (outcome: Outcome<unknown>): Refusal | undefined => (outcome.ok ? undefined : outcome.refusal);

const placeOf = ({ address, arguments: params, semaphore, site }: DescribedPlace): ListedPlace => ({
  address,
  params,
  semaphore,
  entry: siteOf(site),
  refused: refusalOf(site),
});

/** Why nothing of a USDT probe can be probed: the first place's reason, or the first note's. */
function probeRefusal({ places, damaged }: UsdtDescription): Refusal | undefined {
  if (places.some(({ site }) => site.ok)) return undefined;
  const [place] = places;
  if (place !== undefined) return refusalOf(place.site);
  return refused("damaged-note", damaged[0]?.reason ?? "its notes can't be read").refusal;
}

const probeEntry = (description: UsdtDescription): UsdtEntry => ({
  kind: "usdt",
  name: description.name,
  provider: description.provider,
  probe: description.probe,
  file: description.file.elf.path,
  line: undefined,
  address: description.places[0]?.address,
  size: 0,
  places: description.places.map(placeOf),
  damaged: description.damaged.map(({ index, reason }) => ({ index, reason })),
  refused: probeRefusal(description),
});

const nativeFunctionEntry = ({ name, file, function: fn, site }: NativeFunctionDescription): NativeEntry => ({
  kind: "c",
  name,
  file: file.elf.path,
  line: undefined,
  address: fn.address,
  size: fn.size,
  version: fn.version,
  entry: siteOf(site),
  refused: refusalOf(site),
});

const nativeEntry = (description: NativeDescription): ListEntry =>
  description.kind === "usdt" ? probeEntry(description) : nativeFunctionEntry(description);

/** What the patterns of a request speak of: Go's functions, and the rest. */
interface Wanted {
  /** Undefined: none. Empty: all. */
  readonly functions: readonly string[] | undefined;
  readonly native: NativeSelection;
}

function wantedOf(patterns: readonly string[], { main: { go } }: Program): Wanted {
  if (patterns.length === 0) return { functions: go === undefined ? undefined : [], native: "all" };
  const functions: string[] = [];
  const native = patterns.flatMap((pattern) => {
    const selector = parseNativeSelector(pattern);
    if (selector === undefined) functions.push(pattern);
    return selector ?? [];
  });
  return { functions: functions.length === 0 ? undefined : functions, native };
}

export async function list(request: ListRequest, streams: Streams): Promise<number> {
  using results = openResults(request.output, streams);
  using subject = await Subject.open(request.target, request.symbols);
  const program = await subject.program(request.patterns);
  const wanted = wantedOf(request.patterns, program);
  if (request.extent === "names") {
    const named = namedEntriesOf(subject, program, wanted);
    results.finish(request.json ? formatNamesJson(named) : formatNamesText(named, results.style));
    return 0;
  }
  const make = (): Iterable<string> => {
    const entries = entriesOf(subject, program, wanted, request);
    if (request.json) return formatListJson(entries);
    const first = take(entries, DETAILED + 1);
    const layout = request.verbose || first.length <= DETAILED ? "details" : "lines";
    return formatListText(chain(first, entries), layout, results.style);
  };
  results.finish(
    isOfFileAlone(request)
      ? await remembered(subject.main.elf.source, questionOf(request, subject, results), make)
      : make(),
  );
  return 0;
}

/** Seconds of work with one result for each file; a few functions are there sooner than all bytes are read. */
const isOfFileAlone = ({ patterns, signatures, symbols, cache }: ListRequest): boolean =>
  cache === "use" && patterns.length === 0 && signatures.length === 0 && symbols === undefined;

const questionOf = ({ json, verbose }: ListRequest, { main }: Subject, { style }: Results): object => ({
  command: "list",
  json,
  verbose,
  style,
  path: main.elf.path,
});

function* namedEntriesOf(subject: Subject, program: Program, { functions, native }: Wanted): Generator<NamedEntry> {
  if (functions !== undefined) {
    const { binary, symbols } = subject.requireGo();
    for (const placed of placeFunctions(binary, symbols, functions)) yield namedEntryOf(placed);
  }
  for (const placed of placeNative(program, native)) yield namedNative(placed);
}

/** One at a time: a large program has more functions than should be held as values. */
function* entriesOf(
  subject: Subject,
  program: Program,
  { functions, native }: Wanted,
  { signatures }: ListRequest,
): Generator<ListEntry> {
  if (functions !== undefined) {
    const { binary, symbols } = subject.requireGo();
    const named = functions.length > 0 ? "by name" : "as one of all";
    for (const description of describeFunctions(binary, symbols, { patterns: functions, signatures })) {
      yield entryOf(description, named);
    }
  }
  for (const description of describeNative(program, native)) yield nativeEntry(description);
}

function take(entries: Iterator<ListEntry>, count: number): readonly ListEntry[] {
  const taken: ListEntry[] = [];
  while (taken.length < count) {
    const next = entries.next();
    if (next.done === true) break;
    taken.push(next.value);
  }
  return taken;
}

function* chain(first: Iterable<ListEntry>, rest: Iterable<ListEntry>): Generator<ListEntry> {
  yield* first;
  yield* rest;
}
