/** `list`: what can be probed in a binary, and for what can't, why. */
import {
  formatListJson,
  formatListText,
  formatNamesJson,
  formatNamesText,
  type ListEntry,
  type ListedCopy,
  type NamedEntry,
} from "../export/index.js";
import { describeFunctions, type FunctionDescription, type PlacedFunction, placeFunctions } from "../probes/index.js";
import type { ListRequest } from "./request.js";
import { openResults } from "./results.js";
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

const entryOf = (description: FunctionDescription, named: "by name" | "as one of all"): ListEntry => {
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

export async function list(request: ListRequest, streams: Streams): Promise<number> {
  using results = openResults(request.output, streams);
  using subject = await Subject.open(request.target, request.symbols);
  const { patterns, signatures } = request;
  const { binary, symbols } = subject.requireGo();
  if (request.extent === "names") {
    const named = namedEntriesOf(placeFunctions(binary, symbols, patterns));
    results.finish(request.json ? formatNamesJson(named) : formatNamesText(named, results.style));
    return 0;
  }
  const entries = entriesOf(
    describeFunctions(binary, symbols, { patterns, signatures }),
    patterns.length > 0 ? "by name" : "as one of all",
  );
  if (request.json) results.finish(formatListJson(entries));
  else {
    const first = take(entries, DETAILED + 1);
    const layout = request.verbose || first.length <= DETAILED ? "details" : "lines";
    results.finish(formatListText(chain(first, entries), layout, results.style));
  }
  return 0;
}

function* namedEntriesOf(functions: Iterable<PlacedFunction>): Generator<NamedEntry> {
  for (const placed of functions) yield namedEntryOf(placed);
}

/** One at a time: a large program has more functions than should be held as values. */
function* entriesOf(
  descriptions: Iterable<FunctionDescription>,
  named: Parameters<typeof entryOf>[1],
): Generator<ListEntry> {
  for (const description of descriptions) yield entryOf(description, named);
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
