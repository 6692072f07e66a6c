/** Debug data as a whole against GNU readelf and the Go type checker. */
import assert from "node:assert/strict";
import { basename } from "node:path";
import { virtualAddress } from "../../src/base/index.js";
import type { Dwarf } from "../../src/binary/dwarf/index.js";
import type { GoType } from "../../src/binary/index.js";
import type { GoVersion } from "../fixture.js";
import type { DeclaredFunction, DeclaredVariable } from "./dwarf-programs.js";
import { type ReadelfEntry, readelfEntries, readelfLines, readelfReference } from "./readelf.js";

/** Compares long lists whole, and shows the first lines that differ; the assertion's own difference takes minutes. */
export const assertSame = (actual: readonly string[], expected: readonly string[]): void => {
  const different: [string | undefined, string | undefined][] = [];
  for (let index = 0; index < Math.max(actual.length, expected.length) && different.length < 10; index++) {
    if (actual[index] !== expected[index]) different.push([actual[index], expected[index]]);
  }
  assert.deepEqual(different, []);
};

const spellVariables = (variables: readonly DeclaredVariable[], generic: boolean): string =>
  variables.map(({ name, type }) => (generic ? name : `${name} ${type}`)).join(", ");

const withoutTypeArguments = (name: string): string => {
  let short = name;
  for (let previous = ""; previous !== short; ) {
    previous = short;
    short = short.replace(/\[[^[\]]*\]/g, "");
  }
  return short;
};

/** What readelf says about the debugging entries of a file. */
export class ReadelfView {
  readonly path: string;
  readonly entries: readonly ReadelfEntry[];
  private readonly byOffset: ReadonlyMap<number, ReadelfEntry>;

  constructor(path: string) {
    this.path = path;
    this.entries = readelfEntries(path);
    this.byOffset = new Map(this.entries.map((entry) => [entry.offset, entry]));
  }

  nameOf(entry: ReadelfEntry): string {
    const origin = readelfReference(this.byOffset, entry, "DW_AT_abstract_origin");
    return entry.attributes.get("DW_AT_name") ?? origin?.attributes.get("DW_AT_name") ?? "";
  }

  /** Entries of Go units only; a C compiler's are none of ours. */
  functions(): readonly string[] {
    return this.goEntries("DW_TAG_subprogram").flatMap((entry) => {
      const low = Number(entry.attributes.get("DW_AT_low_pc"));
      const high = entry.attributes.get("DW_AT_high_pc") ?? "";
      if (!entry.attributes.has("DW_AT_low_pc")) return [];
      return [`${this.nameOf(entry)} ${low} ${high.startsWith("0x") ? Number(high) : low + Number(high)}`];
    });
  }

  inlinedCopies(): ReadonlyMap<string, number> {
    const copies = new Map<string, number>();
    for (const entry of this.goEntries("DW_TAG_inlined_subroutine")) {
      const name = this.nameOf(entry);
      copies.set(name, (copies.get(name) ?? 0) + 1);
    }
    return copies;
  }

  private goEntries(tag: string): readonly ReadelfEntry[] {
    let isGo = false;
    return this.entries.filter((entry) => {
      if (entry.tag === "DW_TAG_compile_unit")
        isGo = entry.attributes.get("DW_AT_producer")?.includes("Go cmd/compile") === true;
      return isGo && entry.tag === tag;
    });
  }
}

/** Every function has the name and the addresses readelf gives it. */
export function compareDwarfFunctions(dwarf: Dwarf, readelf: ReadelfView): void {
  const expected = readelf.functions();
  assert.ok(expected.length > 1000);
  assertSame(
    [...dwarf.functions()].map(({ name, lowPc, highPc }) => `${name} ${lowPc} ${highPc}`),
    expected,
  );
}

/** Inlined copies are those that readelf counts, and each lies in the function that says so. */
export function compareInlinedCopies(dwarf: Dwarf, readelf: ReadelfView, isOurs: (name: string) => boolean): void {
  const counts = dwarf.inlinedCopyCounts();
  const sorted = (map: ReadonlyMap<string, number>) => [...map].map(([name, count]) => `${name} ${count}`).sort();
  assertSame(sorted(counts), sorted(readelf.inlinedCopies()));
  for (const [name, count] of counts) {
    if (!isOurs(name)) continue;
    const copies = dwarf.inlinedCopies(name);
    assert.equal(copies.length, count, name);
    for (const copy of copies) {
      const holder = dwarf.findFunctionAt(copy.pc);
      assert.equal(holder?.name, copy.into);
      assert.ok(copy.ranges.every(({ start, end }) => start < end && holder !== undefined && end <= holder.highPc));
    }
  }
}

/** Every row of the line tables is what readelf decodes; of those between two addresses, where C code is around them. */
export function compareDwarfLines(
  dwarf: Dwarf,
  path: string,
  [start, end]: readonly [start: number, end: number] = [0, Number.POSITIVE_INFINITY],
): void {
  const rows = readelfLines(path);
  const actual: string[] = [];
  const expected: string[] = [];
  for (const [address, row] of rows) {
    if (address < start || address >= end) continue;
    const position = dwarf.lineAt(virtualAddress(address));
    actual.push(`${address} ${basename(position?.file ?? "")}:${position?.line}`);
    expected.push(`${address} ${row.file}:${row.line}`);
  }
  assert.ok(expected.length > 10_000);
  assertSame(actual, expected);
}

/** Go 1.19 records no line. These have no stack check, and so begin with their first statement. */
const LINELESS_IN_GO_1_19 = new Set([
  "bytes.(*Buffer).Reset",
  "crypto/internal/nistec/fiat.p521CmovznzU64",
  "crypto/md5.(*digest).Reset",
  "crypto/sha1.(*digest).Reset",
]);

/** Methods without a name for their receiver, of which Go 1.19 and 1.21 do not record that they have one. */
const BARE_BEFORE_GO_1_22 = /\.\(\*noCopy\)\.(?:Lock|Unlock)$|\.\(\*runtimeStderr\)\.Write$/;

/**
 * Every function that is declared has the signature, file and line of its source. Returns how many were compared.
 * `fileOf` is the path that debug data have for a source.
 */
export function compareSignatures(
  dwarf: Dwarf,
  version: GoVersion,
  declarations: readonly DeclaredFunction[],
  fileOf: (path: string) => string,
): number {
  const blanksListed = version !== "1.19" && version !== "1.21";
  const declared = new Map(declarations.map((one) => [one.name, one]));
  const actual: string[] = [];
  const expected: string[] = [];
  for (const found of dwarf.functions()) {
    const one = declared.get(withoutTypeArguments(found.name));
    // Wrappers bear the name of what they wrap, generated code none of a source.
    if (one === undefined || found.isWrapper || found.file === "<autogenerated>") continue;
    const { signature } = found;
    assert.ok(signature, found.name);
    const bare = !blanksListed && BARE_BEFORE_GO_1_22.test(found.name);
    const listed = one.parameters.filter(
      ({ name }, index) => blanksListed || name !== "" || (index === 0 && one.hasReceiver && !bare),
    );
    // Go 1.19 records no line, and a function without parameters and stack check begins with its first statement.
    const lineKnown = version !== "1.19" || (one.parameters.length > 0 && !LINELESS_IN_GO_1_19.has(found.name));
    const generic = found.name.includes("[");
    const spell = (type: { name: string; type: GoType }) => ({ name: type.name, type: type.type.name });
    actual.push(
      [
        found.name,
        spellVariables(signature.parameters.map(spell), generic),
        spellVariables(signature.results.map(spell), generic),
        signature.hasReceiver,
        found.file,
        lineKnown ? found.line : "",
      ].join(" | "),
    );
    expected.push(
      [
        found.name,
        spellVariables(listed, generic),
        found.mayLackResults ? "" : spellVariables(one.results, generic),
        one.hasReceiver && !bare,
        fileOf(one.file),
        lineKnown ? one.line : "",
      ].join(" | "),
    );
  }
  assertSame(actual, expected);
  return expected.length;
}
