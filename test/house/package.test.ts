/** The npm package is complete: packed, installed elsewhere with no compiler in sight, it runs. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";

const home = mkdtempSync(join(tmpdir(), "gospect-package-"));
const gospect = join(home, "node_modules", ".bin", "gospect");
/** Node and nothing else: no clang, no make, no Go. */
const env = { PATH: dirname(process.execPath), HOME: home };

let packed: readonly string[] = [];

before(() => {
  const pack = execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", home], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [result] = JSON.parse(pack) as { filename: string; files: { path: string }[] }[];
  assert.ok(result !== undefined);
  packed = result.files.map(({ path }) => path).sort();
  execFileSync(
    "npm",
    ["install", "--prefix", home, "--prefer-offline", "--no-fund", "--no-audit", join(home, result.filename)],
    {
      stdio: "ignore",
    },
  );
});

after(() => rmSync(home, { recursive: true }));

test("it holds the program, the BPF objects and the papers, and nothing else", () => {
  const expected =
    /^(package\.json|README\.md|LICENSE|ARCHITECTURE\.md|CHANGELOG\.md|build\/bundle\/cli\/[\w-]+\.js|build\/bundle\/cli\/package\.json|build\/bundle\/LICENSES\.txt|build\/bpf\/[\w-]+\.bpf\.o|src\/commands\/recipes\/[\w-]+\.json)$/;
  assert.deepEqual(
    packed.filter((path) => !expected.test(path)),
    [],
  );
  for (const path of [
    "README.md",
    "LICENSE",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "build/bundle/cli/main.js",
    "build/bpf/calls.bpf.o",
  ])
    assert.ok(packed.includes(path), path);
});

test("the installed program explains itself", () => {
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
  assert.equal(execFileSync(gospect, ["--version"], { encoding: "utf8", env }), `${version}\n`);
  assert.match(execFileSync(gospect, ["--help"], { encoding: "utf8", env }), /^Usage: gospect /);
});

test("the installed program knows its recipes", () => {
  const recipes = JSON.parse(
    execFileSync(gospect, ["recipe", "list", "--json"], { encoding: "utf8", env }),
  ) as object[];
  assert.equal(recipes.length, packed.filter((path) => path.startsWith("src/commands/recipes/")).length);
  assert.ok(recipes.length > 0);
});

test("the installed program finds its libraries and objects", () => {
  const doctor = spawnSync(gospect, ["doctor", "--json"], { encoding: "utf8", env });
  assert.ok(doctor.status === 0 || doctor.status === 4, doctor.stderr);
  const { checks } = JSON.parse(doctor.stdout) as { checks: { name: string; status: string }[] };
  assert.ok(checks.length > 0);
});
