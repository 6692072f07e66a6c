/** Entry and exit sites of every function of the fixtures, and those of the runtime itself, against disassemblers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openGoBinary } from "../../src/binary/index.js";
import { SiteFinder } from "../../src/probes/index.js";
import { openSymbolTable } from "../../src/symbols/index.js";
import { type FixtureMode, fixturePath, type GoVersion, goVersions } from "../fixture.js";
import { compareSites, gnuListing } from "./site-truth.js";

const programs: readonly (readonly ["truth" | "store", GoVersion, FixtureMode])[] = [
  ...goVersions.flatMap((version) => [["truth", version, "plain"] as const, ["truth", version, "pie"] as const]),
  ["store", "1.27", "plain"],
];

for (const [program, version, mode] of programs) {
  test(`${program}, Go ${version}, ${mode}: sites of every function`, () =>
    compareSites(fixturePath(program, version, mode), version));
}

for (const version of goVersions) {
  test(`Go ${version}: the runtime's own sites are calls of gogo and goexit1`, async () => {
    const path = fixturePath("truth", version, "plain");
    using binary = await openGoBinary(path);
    const finder = new SiteFinder(binary, openSymbolTable(binary));
    const gnu = gnuListing(path);
    const recovery = finder.findRuntimeCalls("recovery", "runtime.recovery", "runtime.gogo");
    const goexit = finder.findRuntimeCalls("goexit", "runtime.Goexit", "runtime.goexit1");
    const named = [...recovery, ...goexit].map((site) =>
      gnu.get(site.address)?.replace(/^call +[0-9a-f]+ /, `${site.kind} `),
    );
    assert.deepEqual(named, ["recovery <runtime.gogo.abi0>", "goexit <runtime.goexit1>"]);
  });
}
