/**
 * A stripped program with the symbol file of its debug build: every function of `truth` is measured by every expression
 * that can be asked of the debug build, by name, and nobody spells out a signature.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fixturePath, goVersions, startFixture } from "../fixture.js";
import { withoutKernel } from "./measuring.js";
import { compareRound } from "./rounds.js";

const MAIN = "build/src/cli/main.js";
const scratch = mkdtempSync(join(tmpdir(), "gospect-symbols-"));
after(() => rmSync(scratch, { recursive: true }));

for (const version of goVersions) {
  for (const [debug, mode] of [
    ["plain", "stripped"],
    ["pie", "pie-stripped"],
  ] as const) {
    test(`symbol file: hist agrees with the program's own counts: Go ${version} ${mode}`, {
      skip: withoutKernel,
    }, async () => {
      const symbols = join(scratch, `${version}-${mode}.gosym`);
      const build = fixturePath("truth", version, debug);
      const { status, stderr } = spawnSync(process.execPath, [MAIN, "symbols", "-e", build, "-o", symbols], {
        encoding: "utf8",
      });
      assert.equal(status, 0, stderr);
      const path = fixturePath("truth", version, mode);
      const sections = execFileSync("readelf", ["-SW", path], { encoding: "utf8" });
      assert.doesNotMatch(sections, / \.(symtab|z?debug_\w+) /);
      using fixture = await startFixture(path, ["-workers", "6", "-scale", "2", "-gc"]);
      const compared = await compareRound(fixture, { symbols });
      assert.ok(compared > 100, `${compared} values compared`);
      await fixture.stop();
    });
  }
}
