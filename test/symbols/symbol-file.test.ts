/** A stripped program with a symbol file against the program before it was stripped: everything, for every function. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type VirtualAddress, virtualAddress } from "../../src/base/index.js";
import {
  type Captures,
  type GoBinary,
  type GoType,
  memorySource,
  openGoBinary,
  type Signature,
} from "../../src/binary/index.js";
import { readRuntimeFacts } from "../../src/probes/runtime-facts.js";
import { openSymbolTable, type SymbolTable, writeSymbolFile } from "../../src/symbols/index.js";
import { SymbolFile } from "../../src/symbols/symbol-file/index.js";
import { partsOf } from "../binary/type-parts.js";
import { fixturePath, type GoVersion, goCommand, goVersions } from "../fixture.js";

const scratch = mkdtempSync(join(tmpdir(), "gospect-symbols-"));
after(() => rmSync(scratch, { recursive: true }));

/** Two graphs of types are one when nothing that is asked of one is answered otherwise by the other. */
class TypeComparison {
  /** Pairs that are equal, or being compared further up. */
  private readonly assumed = new Map<GoType, GoType>();

  compare(actual: GoType, expected: GoType, path: string): void {
    if (this.assumed.get(expected) === actual) return;
    this.assumed.set(expected, actual);
    assert.deepEqual(plain(actual), plain(expected), path);
    const [inner, outer] = [partsOf(actual), partsOf(expected)];
    outer.forEach((type, index) => {
      const other = inner[index];
      assert.ok(other !== undefined, path);
      this.compare(other, type, `${path}/${type.name}`);
    });
  }
}

/** The type without what it leads to. */
const plain = (type: GoType): object =>
  type.kind === "struct"
    ? { ...type, fields: type.fields.map(({ name, offset, embedded }) => ({ name, offset, embedded })) }
    : Object.fromEntries(Object.entries(type).filter(([, value]) => typeof value !== "function"));

const capturesOf = ({ variables, gap }: Captures): object => {
  return { gap, variables: variables.map(({ name, offset, held }) => ({ name, offset, held })) };
};

/** All but the types, which are compared as graphs. */
const shapeOf = (signature: Signature | undefined): object | undefined =>
  signature && {
    ...signature,
    source: "",
    captures: signature.captures && capturesOf(signature.captures()),
    parameters: signature.parameters.map(({ name }) => name),
    results: signature.results.map(({ name }) => name),
  };

const typesOf = (signature: Signature | undefined): readonly GoType[] =>
  [...(signature?.parameters ?? []), ...(signature?.results ?? []), ...(signature?.captures?.().variables ?? [])].map(
    ({ type }) => type,
  );

/** LIMIT: addresses asked for in one function, spread over all of it. */
const MAX_ADDRESSES = 20;

function* addressesIn(entry: VirtualAddress, end: VirtualAddress): Generator<VirtualAddress> {
  const step = Math.max(1, Math.floor((end - entry) / MAX_ADDRESSES));
  for (let address: number = entry; address < end; address += step) yield virtualAddress(address);
  yield virtualAddress(end - 1);
}

async function fileOf(binary: GoBinary): Promise<SymbolFile> {
  return new SymbolFile(memorySource("app.gosym", await writeSymbolFile(binary)));
}

function compareTables(actual: SymbolTable, expected: SymbolTable): void {
  assert.equal(actual.functionCount, expected.functionCount);
  const types = new TypeComparison();
  const others = [...actual.functions()];
  const names = new Set<string>();
  let signatures = 0;
  for (const fn of expected.functions()) {
    const other = others[fn.index];
    assert.ok(other !== undefined);
    const facts = ({ name, entry, end, index, assembly, wrapper }: typeof fn) => {
      return { name, entry, end, index, assembly, wrapper };
    };
    assert.deepEqual(facts(other), facts(fn));
    names.add(fn.name);
    assert.deepEqual(actual.place(other), expected.place(fn), fn.name);
    for (const address of addressesIn(fn.entry, fn.end)) {
      assert.equal(actual.findByAddress(address)?.index, fn.index);
      assert.deepEqual(actual.symbolize(address), expected.symbolize(address), `${fn.name} at ${address}`);
    }
    const [signature, described] = [actual.signature(other), expected.signature(fn)];
    assert.deepEqual(shapeOf(signature), shapeOf(described), fn.name);
    if (described !== undefined) signatures++;
    const got = typesOf(signature);
    typesOf(described).forEach((type, index) => {
      const counterpart = got[index];
      assert.ok(counterpart !== undefined);
      types.compare(counterpart, type, fn.name);
    });
  }
  assert.ok(signatures > 1000, `${signatures} signatures`);
  for (const name of names) {
    const indexes = (table: SymbolTable): number[] => table.findByName(name).map((fn) => fn.index);
    assert.deepEqual(indexes(actual), indexes(expected), name);
  }
  assert.deepEqual(actual.inlinedCopies(names), expected.inlinedCopies(names));
  assert.deepEqual(actual.inlinedPlaces(names), expected.inlinedPlaces(names));
  assert.deepEqual([...actual.inlinedNames()].sort(), [...expected.inlinedNames()].sort());
  for (const name of ["main.main", "sync.(*Mutex).Lock", "runtime.asmcgocall.abi0", "no.such"]) {
    const one = new Set([name]);
    assert.deepEqual(actual.inlinedCopies(one), expected.inlinedCopies(one));
    assert.deepEqual(
      actual.findByName(name).map((fn) => fn.index),
      expected.findByName(name).map((fn) => fn.index),
    );
    assert.deepEqual(actual.nearest(name, 5), expected.nearest(name, 5));
  }
  for (const name of ["runtime.g", "runtime.m"]) {
    const [type, described] = [actual.findType(name), expected.findType(name)];
    assert.ok(type !== undefined && described !== undefined);
    types.compare(type, described, name);
  }
  assert.equal(actual.findType("no.such"), undefined);
}

for (const version of goVersions) {
  for (const program of ["truth", "store", "abi"] as const) {
    test(`go${version} ${program}: a stripped program with its symbol file is as good as its debug build`, async () => {
      using debug = await openGoBinary(fixturePath(program, version, "plain"));
      using stripped = await openGoBinary(fixturePath(program, version, "stripped"));
      using symbolFile = await fileOf(debug);
      const [expected, actual] = [openSymbolTable(debug), openSymbolTable(stripped, { symbolFile })];
      compareTables(actual, expected);
      assert.deepEqual(readRuntimeFacts(stripped, actual), {
        ...readRuntimeFacts(debug, expected),
        source: "symbol-file",
      });
    });
  }

  test(`go${version}: a position-independent program's, too`, async () => {
    using debug = await openGoBinary(fixturePath("truth", version, "pie"));
    using stripped = await openGoBinary(fixturePath("truth", version, "pie-stripped"));
    using symbolFile = await fileOf(debug);
    compareTables(openSymbolTable(stripped, { symbolFile }), openSymbolTable(debug));
  });

  test(`go${version}: it is refused for every other build`, async () => {
    using debug = await openGoBinary(fixturePath("truth", version, "plain"));
    using symbolFile = await fileOf(debug);
    const others = [
      fixturePath("truth", version, "pie-stripped"),
      fixturePath("abi", version, "stripped"),
      ...goVersions.filter((other) => other !== version).map((other) => fixturePath("truth", other, "stripped")),
    ];
    for (const path of others) {
      using other = await openGoBinary(path);
      assert.throws(() => openSymbolTable(other, { symbolFile }), {
        code: "build-id-mismatch",
        message:
          `app.gosym describes another build than ${path}: its build id is ${debug.goBuildId} ` +
          `(${debug.version.text}, amd64), the program's ${other.goBuildId} (${other.version.text}, amd64)`,
      });
    }
  });
}

const SOURCE = (body: string) => `package main

import "os"

type pair struct{ first, second int64 }

//go:noinline
func look(p *pair, n int) int64 { ${body} }

func main() {
	if look(&pair{1, int64(len(os.Args))}, 3) == 77 {
		os.Exit(1)
	}
}
`;

function build(version: GoVersion, name: string, body: string, ...flags: string[]): string {
  const source = join(scratch, "source");
  execFileSync("mkdir", ["-p", source]);
  execFileSync("tee", [join(source, "main.go")], { input: SOURCE(body), stdio: ["pipe", "ignore", "ignore"] });
  execFileSync("tee", [join(source, "go.mod")], {
    input: "module example.com/pair\n\ngo 1.19\n",
    stdio: ["pipe", "ignore", "ignore"],
  });
  const path = join(scratch, `${name}-${version}`);
  execFileSync(goCommand(version), ["build", "-buildvcs=false", "-o", path, ...flags, "."], {
    cwd: source,
    env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "", GOWORK: "off" },
  });
  return path;
}

for (const version of goVersions) {
  test(`go${version}: strip, objcopy and, with -trimpath, a link of its own with -s -w make the same build`, async () => {
    const plain = build(version, "plain", "return p.first + int64(n)", "-trimpath");
    using debug = await openGoBinary(plain);
    using symbolFile = await fileOf(debug);
    const stripped = `${plain}-strip`;
    const copied = `${plain}-objcopy`;
    copyFileSync(plain, stripped);
    execFileSync("strip", [stripped]);
    execFileSync("objcopy", ["--strip-debug", plain, copied]);
    const linked = build(version, "linked", "return p.first + int64(n)", "-trimpath", "-ldflags=-s -w");
    for (const path of [stripped, copied, linked]) {
      using binary = await openGoBinary(path);
      assert.equal(binary.dwarf(), undefined);
      const table = openSymbolTable(binary, { symbolFile });
      const [look] = table.findByName("main.look");
      assert.ok(look !== undefined);
      assert.deepEqual(
        table.signature(look)?.parameters.map(({ name, type }) => `${name} ${type.name}`),
        ["p *main.pair", "n int"],
      );
    }
  });

  test(`go${version}: a change that leaves every line and length alone is another build all the same`, async () => {
    const flags = ["-trimpath", "-ldflags=-s -w"];
    using debug = await openGoBinary(build(version, "plain", "return p.first + int64(n)", "-trimpath"));
    using symbolFile = await fileOf(debug);
    using other = await openGoBinary(build(version, "changed", "return p.first - int64(n)", ...flags));
    assert.throws(() => openSymbolTable(other, { symbolFile }), { code: "build-id-mismatch" });
  });
}

/** Bytes of all debug sections: as they are in the file, compressed, and what they hold. */
function debugBytes({ elf }: GoBinary): { readonly stored: number; readonly content: number } {
  const sections = elf.sections.filter(({ name }) => /^\.z?debug_/.test(name));
  return {
    stored: sections.reduce((sum, { size }) => sum + size, 0),
    content: sections.reduce((sum, section) => sum + elf.sectionData(section).length, 0),
  };
}

for (const version of goVersions) {
  for (const program of ["truth", "store", "abi"] as const) {
    test(`go${version} ${program}: a tenth of what the debug data say, a quarter of what they take compressed`, async () => {
      using binary = await openGoBinary(fixturePath(program, version, "plain"));
      const { length } = await writeSymbolFile(binary);
      const { stored, content } = debugBytes(binary);
      assert.ok(length * 10 < content, `${length} bytes for ${content}`);
      assert.ok(length * 4 < stored, `${length} bytes for ${stored}`);
    });
  }
}

test("the same build gives the same symbol file", async () => {
  using binary = await openGoBinary(fixturePath("truth", "1.22", "plain"));
  using again = await openGoBinary(fixturePath("truth", "1.22", "plain"));
  assert.deepEqual(await writeSymbolFile(binary), await writeSymbolFile(again));
});

test("a question about one function reads little of the file", async () => {
  using binary = await openGoBinary(fixturePath("store", "1.27", "plain"));
  const bytes = await writeSymbolFile(binary);
  let read = 0;
  const counting = {
    ...memorySource("app.gosym", bytes),
    read: (offset: number, length: number) => {
      read += length;
      return bytes.subarray(offset, offset + length);
    },
  };
  using symbolFile = new SymbolFile(counting);
  const [lookup = -1] = symbolFile.findIndexesByName("main.(*Store).Lookup");
  assert.deepEqual(
    symbolFile.signatureOf(lookup)?.parameters.map(({ name, type }) => `${name} ${type.name}`),
    ["s *main.Store", "tenant string", "key string"],
  );
  assert.ok(read * 4 < bytes.length, `${read} of ${bytes.length} bytes`);
});

test("a stripped program has nothing to make a symbol file of", async () => {
  const path = fixturePath("truth", "1.27", "stripped");
  using stripped = await openGoBinary(path);
  await assert.rejects(writeSymbolFile(stripped), {
    code: "no-debug-data",
    message: `${path}: no debug data to make a symbol file of`,
    hint: "build the program without -s and -w in -ldflags, or give the file from before it was stripped",
  });
});
