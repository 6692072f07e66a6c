/**
 * Arguments of stripped programs without being told their types: `truth`, which counts its own calls, and two compilers
 * as npm ships them, which say themselves what files they read.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { checkout, everyGoVersion, fixturePath, goVersions, runTruth, startFixture } from "../fixture.js";
import { gospect, type HistJson, histOf } from "./cli.js";
import { Measuring, planner, withoutKernel } from "./measuring.js";

const options = { skip: withoutKernel };

const NORM = "main.Point.Norm";

/** What `truth` calls Norm's values, and what they are called where only their types are known. */
const NORM_VALUES: readonly (readonly [string, string])[] = [
  ["p.x", "arg0.x"],
  ["p.y", "arg0.y"],
  ["p.tag", "arg0.tag"],
  ["scale", "arg1"],
  ["ret", "ret"],
];

const programs = [
  ...goVersions.map((version) => [version, "stripped"] as const),
  ...everyGoVersion.map((version) => [version, "pie-stripped"] as const),
];

for (const [version, mode] of programs) {
  test(`a method's receiver, argument and result by their place: Go ${version} ${mode}`, options, async () => {
    using fixture = await startFixture(fixturePath("truth", version, mode), ["-workers", "4", "-scale", "2"]);
    await runTruth(fixture);
    const target = { kind: "pid", pid: fixture.pid } as const;
    const plan = await planner(target);
    const measurings: Measuring[] = [];
    for (const [, expression] of NORM_VALUES)
      measurings.push(await Measuring.start(plan({ probes: [NORM], by: [expression] }), target));
    const expected = (await runTruth(fixture))[NORM];
    for (const [index, [name, expression]] of NORM_VALUES.entries()) {
      using measuring = measurings[index];
      const counts = (measuring?.stop().series ?? []).map((series): readonly [string, number] => [
        JSON.stringify(series.by?.[0]?.json),
        Number(series.histogram.count),
      ]);
      const told = (expected?.by?.[name] ?? []).map((series): readonly [string, number] => [
        JSON.stringify(series.value),
        series.return.count,
      ]);
      assert.ok(told.length > 1, `${name} has several values`);
      assert.deepEqual(new Map([...counts].sort()), new Map([...told].sort()), expression);
    }
    await fixture.stop();
  });
}

/** Short, so that paths in it are kept whole. */
const folder = realpathSync(mkdtempSync(join(tmpdir(), "gs-")));
after(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);

/** How often each file of the folder was read; others belong to the machine. */
const readsOf = (printed: HistJson): Readonly<Record<string, number>> =>
  Object.fromEntries(
    printed.series
      .map(({ by, count }): readonly [string, number] => [String(by["arg1"]), count])
      .filter(([path]) => path.startsWith(`${folder}/`))
      .sort(),
  );

const onceEach = (paths: Iterable<string>): Readonly<Record<string, number>> =>
  Object.fromEntries([...paths].sort().map((path) => [path, 1]));

function assertAllReturned({ balance, series }: HistJson): void {
  const { entries, returns, ...rest } = balance;
  assert.deepEqual(rest, { panics: 0, goexits: 0, open: 0, unmatchedReturns: 0, lost: 0 });
  assert.equal(returns, entries);
  assert.equal(
    series.reduce((sum, { count }) => sum + count, 0),
    entries,
  );
}

test("esbuild from npm reads each file once, by its path", options, async () => {
  const modules = Array.from({ length: 20 }, (_, index) => `m${index}`);
  for (const [index, name] of modules.entries()) write(`${name}.js`, `export const ${name} = ${index};\n`);
  const imports = modules.map((name) => `import { ${name} } from "./${name}.js";\n`).join("");
  write("main.js", `${imports}console.log(${modules.join(" + ")});\n`);
  const outcome = await gospect([
    ...["hist", "--json", "--by", "arg1", "github.com/evanw/esbuild/internal/fs.(*realFS).ReadFile", "--"],
    join(checkout, "node_modules/@esbuild/linux-x64/bin/esbuild"),
    ...[join(folder, "main.js"), "--bundle", "--log-level=error"],
    ...[`--outfile=${join(folder, "bundle.mjs")}`, `--metafile=${join(folder, "meta.json")}`],
  ]);
  assert.equal(outcome.status, 0, outcome.stderr);
  const { inputs }: { inputs: Record<string, unknown> } = JSON.parse(readFileSync(join(folder, "meta.json"), "utf8"));
  const files = Object.keys(inputs).map((path) => realpathSync(path));
  assert.equal(files.length, modules.length + 1);
  const printed = histOf(outcome);
  assert.deepEqual(readsOf(printed), onceEach(files));
  assertAllReturned(printed);
  const sum = modules.reduce((total, _, index) => total + index, 0);
  assert.equal(execFileSync(process.execPath, [join(folder, "bundle.mjs")], { encoding: "utf8" }), `${sum}\n`);
});

/** The global types without which nothing is checked. */
const GLOBALS = [
  ...["Array<T>", "Boolean", "CallableFunction", "Function", "IArguments"],
  ...["NewableFunction", "Number", "Object", "RegExp", "String"],
];

test("the TypeScript compiler from npm reads each file once, by its path", options, async () => {
  write("globals.d.ts", GLOBALS.map((name) => `interface ${name} {}\n`).join(""));
  const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
  for (const [index, name] of names.entries()) write(`${name}.ts`, `export const ${name}: number = ${index};\n`);
  write("all.ts", names.map((name) => `export { ${name} } from "./${name}.js";\n`).join(""));
  const compilerOptions = { module: "nodenext", target: "es2022", noLib: true, types: [], noEmit: true };
  write("tsconfig.json", JSON.stringify({ compilerOptions, files: ["globals.d.ts", "all.ts"] }));
  const outcome = await gospect([
    ...[
      "hist",
      "--json",
      "--by",
      "arg1",
      "github.com/microsoft/typescript-go/internal/vfs/osvfs.(*osFS).ReadFile",
      "--",
    ],
    join(checkout, "node_modules/@typescript/typescript-linux-x64/lib/tsc"),
    ...["-p", join(folder, "tsconfig.json"), "--listFiles"],
  ]);
  assert.equal(outcome.status, 0, outcome.stderr + outcome.stdout);
  const files = outcome.stdout.split("\n").filter((line) => line.startsWith(`${folder}/`));
  assert.equal(files.length, names.length + 2);
  const printed = histOf(outcome);
  assert.deepEqual(readsOf(printed), onceEach([...files, join(folder, "tsconfig.json")]));
  assertAllReturned(printed);
});
