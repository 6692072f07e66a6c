/** `list --json`: an array of what can be probed, as cli.md has it. Addresses and offsets are numbers; unknown is null. */
import type { Refusal } from "../base/index.js";
import type {
  FunctionEntry,
  ListEntry,
  ListedCopy,
  ListedPlace,
  ListedSemaphore,
  ListedSite,
  ListedVariable,
  NamedEntry,
  NativeEntry,
  UsdtEntry,
} from "./list-shape.js";
import { refusalJson } from "./refusal.js";

/** The array in pieces, one entry per line, newline included. */
export const formatListJson = (entries: Iterable<ListEntry>): Iterable<string> => jsonLines(entries, entryJson);

/** As formatListJson, of names and places: the fields that it has of each entry, and no others. */
export const formatNamesJson = (entries: Iterable<NamedEntry>): Iterable<string> => jsonLines(entries, namedJson);

function* jsonLines<Entry>(entries: Iterable<Entry>, shape: (entry: Entry) => unknown): Generator<string> {
  let before = "[";
  for (const entry of entries) {
    yield `${before}${JSON.stringify(shape(entry))}`;
    before = ",\n ";
  }
  yield before === "[" ? "[]\n" : "]\n";
}

const namedJson = ({ kind, name, file, line, address, size }: NamedEntry) => ({
  kind,
  name,
  file: file ?? null,
  line: line ?? null,
  address: address ?? null,
  size,
});

function entryJson(entry: ListEntry): unknown {
  switch (entry.kind) {
    case "function":
      return functionJson(entry);
    case "usdt":
      return usdtJson(entry);
    case "c":
      return nativeJson(entry);
  }
}

// Field by field: a large program has a hundred thousand.
const functionJson = (entry: FunctionEntry) => ({
  kind: entry.kind,
  name: entry.name,
  file: entry.file ?? null,
  line: entry.line ?? null,
  address: entry.address,
  size: entry.size,
  params: entry.params?.map(variableJson) ?? null,
  results: entry.results?.map(variableJson) ?? null,
  captured: entry.captured().map(variableJson),
  signatureSource: entry.signatureSource ?? null,
  entry: siteJson(entry.entry),
  returns: entry.returns,
  inlinedCopies: entry.inlinedCopies,
  inlinedInto: entry.inlinedInto?.().map(copyJson) ?? null,
  wrapper: entry.wrapper,
  refused: maybeRefusal(entry.refused),
});

/** What all entries have is that of the first place. */
function usdtJson(entry: UsdtEntry) {
  const [first] = entry.places;
  return {
    ...namedJson(entry),
    params: first?.params.map(variableJson) ?? null,
    results: null,
    entry: siteJson(first?.entry),
    returns: 0,
    inlinedCopies: 0,
    provider: entry.provider ?? null,
    probe: entry.probe ?? null,
    semaphore: semaphoreJson(first?.semaphore),
    places: entry.places.map(placeJson),
    damaged: entry.damaged,
    refused: maybeRefusal(entry.refused),
  };
}

const placeJson = ({ address, params, semaphore, entry, refused }: ListedPlace) => ({
  address,
  offset: entry?.offset ?? null,
  instruction: entry?.instruction() ?? null,
  params: params.map(variableJson),
  semaphore: semaphoreJson(semaphore),
  refused: maybeRefusal(refused),
});

const nativeJson = (entry: NativeEntry) => ({
  ...namedJson(entry),
  params: null,
  results: null,
  entry: siteJson(entry.entry),
  returns: entry.entry === undefined ? 0 : 1,
  inlinedCopies: 0,
  version: entry.version ?? null,
  refused: maybeRefusal(entry.refused),
});

const siteJson = (site: ListedSite | undefined) =>
  site === undefined ? null : { offset: site.offset, instruction: site.instruction() };

const semaphoreJson = (semaphore: ListedSemaphore | undefined) => semaphore?.address ?? null;

const maybeRefusal = (refusal: Refusal | undefined) => (refusal === undefined ? null : refusalJson(refusal));

const copyJson = ({ function: name, file, line }: ListedCopy) => ({
  function: name,
  file: file ?? null,
  line: line ?? null,
});

const variableJson = ({ name, type, location, unreadable }: ListedVariable) => ({
  name,
  type,
  location: location ?? null,
  ...(unreadable === undefined ? {} : { unreadable }),
});
