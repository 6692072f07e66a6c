/** Every Go version × every mode: what was recorded is what the program passed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startFixture } from "../../fixture.js";
import { withoutKernel } from "../../kernel/measuring.js";
import { compareRound } from "../../kernel/rounds.js";
import { type Build, isStripped, nativeBuilds, specialBuilds } from "../builds.js";
import { compareCalls } from "./calls.js";

const options = { skip: withoutKernel };
const looking = ({ mode }: Build) => (isStripped(mode) ? "counts" : "values");

const UNINLINED = "lookup,recurse,panics,goexits,spin,numbers,text,slices,fields,results,waits";

for (const build of nativeBuilds("variety")) {
  test(`${build.title}: every call, by every value`, options, async () => {
    const { compared, refused } = await compareCalls(build.path, looking(build));
    // Go 1.19 gives the parameters of method values no names.
    const nameless = build.version === "1.19" && !isStripped(build.mode);
    assert.deepEqual(refused, nameless ? { "main.(*counter).Add-fm n": "unknown-argument" } : {});
    assert.ok(isStripped(build.mode) ? compared === 0 : compared > 80, `${compared} compared`);
  });
}

for (const build of specialBuilds("cgo", "external", "static")) {
  test(`${build.title}: calls through C and back`, options, async () => {
    const { compared, refused } = await compareCalls(build.path, looking(build));
    assert.deepEqual(refused, {});
    assert.ok(compared > 4, `${compared} compared`);
  });
}

for (const build of nativeBuilds("truth").filter(({ mode }) => !isStripped(mode))) {
  test(`${build.title}: hist agrees with the program's own counts`, options, async () => {
    // Without inlining, `shapes` is called where its program counts on inlining; `variety` has the same shapes.
    const only = build.mode === "unoptimized" ? ["-scenarios", UNINLINED] : [];
    using fixture = await startFixture(build.path, ["-workers", "6", "-scale", "1", "-gc", ...only]);
    assert.ok((await compareRound(fixture)) > 100);
    await fixture.stop();
  });
}
