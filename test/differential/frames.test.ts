/** Source frames of the standard library, in all builds, against what the running program's own runtime says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixtureModes, fixturePath, goVersions } from "../fixture.js";
import { compareFrames } from "./frame-truth.js";

for (const version of goVersions) {
  for (const mode of fixtureModes) {
    test(`go${version} ${mode}: frames are those of the program's own runtime`, async () => {
      const inlined = await compareFrames(fixturePath("frames", version, mode), version, []);
      assert.ok(inlined > 1000, `${inlined} addresses have inlined frames`);
    });
  }
}
