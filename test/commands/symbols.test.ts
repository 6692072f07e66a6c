/** `symbols` and `--symbols` as their users run them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fixturePath } from "../fixture.js";

const BUILD = fixturePath("truth", "1.27", "plain");
const STRIPPED = fixturePath("truth", "1.27", "stripped");
const LOOKUP = "main.(*Store).Lookup";

let folder = "";
let symbolFile = "";

const gospect = (...args: string[]): { status: number | null; stdout: Buffer; stderr: string } => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["build/src/cli/main.js", ...args]);
  return { status, stdout, stderr: stderr.toString() };
};

before(() => {
  folder = mkdtempSync(join(tmpdir(), "gospect-symbols-"));
  symbolFile = join(folder, "app.gosym");
});
after(() => rmSync(folder, { recursive: true }));

test("a symbol file is written, to a file or to stdout, and says how it is used", () => {
  const { status, stdout, stderr } = gospect("symbols", "-e", BUILD, "-o", symbolFile);
  assert.deepEqual([status, stdout.length], [0, 0]);
  assert.match(stderr, /^\S+app\.gosym: 2,\d{3} functions, \d+ KiB; --symbols \S+app\.gosym uses it\n$/);
  const piped = gospect("symbols", "-e", BUILD, "-o", "-");
  assert.deepEqual([piped.status, piped.stderr], [0, ""]);
  assert.deepEqual(piped.stdout, readFileSync(symbolFile));
});

test("with it, the stripped program's plan is that of the debug build", () => {
  const plan = (...args: string[]): { probes: object; dimensions: object; runtime: object } =>
    JSON.parse(gospect("plan", ...args, LOOKUP, "--by", "tenant", "--by", "s.shard.id", "--json").stdout.toString());
  const debug = plan("-e", BUILD);
  const stripped = plan("-e", STRIPPED, "--symbols", symbolFile);
  const told = JSON.stringify(stripped).replaceAll('"symbol-file"', '"dwarf"');
  const { probes, dimensions, runtime } = JSON.parse(told) as typeof stripped;
  assert.deepEqual(
    { probes, dimensions, runtime },
    (({ probes, dimensions, runtime }) => ({ probes, dimensions, runtime }))(debug),
  );
});

test("what can't be done is said in one sentence", () => {
  const own = join(folder, "program");
  copyFileSync(BUILD, own);
  const nowhere = join(folder, "absent", "app.gosym");
  const unwritten = join(folder, "unwritten.gosym");
  const hint = "hint: name the symbol file: gospect symbols -e BUILD -o app.gosym\n";
  const cases: readonly (readonly [string[], number, string])[] = [
    [["symbols", "-e", BUILD], 2, `error: nowhere to write the symbols to\n${hint}`],
    [
      ["symbols", "-o", unwritten],
      2,
      "error: no target\nhint: give one of --pid PID, --exe FILE and -- COMMAND ARG…\n",
    ],
    [["symbols", "-e", own, "-o", own], 2, `error: ${own} is the program itself, and would be overwritten\n${hint}`],
    [
      ["symbols", "-e", BUILD, "-o", nowhere],
      1,
      `error: cannot write ${nowhere}: ENOENT\nhint: choose another file with --output\n`,
    ],
    [
      ["symbols", "-e", STRIPPED, "-o", unwritten],
      3,
      `error: ${STRIPPED}: no debug data to make a symbol file of\n` +
        "hint: build the program without -s and -w in -ldflags, or give the file from before it was stripped\n",
    ],
    [["plan", "-e", STRIPPED, "--symbols", nowhere, LOOKUP], 3, `error: ${nowhere}: no such file\n`],
    [
      ["plan", "-e", STRIPPED, "--symbols", own, LOOKUP],
      3,
      `error: ${own}: not a symbol file\nhint: gospect symbols -e PROGRAM -o FILE makes one\n`,
    ],
  ];
  for (const [args, status, stderr] of cases) {
    const outcome = gospect(...args);
    assert.deepEqual({ args, status: outcome.status, stderr: outcome.stderr }, { args, status, stderr });
  }
  assert.deepEqual(readFileSync(own), readFileSync(BUILD));
  assert.equal(existsSync(unwritten), false);
});

test("another build's symbol file is refused", () => {
  const other = fixturePath("truth", "1.22", "stripped");
  const { status, stderr } = gospect("plan", "-e", other, "--symbols", symbolFile, LOOKUP, "--json");
  assert.equal(status, 3);
  const { error } = JSON.parse(stderr) as { error: { code: string } };
  assert.equal(error.code, "build-id-mismatch");
});
