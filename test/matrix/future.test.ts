/** A release newer than the table of runtime layouts: what depends on the layout is refused by name, all else works. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openGoBinary } from "../../src/binary/index.js";
import { describeFunctions, planProbes } from "../../src/probes/index.js";
import { goProgram, openSymbolTable } from "../../src/symbols/index.js";
import { type FixtureMode, fixturePath } from "../fixture.js";

const folder = mkdtempSync(join(tmpdir(), "gospect-future-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Go 1.27's program, saying everywhere that Go 1.99 made it. */
function fromTheFuture(mode: FixtureMode): string {
  const bytes = readFileSync(fixturePath("variety", "1.27", mode));
  for (let at = bytes.indexOf("go1.27"); at !== -1; at = bytes.indexOf("go1.27", at)) bytes.write("go1.99", at);
  const path = join(folder, mode);
  writeFileSync(path, bytes, { mode: 0o755 });
  return path;
}

const REQUEST = { probes: ["main.(*counter).Add"], by: [], signatures: [] };

test("stripped: measuring is refused with the release's name", async () => {
  using binary = await openGoBinary(fromTheFuture("pie-stripped"));
  assert.equal(binary.version.minor, 99);
  assert.throws(() => planProbes(goProgram(binary, openSymbolTable(binary)), REQUEST), {
    code: "unsupported-version",
    message: /the runtime of go1\.99\S* is not known$/,
  });
});

test("stripped: functions, places, sites and frames are those of the release it really is", async () => {
  using future = await openGoBinary(fromTheFuture("pie-stripped"));
  using present = await openGoBinary(fixturePath("variety", "1.27", "pie-stripped"));
  const describe = (binary: typeof future): unknown => {
    const symbols = openSymbolTable(binary);
    const functions = [...symbols.functions()].map(({ name, entry, end }) => [name, entry, end]);
    const described = describeFunctions(binary, symbols, { patterns: ["main.*"], signatures: [] });
    const frames = [...symbols.functions()].map(({ entry }) => symbols.symbolize(entry));
    return [functions, described, frames];
  };
  assert.deepEqual(describe(future), describe(present));
});

test("with debug data, the layout is read from them and measuring is planned as before", async () => {
  using future = await openGoBinary(fromTheFuture("plain"));
  using present = await openGoBinary(fixturePath("variety", "1.27", "plain"));
  const plan = (binary: typeof future) =>
    planProbes(goProgram(binary, openSymbolTable(binary)), { ...REQUEST, by: ["n", "c.id"] });
  assert.deepEqual(plan(future).runtime, plan(present).runtime);
  assert.deepEqual(
    plan(future).probes.map(({ entry, exits, recipes }) => [
      entry,
      exits,
      recipes.map(({ type: _, ...recipe }) => recipe),
    ]),
    plan(present).probes.map(({ entry, exits, recipes }) => [
      entry,
      exits,
      recipes.map(({ type: _, ...recipe }) => recipe),
    ]),
  );
});
