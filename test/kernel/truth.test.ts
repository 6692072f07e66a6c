import assert from "node:assert/strict";
import { test } from "node:test";
import { fixturePath, goVersions, startFixture } from "../fixture.js";
import { withoutKernel } from "./measuring.js";
import { compareRound } from "./rounds.js";

for (const version of goVersions) {
  for (const mode of ["plain", "pie"] as const) {
    test(`hist agrees with the program's own counts: Go ${version} ${mode}`, { skip: withoutKernel }, async () => {
      using fixture = await startFixture(fixturePath("truth", version, mode), ["-workers", "20", "-scale", "2", "-gc"]);
      const compared = await compareRound(fixture);
      assert.ok(compared > 100, `${compared} values compared`);
      await fixture.stop();
    });
  }
}
