/** Every package variable of a program: its place as the Go toolchain has it, its type as readelf does. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { memorySource, openGoBinary } from "../../src/binary/index.js";
import { openSymbolTable, type SymbolTable, writeSymbolFile } from "../../src/symbols/index.js";
import { SymbolFile } from "../../src/symbols/symbol-file/index.js";
import { fixturePath, type GoVersion, goCommand } from "../fixture.js";
import { type ReadelfEntry, readelfEntries, readelfReference } from "./readelf.js";

const versions = ["1.19", "1.22", "1.25", "1.27"] as const;

interface Placed {
  readonly name: string;
  readonly address: number;
  readonly size: number;
}

/** What `go tool nm` calls data, but for the linker's own marks. */
function listedByNm(path: string, version: GoVersion): readonly Placed[] {
  const text = execFileSync(goCommand(version), ["tool", "nm", "-size", path], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  return Array.from(text.matchAll(/^ *([0-9a-f]+) +(\d+) [DdBb] (.*)$/gm), ([, address = "", size = "", name = ""]) => {
    return { name, address: Number.parseInt(address, 16), size: Number(size) };
  }).filter(({ name, size }) => size > 0 && !/^go[:.]/.test(name));
}

/** The address in `9 byte block: 3 70 98 58 0 0 0 0 0`. */
function addressIn(location: string | undefined): number | undefined {
  const bytes = /^9 byte block: 3 ((?:[0-9a-f]+ ?){8})/.exec(location ?? "")?.[1];
  if (bytes === undefined) return undefined;
  return bytes
    .trim()
    .split(" ")
    .reduce((sum, byte, index) => sum + Number.parseInt(byte, 16) * 2 ** (8 * index), 0);
}

/** `address name type` of the variables in debug data. */
function describedByReadelf(path: string): readonly string[] {
  const entries = readelfEntries(path);
  const byOffset = new Map(entries.map((entry) => [entry.offset, entry]));
  const describe = (entry: ReadelfEntry): string =>
    [
      addressIn(entry.attributes.get("DW_AT_location")),
      entry.attributes.get("DW_AT_name"),
      readelfReference(byOffset, entry, "DW_AT_type")?.attributes.get("DW_AT_name"),
    ].join(" ");
  return entries.filter(({ depth, tag }) => depth === 1 && tag === "DW_TAG_variable").map(describe);
}

/** Names that several functions declare have one place each; the first is found. */
const once = (lines: readonly string[]): readonly string[] => [...new Set(lines)].sort();

function typed(table: SymbolTable, names: readonly string[]): readonly string[] {
  return names.flatMap((name) => {
    const variable = table.variable(name);
    return variable?.type === undefined ? [] : [`${variable.address} ${name} ${variable.type.name}`];
  });
}

const place = ({ name, address, size }: Placed): string => `${name} ${address} ${size}`;

function placesOf(table: SymbolTable, names: readonly string[]): readonly string[] {
  return names.map((name) => {
    const variable = table.variable(name);
    assert.ok(variable !== undefined, name);
    return place(variable);
  });
}

const scratch = mkdtempSync(join(tmpdir(), "gospect-variables-"));
after(() => rmSync(scratch, { recursive: true }));

function strip(version: GoVersion, flag: "--strip-debug" | "--strip-all"): string {
  const output = join(scratch, `${version}${flag}`);
  execFileSync("objcopy", [flag, fixturePath("variety", version, "plain"), output]);
  return output;
}

for (const version of versions) {
  test(`go${version}: all are where the toolchain has them, and of the types that readelf reads`, async () => {
    const path = fixturePath("variety", version, "plain");
    using binary = await openGoBinary(path);
    const listed = listedByNm(path, version);
    const described = describedByReadelf(path);
    assert.ok(listed.length > 300 && described.length > 250, `${listed.length} listed, ${described.length} described`);
    const names = listed.map(({ name }) => name);
    using symbolFile = new SymbolFile(memorySource("variety.gosym", await writeSymbolFile(binary)));
    using stripped = await openGoBinary(strip(version, "--strip-all"));
    for (const table of [openSymbolTable(binary), openSymbolTable(stripped, { symbolFile })]) {
      assert.deepEqual(placesOf(table, names), listed.map(place));
      const all = [...new Set([...names, ...described.map((line) => line.split(" ")[1] ?? "")])];
      assert.deepEqual(once(typed(table, all)), once(described));
      assert.deepEqual(table.nearestVariables("runtime.Allgs", 1), ["runtime.allgs"]);
      assert.equal(table.variable("main.nosuch"), undefined);
      assert.equal(table.variable(""), undefined);
    }
  });

  test(`go${version}: without debug data the ELF symbols have places, and without those there are none`, async () => {
    const listed = listedByNm(fixturePath("variety", version, "plain"), version);
    const names = listed.map(({ name }) => name);
    using undescribed = await openGoBinary(strip(version, "--strip-debug"));
    const table = openSymbolTable(undescribed);
    assert.deepEqual(placesOf(table, names), listed.map(place));
    assert.deepEqual(typed(table, names), []);
    assert.deepEqual(table.nearestVariables("runtime.Allgs", 1), ["runtime.allgs"]);
    using bare = await openGoBinary(strip(version, "--strip-all"));
    assert.equal(openSymbolTable(bare).variable("runtime.allgs"), undefined);
    assert.deepEqual(openSymbolTable(bare).nearestVariables("runtime.allgs", 5), []);
  });
}
