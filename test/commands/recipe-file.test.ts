/** Recipes: those that ship are whole and can be planned; what is wrong with one of the user's own is said where it is. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { UsageError } from "../../src/base/index.js";
import { parseRecipe, requireRecipe, shippedRecipes } from "../../src/commands/recipe-file.js";

const folder = mkdtempSync(join(tmpdir(), "gospect-recipes-"));
after(() => rmSync(folder, { recursive: true }));

const CHOICE = { probes: ["main.Lookup"] };
const RECIPE = { title: "t", explanation: "e", command: "hist", choices: [CHOICE] };

test("a recipe is read whole", () => {
  const full = {
    probes: ["main.A", "main.B*"],
    by: { tenant: "arg1", failed: "ret != nil" },
    of: { pause: "n" },
    unit: "ns",
    where: "n > 1",
    show: { text: "*s" },
    signatures: { "main.A": "func(tenant string) error" },
  };
  assert.deepEqual(parseRecipe(JSON.stringify({ ...RECIPE, command: "profile", choices: [full, CHOICE] }), "mine"), {
    name: "mine",
    title: "t",
    explanation: "e",
    command: "profile",
    choices: [
      {
        probes: ["main.A", "main.B*"],
        by: [
          { name: "tenant", expression: "arg1" },
          { name: "failed", expression: "ret != nil" },
        ],
        of: { name: "pause", expression: "n" },
        unit: "ns",
        where: "n > 1",
        show: [{ name: "text", expression: "*s" }],
        signatures: ["main.A=func(tenant string) error"],
      },
      { probes: ["main.Lookup"], by: [], of: undefined, unit: undefined, where: undefined, show: [], signatures: [] },
    ],
  });
});

const WRONG: readonly (readonly [string, RegExp])[] = [
  ["{", /^recipe x is not JSON: /],
  ["[]", /^recipe x: an object is expected here, not \[\]$/],
  ["null", /^recipe x: an object is expected here, not null$/],
  [JSON.stringify({ ...RECIPE, title: "" }), /^recipe x\.title: a text is expected here, not ""$/],
  [
    JSON.stringify({ ...RECIPE, explanation: undefined }),
    /^recipe x\.explanation: a text is expected here, not undefined$/,
  ],
  [JSON.stringify({ ...RECIPE, command: "list" }), /^recipe x\.command: "list" is none of hist, profile, trace$/],
  [JSON.stringify({ ...RECIPE, choices: [] }), /^recipe x\.choices: a list of at least one is expected here$/],
  [JSON.stringify({ ...RECIPE, choice: [] }), /^recipe x\.choice: nothing is known by this name$/],
  [JSON.stringify({ ...RECIPE, choices: [CHOICE, 1] }), /^recipe x\.choices\[1\]: an object is expected here, not 1$/],
  [
    JSON.stringify({ ...RECIPE, choices: [{ probes: ["a", 2] }] }),
    /^recipe x\.choices\[0\]\.probes\[1\]: a text is expected here, not 2$/,
  ],
  [
    JSON.stringify({ ...RECIPE, choices: [{ ...CHOICE, by: ["n"] }] }),
    /^recipe x\.choices\[0\]\.by: an object is expected here, not \["n"\]$/,
  ],
  [
    JSON.stringify({ ...RECIPE, choices: [{ ...CHOICE, of: { a: "a", b: "b" } }] }),
    /^recipe x\.choices\[0\]\.of: one value is measured, not several$/,
  ],
  [
    JSON.stringify({ ...RECIPE, choices: [{ ...CHOICE, unit: "ns" }] }),
    /^recipe x\.choices\[0\]\.unit: it belongs to `of`, which is not there$/,
  ],
  [
    JSON.stringify({ ...RECIPE, choices: [{ ...CHOICE, of: { a: "a" }, unit: "ms" }] }),
    /^recipe x\.choices\[0\]\.unit: "ms" is none of ns$/,
  ],
];

for (const [text, message] of WRONG) {
  test(`refused: ${text}`, () => {
    assert.throws(
      () => parseRecipe(text, "x"),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  });
}

test("one is found by its name, one's own by its path", () => {
  const [first] = shippedRecipes();
  assert.ok(first !== undefined);
  assert.deepEqual(requireRecipe(first.name), first);
  const own = join(folder, "own.json");
  writeFileSync(own, JSON.stringify(RECIPE));
  assert.equal(requireRecipe(own).name, "own");
  assert.throws(() => requireRecipe(join(folder, "none.json")), /^UsageError: cannot read recipe .*: ENOENT/);
  assert.throws(
    () => requireRecipe("nonsense"),
    (error) => error instanceof UsageError && error.hint?.startsWith(`there are ${first.name}, `) === true,
  );
});

test("recipe list names and explains every recipe, for people and as JSON", () => {
  const list = (...args: string[]): string =>
    spawnSync(process.execPath, ["build/src/cli/main.js", "recipe", "list", ...args], { encoding: "utf8" }).stdout;
  const recipes = shippedRecipes();
  assert.deepEqual(
    JSON.parse(list("--json")),
    recipes.map(({ name, title, explanation, command }) => ({ name, title, explanation, command })),
  );
  assert.equal(
    list().replace(/\s+/g, " ").trim(),
    recipes.map(({ name, title, explanation, command }) => `${name} ${title} ${explanation} (${command})`).join(" "),
  );
});
