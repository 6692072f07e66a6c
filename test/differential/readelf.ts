/** What GNU readelf says about debug data, parsed: an implementation of DWARF that shares nothing with ours. */
import { run } from "./dwarf-programs.js";

export interface ReadelfEntry {
  readonly depth: number;
  readonly offset: number;
  readonly tag: string;
  /** As printed, without forms: `0x49bfc0`, `275`, `<0x9fcf1>`, `main.main`. Go's own attributes go by their number. */
  readonly attributes: ReadonlyMap<string, string>;
}

/** All debugging entries, in file order. */
export const readelfEntries = (path: string): readonly ReadelfEntry[] => {
  const entries: ReadelfEntry[] = [];
  let attributes = new Map<string, string>();
  for (const line of run("readelf", ["--debug-dump=info", path]).split("\n")) {
    const entry = /^ <([0-9a-f]+)><([0-9a-f]+)>: Abbrev Number: \d+ \((DW_TAG_\w+)\)/.exec(line);
    if (entry !== null) {
      const [, depth = "", offset = "", tag = ""] = entry;
      attributes = new Map();
      entries.push({ depth: Number.parseInt(depth, 16), offset: Number.parseInt(offset, 16), tag, attributes });
      continue;
    }
    const attribute =
      /^ {4}<[0-9a-f]+> {3}(DW_AT_\w+|Unknown AT value: [0-9a-f]+)\s*: (?:\((?:index: |indirect )[^)]*\): )?(.*)$/.exec(
        line,
      );
    if (attribute !== null)
      attributes.set(
        (attribute[1] ?? "").replace("Unknown AT value: ", ""),
        (attribute[2] ?? "").replace(/\t.*$/, "").trim(),
      );
  }
  return entries;
};

/** The entry that `abstract_origin`, `type` … of an entry names. */
export const readelfReference = (
  byOffset: ReadonlyMap<number, ReadelfEntry>,
  entry: ReadelfEntry,
  attribute: string,
): ReadelfEntry | undefined => {
  const text = entry.attributes.get(attribute);
  return text === undefined ? undefined : byOffset.get(Number.parseInt(text.replace(/^<0x|>$/g, ""), 16));
};

/** File (without folders) and line by address, of every row of every line table; the last row of an address counts. */
export const readelfLines = (path: string): ReadonlyMap<number, { file: string; line: number }> => {
  const rows = new Map<number, { file: string; line: number }>();
  for (const text of run("readelf", ["--wide", "--debug-dump=decodedline", path]).split("\n")) {
    const row = /^(\S.*?)\s+(\d+)\s+0x([0-9a-f]+)\b/.exec(text);
    if (row === null) continue;
    const [, file = "", line = "", address = ""] = row;
    rows.set(Number.parseInt(address, 16), { file, line: Number(line) });
  }
  return rows;
};
