/**
 * Every Go version × every mode: names, addresses, sizes, lines, inlining, sites, types and order of parameters are what
 * the Go toolchain, the program's own runtime and the source say. Whole programs, nothing sampled.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openGoBinary } from "../../src/binary/index.js";
import { SiteFinder } from "../../src/probes/index.js";
import { openSymbolTable } from "../../src/symbols/index.js";
import { compareArgumentPlaces } from "../differential/argument-places.js";
import { declarationsOf, dependenciesOf } from "../differential/dwarf-programs.js";
import {
  assertSame,
  compareDwarfFunctions,
  compareDwarfLines,
  compareInlinedCopies,
  compareSignatures,
  ReadelfView,
} from "../differential/dwarf-truth.js";
import { compareFrames } from "../differential/frame-truth.js";
import { compareFunctions, compareLines } from "../differential/pclntab-truth.js";
import { compareWithDisassembly } from "../differential/site-rules.js";
import { compareSites } from "../differential/site-truth.js";
import { checkout, everyGoVersion, fixturePath } from "../fixture.js";
import { type Build, isFull, isStripped, nativeBuilds, readableBuilds, specialBuilds } from "./builds.js";

const native = [...nativeBuilds("variety"), ...(isFull ? nativeBuilds("frames") : [])];
const readable = [...readableBuilds("variety"), ...(isFull ? readableBuilds("frames") : [])];
const withSymbols = ({ mode }: Build): boolean => !isStripped(mode);

/** Fixtures are built with -trimpath: a file of theirs is named by its package's path. */
const trimmed = (file: string): string => file.slice(file.lastIndexOf("fixtures/"));

function memoized<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

for (const build of readable.filter(withSymbols)) {
  test(`${build.title}: names, addresses and sizes are those of go tool nm`, async () => {
    assert.ok((await compareFunctions(build.path, build.version)) > 1000);
  });
}

for (const build of readable) {
  test(`${build.title}: lines are those of go tool addr2line`, () => compareLines(build.path));
}

for (const build of native) {
  test(`${build.title}: frames are those of the program's own runtime`, async () => {
    const args = build.program === "frames" ? [] : ["frames"];
    const inlined = await compareFrames(build.path, build.version, args);
    assert.ok(build.mode === "unoptimized" ? inlined === 0 : inlined > 500, `${inlined} addresses have inlined frames`);
  });
}

// Disassemblers need symbols to tell where functions begin.
for (const build of native.filter(withSymbols)) {
  test(`${build.title}: sites are instructions, exits all returns`, () => compareSites(build.path, build.version));
}

// llvm-objdump lists whole sections; where functions begin is for the function table to say, which the tests above hold against the toolchain.
const special = [...specialBuilds("cgo", "external", "static"), ...specialBuilds("library", "c-shared")];
for (const build of [...readable, ...special]) {
  test(`${build.title}: entry, exits and refusals follow from llvm-objdump's disassembly`, async () => {
    assert.ok((await compareWithDisassembly(build.path)) > 1000);
  });
}

for (const build of readableBuilds("variety")) {
  test(`${build.title}: a function that only panics is refused as one that never returns`, async () => {
    using binary = await openGoBinary(build.path);
    const symbols = openSymbolTable(binary);
    const found = symbols.findByName("main.Panics").map((fn) => new SiteFinder(binary, symbols).find(fn));
    assert.deepEqual(
      found.map((sites) => (sites.ok ? "has sites" : sites.refusal.code)),
      ["no-return"],
    );
  });
}

const described = [...readable, ...readableBuilds("abi"), ...special].filter(withSymbols);
for (const build of described) {
  test(`${build.title}: arguments are where the compiler's own record has them`, async () => {
    const { compared, different } = await compareArgumentPlaces(build.path);
    assert.deepEqual(different, []);
    assert.ok(compared > 1000, `${compared} compared`);
  });
}

for (const build of readable.filter(withSymbols)) {
  test(`${build.title}: debug data are what readelf reads`, async () => {
    using binary = await openGoBinary(build.path);
    const dwarf = binary.dwarf();
    assert.ok(dwarf !== undefined);
    const readelf = new ReadelfView(build.path);
    compareDwarfFunctions(dwarf, readelf);
    compareInlinedCopies(dwarf, readelf, (name) => name.startsWith("main."));
    compareDwarfLines(dwarf, build.path, [binary.moduledata.minpc, binary.moduledata.maxpc]);
  });
}

for (const program of isFull ? (["variety", "abi", "truth"] as const) : (["variety", "abi"] as const)) {
  // One type checker for all: what a source declares does not depend on who compiles it.
  const declared = memoized(() => declarationsOf("1.27", `${checkout}fixtures/${program}`, []));
  for (const build of readableBuilds(program).filter(withSymbols)) {
    test(`${build.title}: signatures are those of the source`, async () => {
      using binary = await openGoBinary(build.path);
      const dwarf = binary.dwarf();
      assert.ok(dwarf !== undefined);
      const compared = compareSignatures(dwarf, build.version, declared(), trimmed);
      assert.ok(compared >= 40, `${compared} compared`);
    });
  }
}

// The standard library as well: all that is linked into a program, with net/http where all is compared. The oldest and the
// newest release are compared in test/differential/dwarf.test.ts.
for (const version of isFull ? everyGoVersion : (["1.25"] as const)) {
  const program = isFull ? "frames" : "variety";
  test(`${program}, Go ${version}: signatures of the standard library are those of its source`, async () => {
    const folder = `${checkout}fixtures/${program}`;
    const { root, packages } = dependenciesOf(version, folder);
    const declared = declarationsOf(version, folder, packages);
    const fileOf = (path: string): string =>
      path.startsWith(`${root}/src/`) ? path.slice(root.length + "/src/".length) : trimmed(path);
    using binary = await openGoBinary(fixturePath(program, version, "plain"));
    const dwarf = binary.dwarf();
    assert.ok(dwarf !== undefined);
    const compared = compareSignatures(dwarf, version, declared, fileOf);
    assert.ok(compared > (isFull ? 3000 : 1000), `${compared} compared`);
  });
}

for (const version of everyGoVersion) {
  test(`variety, Go ${version}: a stripped, position-independent program has the functions of a whole one`, async () => {
    using stripped = await openGoBinary(fixturePath("variety", version, "pie-stripped"));
    using whole = await openGoBinary(fixturePath("variety", version, "plain"));
    const ours = (binary: typeof whole): string[] =>
      [...openSymbolTable(binary).functions()]
        .filter(({ name }) => name.startsWith("main.") || name.startsWith("gopkg.in/"))
        .map((fn) => {
          const { file, line } = openSymbolTable(binary).place(fn);
          return [version === "1.19" ? fn.name.replace(/\[.*\]/, "[...]") : fn.name, file, line].join(" ");
        });
    assert.ok(ours(stripped).length > 60);
    assertSame(ours(stripped), ours(whole));
  });
}
