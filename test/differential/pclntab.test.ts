/** Every function of the fixtures as pclntab has it, against `go tool nm` and `go tool addr2line`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualAddress } from "../../src/base/index.js";
import { openGoBinary } from "../../src/binary/index.js";
import { fixturePath, goVersions } from "../fixture.js";
import { compareFunctions, compareLines, compareStripped } from "./pclntab-truth.js";

/** Debian's builds: stripped, linked by gcc, so that the text of Go begins behind C code in `.text`. */
const PACKAGED_PROGRAMS = ["/usr/bin/etcd", "/usr/bin/prometheus"] as const;
for (const path of PACKAGED_PROGRAMS)
  test(`${path}: lines are those of go tool addr2line`, async () => {
    using binary = await openGoBinary(path);
    assert.ok(binary.moduledata.text > (binary.elf.findSection(".text")?.virtualAddress ?? 0));
    assert.equal(binary.elfSymbols().length, 0);
    await compareLines(path);
  });

for (const version of goVersions) {
  for (const mode of ["plain", "pie"] as const) {
    test(`go${version} ${mode}: names, addresses and sizes are those of go tool nm`, async () => {
      assert.ok((await compareFunctions(fixturePath("frames", version, mode), version)) > 4000);
    });

    test(`go${version} ${mode}: lines are those of go tool addr2line`, async () => {
      await compareLines(fixturePath("frames", version, mode));
    });
  }

  for (const [stripped, twin] of [
    ["stripped", "plain"],
    ["pie-stripped", "pie"],
  ] as const) {
    test(`go${version} ${stripped}: every function is that of the unstripped build`, async () => {
      await compareStripped(fixturePath("frames", version, stripped), fixturePath("frames", version, twin));
    });
  }

  test(`go${version}: exact search finds every name where it is, and no other`, async () => {
    using binary = await openGoBinary(fixturePath("frames", version, "stripped"));
    const { pclntab } = binary;
    const places = new Map<string, number[]>();
    pclntab.names().forEach((name, index) => {
      assert.equal(name, pclntab.nameOf(index));
      const known = places.get(name);
      if (known === undefined) places.set(name, [index]);
      else known.push(index);
    });
    for (const name of [...places.keys()].filter((_, index) => index % 16 === 0))
      assert.deepEqual(pclntab.findIndexesByName(name), places.get(name), name);
    for (const name of ["", "main.mai", "ain.main", "main.main\0", "nothing.at.all"])
      assert.deepEqual(pclntab.findIndexesByName(name), [], JSON.stringify(name));
  });

  test(`go${version}: addresses find their function, from its entry to the next one's`, async () => {
    using binary = await openGoBinary(fixturePath("frames", version, "plain"));
    const { pclntab, moduledata } = binary;
    for (let index = 0; index < pclntab.functionCount; index++) {
      const entry = pclntab.entryOf(index);
      const next = index + 1 < pclntab.functionCount ? pclntab.entryOf(index + 1) : moduledata.maxpc;
      assert.equal(pclntab.findIndexByAddress(entry), index);
      assert.equal(pclntab.findIndexByAddress(virtualAddress(next - 1)), index);
    }
    for (const address of [0, moduledata.minpc - 1, moduledata.maxpc, Number.NaN])
      assert.equal(pclntab.findIndexByAddress(virtualAddress(address)), undefined);
  });

  test(`go${version}: special functions carry their flags`, async () => {
    using binary = await openGoBinary(fixturePath("frames", version, "stripped"));
    const { pclntab } = binary;
    const facts = (name: string) =>
      pclntab.findIndexesByName(name).map((index) => {
        const { assembly, wrapper, topFrame, writesStackPointer } = pclntab.function(index);
        return { assembly, wrapper, topFrame, writesStackPointer };
      });
    const plain = { assembly: false, wrapper: false, topFrame: false, writesStackPointer: false };
    assert.deepEqual(facts("main.main"), [plain]);
    assert.deepEqual(facts("main.labelled.Area"), [{ ...plain, wrapper: true }]);
    assert.deepEqual(facts("gogo"), [{ ...plain, assembly: true, writesStackPointer: true }]);
    assert.deepEqual(facts("runtime.goexit"), [{ ...plain, assembly: true, topFrame: true }]);
    assert.deepEqual(facts("runtime.memmove"), [{ ...plain, assembly: true }]);
  });
}
