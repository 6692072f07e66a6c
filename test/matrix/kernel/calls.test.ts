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

/** What debug data leave open, by version and mode. */
const UNTOLD: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  // Parameters of method values have no names.
  ...Object.fromEntries(
    ["plain", "pie", "external", "static", "unoptimized", "uncompressed"].map((mode) => [
      `1.19 ${mode}`,
      { "main.(*counter).Add-fm n": "unknown-argument" },
    ]),
  ),
  // A receiver by value of a generic type is not where counting off puts it, as far as is recorded.
  "1.21 unoptimized": {
    "main.Box[...].Size b.size": "uncertain-argument",
    "main.Box[...].Size scale": "uncertain-argument",
  },
};

for (const build of nativeBuilds("variety")) {
  test(`${build.title}: every call, by every value`, options, async () => {
    const { compared, refused } = await compareCalls(build.path, looking(build));
    assert.deepEqual(refused, UNTOLD[`${build.version} ${isStripped(build.mode) ? "stripped" : build.mode}`] ?? {});
    assert.ok(isStripped(build.mode) ? compared === 0 : compared > 80, `${compared} compared`);
  });
}

/** Floats that find no register are in memory, where they can be read. */
const FLOATS_ON_STACK = new Set(["p", "q", "r", "s", "t"].map((name) => `main.Floats20 ${name}`));

const codes = (code: string, expressions: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(expressions).flatMap(([name, list]) => list.split(" ").map((one) => [`${name} ${one}`, code])),
  );

/** Debug data of Go 1.19 and 1.21 leave out unnamed parameters: what is behind one is somewhere else than it seems. */
const BEHIND_UNNAMED = {
  ...codes("uncertain-argument", { "main.Blank": "arg0 n" }),
  ...codes("unknown-argument", { "main.Blank": "arg2 len(arg2)" }),
};

/** Optimized ones do not say either where the last parameters on the stack are, so that nothing proves the count. */
const UNPROVEN = codes("uncertain-argument", {
  "main.EmptyStructs": "e",
  "main.ArrayOfNone": "a",
  "main.Takes9": "i i.X i.Y",
  "main.Takes10": "i i.X i.Y j j[0]",
  "main.Takes19": "s s.X s.Y",
  "main.Takes20": "s s.X s.Y t t[0]",
});

/** One `ret` and nothing else: entered and left by the same instruction. Unoptimized code saves its arguments first. */
const BARE = { "main.None": "entry-is-exit", "main.Takes0": "entry-is-exit" };
const BARE_OPTIMIZED = { "main.ResultNothing": "entry-is-exit", "main.Takes1": "entry-is-exit" };

/** What of fixtures/abi can't be measured, and why: what is no single word or text, and nothing else. */
function refusalsOf({ version, mode }: Build, wholes: Readonly<Record<string, string>>): Record<string, string> {
  const unreadable = Object.entries(wholes)
    .filter(([expression]) => !FLOATS_ON_STACK.has(expression))
    .map(([expression, kind]) => [expression, kind === "float" ? "float-in-register" : "unreadable-argument"]);
  const optimized = mode !== "unoptimized";
  const lists = version !== "1.19" && version !== "1.21";
  return {
    ...Object.fromEntries(unreadable),
    ...(lists || isStripped(mode) ? {} : BEHIND_UNNAMED),
    ...(lists || isStripped(mode) || !optimized ? {} : UNPROVEN),
    ...BARE,
    ...(optimized ? BARE_OPTIMIZED : {}),
  };
}

for (const build of nativeBuilds("abi")) {
  test(`${build.title}: arguments and results of every kind`, options, async () => {
    const { compared, refused, wholes } = await compareCalls(build.path, looking(build));
    assert.deepEqual(refused, refusalsOf(build, wholes));
    assert.ok(isStripped(build.mode) ? compared === 0 : compared > 1000, `${compared} compared`);
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
