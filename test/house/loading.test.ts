/** What the shipped program loads: what its command needs. `--help` is answered by the command line alone. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { checkout } from "../fixture.js";

const folder = mkdtempSync(join(tmpdir(), "gospect-loading-"));
after(() => rmSync(folder, { recursive: true }));

/** Has a process tell at its end which files it loaded. */
const telling = join(folder, "telling.cjs");
writeFileSync(
  telling,
  `process.on("exit", () => process.stderr.write("\\nloaded " + JSON.stringify(Object.keys(require.cache)) + "\\n"));\n`,
);

/** Of what a command loaded: the commands, and the packages that are not bundled. */
function loadedBy(...args: readonly string[]): readonly string[] {
  const main = `${checkout}build/bundle/cli/main.js`;
  const { stderr } = spawnSync(process.execPath, ["--require", telling, main, ...args], { encoding: "utf8" });
  const [, text] = /^loaded (.*)$/m.exec(stderr) ?? [];
  assert.ok(text !== undefined, stderr);
  const loaded: readonly string[] = JSON.parse(text);
  assert.ok(loaded.includes(main));
  const names = loaded.flatMap((path) => {
    const [, name] =
      /\/node_modules\/([^/]+)\//.exec(path) ?? /\/bundle\/cli\/([a-z][a-z-]*?)-[0-9A-Z]+\.js$/.exec(path) ?? [];
    return name === undefined || name === "chunk" ? [] : [name];
  });
  return [...new Set(names)].sort();
}

test("--help and --version load no command and no package", () => {
  for (const args of [["--help"], ["hist", "--help"], ["--version"]]) {
    assert.deepEqual(loadedBy(...args), [], args.join(" "));
  }
});

test("what is wrong with a command line is told without the command", () => {
  assert.deepEqual(loadedBy("hist", "--no-such-option"), ["export"]);
});

test("a file is read without what measures", () => {
  const loaded = loadedBy("list", "--names", "-e", `${checkout}build/fixtures/store/1.27-stripped/store`);
  assert.deepEqual(loaded, ["list"]);
});

test("what measures loads the package that calls the kernel", () => {
  assert.ok(loadedBy("doctor").includes("koffi"));
});
