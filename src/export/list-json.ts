/** `list --json`: an array of what can be probed, as cli.md has it. Addresses and offsets are numbers; unknown is null. */
import type { ListEntry, ListedCopy, ListedVariable, NamedEntry } from "./list-shape.js";
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
  address,
  size,
});

const entryJson = (entry: ListEntry) => ({
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
  entry: entry.entry === undefined ? null : { offset: entry.entry.offset, instruction: entry.entry.instruction() },
  returns: entry.returns,
  inlinedCopies: entry.inlinedCopies,
  inlinedInto: entry.inlinedInto?.().map(copyJson) ?? null,
  wrapper: entry.wrapper,
  refused: entry.refused === undefined ? null : refusalJson(entry.refused),
});

const copyJson = ({ function: name, file, line }: ListedCopy) => ({
  function: name,
  file: file ?? null,
  line: line ?? null,
});

const variableJson = ({ name, type, location }: ListedVariable) => ({ name, type, location: location ?? null });
