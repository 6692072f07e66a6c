import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { DEPENDENCY_OWNERS, ROWS, readSources, type SourceFile, violations } from "./layers.js";

const DEPENDENCIES = Object.keys(DEPENDENCY_OWNERS);

/** The least tree that breaks no rule: every folder is used by the row above, every dependency by its owner. */
function soundTree(): SourceFile[] {
  return ROWS.flatMap((row, index) =>
    row.map((folder) => {
      const below = ROWS[index + 1] ?? [];
      const imports = below.map((other) => `import { x } from "../${other}/index.js";`);
      const owned = DEPENDENCIES.filter((name) => DEPENDENCY_OWNERS[name] === folder);
      const packages = owned.map((name) => `import { y } from "${name}";`);
      return { path: `${folder}/index.ts`, text: [...imports, ...packages].join("\n") };
    }),
  );
}

const found = (...added: SourceFile[]): string[] => violations([...soundTree(), ...added], DEPENDENCIES);

test("a sound tree breaks no rule", () => assert.deepEqual(found(), []));

test("src/ breaks no rule", () => {
  const sources = readSources(".");
  const manifest = JSON.parse(readFileSync("package.json", "utf8")) as { dependencies: object };
  // What the bundle holds is needed to build it and not to run it.
  const bundled = /^BUNDLED := (.+)$/m.exec(readFileSync("Makefile", "utf8"))?.[1]?.split(" ") ?? [];
  assert.ok(sources.some(({ path }) => path === "base/index.ts"));
  assert.deepEqual(violations(sources, [...Object.keys(manifest.dependencies), ...bundled]), []);
});

test("an import goes to a lower row only, type imports included", () => {
  assert.deepEqual(found({ path: "base/a.ts", text: 'import type { X } from "../cli/index.js";' }), [
    "base/a.ts: imports cli/, which is not below base/",
  ]);
  assert.deepEqual(found({ path: "probes/a.ts", text: 'export * from "../export/index.js";' }), [
    "probes/a.ts: imports export/, which is not below probes/",
  ]);
  assert.deepEqual(found({ path: "probes/a.ts", text: 'type T = import("../session/index.js").T;' }), [
    "probes/a.ts: imports session/, which is not below probes/",
  ]);
  assert.deepEqual(found({ path: "probes/a.ts", text: 'import {\n  a,\n  b,\n} from "../commands/index.js";' }), [
    "probes/a.ts: imports commands/, which is not below probes/",
  ]);
});

test("another folder is entered through its index.ts", () => {
  assert.deepEqual(
    found({ path: "cli/a.ts", text: 'await import("../base/b.js");' }, { path: "base/b.ts", text: "" }),
    ["cli/a.ts: imports base/b.ts past base/index.ts"],
  );
});

test("files do not import each other in a circle", () => {
  assert.deepEqual(
    found({ path: "base/a.ts", text: 'import "./b.js";' }, { path: "base/b.ts", text: 'import "./a.js";' }),
    ["circle: base/a.ts -> base/b.ts -> base/a.ts"],
  );
});

test("types may know each other", () => {
  assert.deepEqual(
    found(
      { path: "base/a.ts", text: 'import "./b.js";' },
      { path: "base/b.ts", text: 'import type { A } from "./a.js";' },
    ),
    [],
  );
});

test("a dependency belongs to one folder", () => {
  assert.deepEqual(found({ path: "bpf/a.ts", text: 'import koffi from "koffi";' }), [
    "bpf/a.ts: imports koffi, which only kernel/ may",
  ]);
  assert.deepEqual(found({ path: "bpf/a.ts", text: 'import { z } from "left-pad/deep.js";' }), [
    "bpf/a.ts: imports left-pad, which is no runtime dependency",
  ]);
});

test("an import cannot be hidden", () => {
  for (const text of [
    "const load = createRequire(import.meta.url);",
    "const require = createRequire(import.meta.url);\nrequire(name);",
    "createRequire(import.meta.url).resolve(name);",
  ]) {
    assert.deepEqual(found({ path: "bpf/a.ts", text }), ["bpf/a.ts: an import whose target is not a literal"]);
  }
  for (const text of ['createRequire(import.meta.url).resolve("koffi/x.wasm");', 'export type { x } from "koffi";']) {
    assert.deepEqual(found({ path: "bpf/a.ts", text }), ["bpf/a.ts: imports koffi, which only kernel/ may"]);
  }
  assert.deepEqual(found({ path: "bpf/a.ts", text: "await import(name);" }), [
    "bpf/a.ts: an import whose target is not a literal",
  ]);
  assert.deepEqual(
    found({ path: "bpf/a.ts", text: 'const require = createRequire(import.meta.url);\nrequire("koffi");' }),
    ["bpf/a.ts: imports koffi, which only kernel/ may"],
  );
  assert.deepEqual(found({ path: "bpf/a.ts", text: 'const glob = "/*";\nimport koffi from "koffi";' }), [
    "bpf/a.ts: imports koffi, which only kernel/ may",
  ]);
});

test("what nothing uses is reported", () => {
  const withoutBpf = soundTree().filter(({ path }) => path !== "bpf/index.ts");
  const pruned = withoutBpf.map(({ path, text }) => ({ path, text: text.replace(/.*\/bpf\/.*/g, "") }));
  assert.deepEqual(violations(pruned, DEPENDENCIES), ["row of bpf/: there is no such folder"]);
  assert.deepEqual(violations(soundTree(), [...DEPENDENCIES, "left-pad"]), [
    "dependency left-pad: nothing uses it",
    "dependency left-pad: no folder owns it",
  ]);
});

test("a folder outside the table, a file that is not there, and a builtin without node: are reported", () => {
  assert.deepEqual(found({ path: "utils/a.ts", text: "" }), ["utils/a.ts: utils/ is in no row"]);
  assert.deepEqual(found({ path: "base/a.ts", text: 'import "./gone.js";' }), [
    "base/a.ts: imports ./gone.js, which is no file of src/",
  ]);
  assert.deepEqual(found({ path: "base/a.ts", text: 'import fs from "fs";' }), ["base/a.ts: write node:fs"]);
});
