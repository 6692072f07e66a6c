/** `list --json`: an array of what can be probed, as cli.md has it. Addresses and offsets are numbers; unknown is null. */
import type { ListEntry, ListedCopy, ListedVariable } from "./list-shape.js";
import { refusalJson } from "./refusal.js";

/** The array, one entry per line, newline included. */
export function formatListJson(entries: Iterable<ListEntry>): string {
  const lines: string[] = [];
  for (const entry of entries) lines.push(JSON.stringify(entryJson(entry)));
  return lines.length === 0 ? "[]\n" : `[${lines.join(",\n ")}]\n`;
}

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
  entry: entry.entry === undefined ? null : { offset: entry.entry.offset, instruction: entry.entry.instruction },
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
