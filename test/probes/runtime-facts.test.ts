/** The table of runtime layouts against the DWARF of every Go version the fixtures are built with. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { openGoBinary } from "../../src/binary/index.js";
import { planProbes } from "../../src/probes/index.js";
import { findLayout, readRuntimeFacts } from "../../src/probes/runtime-facts.js";
import { goProgram, openSymbolTable } from "../../src/symbols/index.js";
import { everyGoVersion, fixturePath, goVersions } from "../fixture.js";

const every = ["1.19", "1.21", "1.22", "1.23", "1.24", "1.25", "1.26", "1.27"];

for (const version of every) {
  test(`Go ${version}: what the table says is what DWARF says`, async () => {
    const path = fileURLToPath(new URL(`../../../build/fixtures/truth/${version}-plain/truth`, import.meta.url));
    assert.ok(existsSync(path), `${path} is built: node fixtures/build.mjs truth --go every --mode plain`);
    using binary = await openGoBinary(path);
    const facts = readRuntimeFacts(binary, openSymbolTable(binary));
    assert.deepEqual(facts, {
      ...findLayout(1, binary.version.minor),
      tlsOffset: -8,
      goroutineInRegister: true,
      source: "dwarf",
    });
  });
}

for (const version of goVersions) {
  test(`Go ${version}: a stripped, position-independent program has the same facts, from the table`, async () => {
    using plain = await openGoBinary(fixturePath("truth", version, "plain"));
    using stripped = await openGoBinary(fixturePath("truth", version, "pie-stripped"));
    const facts = readRuntimeFacts(plain, openSymbolTable(plain));
    assert.deepEqual(readRuntimeFacts(stripped, openSymbolTable(stripped)), { ...facts, source: "table" });
  });
}

for (const version of everyGoVersion) {
  test(`Go ${version}: assembly of a shared library is refused by name, its Go functions are not`, async () => {
    using library = await openGoBinary(fixturePath("library", version, "c-shared"));
    const symbols = openSymbolTable(library);
    const { runtime, probes, refused } = planProbes(goProgram(library, symbols), {
      probes: ["main.Weigh", "runtime.memmove"],
      by: [],
      signatures: [],
    });
    assert.equal(runtime?.tlsOffset, undefined);
    assert.deepEqual(
      probes.map(({ function: { name }, goroutine }) => [name, goroutine]),
      [["main.Weigh", "register"]],
    );
    assert.deepEqual(
      refused.map(({ name, refusal }) => [name, refusal.code]),
      [["runtime.memmove", "goroutine-unknown"]],
    );
  });
}

test("releases outside the table are not guessed at", () => {
  assert.deepEqual([findLayout(1, 11), findLayout(1, 28), findLayout(2, 0)], [undefined, undefined, undefined]);
});
