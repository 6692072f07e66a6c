/** `-- COMMAND`: measured from its first instruction to its end, and otherwise as if it had been started without us. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gospect, histOf, start } from "./cli.js";
import { withoutKernel } from "./measuring.js";
import { subjectPath } from "./subject.js";

const options = { skip: withoutKernel };
const INPUT = "first line\nsecond line, without an end";

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "gospect-command-"));
});
after(() => rmSync(folder, { recursive: true }));

/** Options of gospect, then the subject's own. */
const once = (kind: "plain" | "pie", before: readonly string[], ...args: string[]): string[] => [
  "hist",
  "main.Early",
  "main.Step",
  ...before,
  "--",
  subjectPath(kind),
  "once",
  ...args,
];

for (const kind of ["plain", "pie"] as const) {
  test(`a command is measured from its first instruction on: ${kind}`, options, async () => {
    const outcome = await gospect(once(kind, ["--json"], "-calls", "2345"));
    assert.equal(outcome.status, 0, outcome.stderr);
    const { balance, series } = histOf(outcome);
    assert.deepEqual(
      series.map(({ count }) => count).sort((a, b) => a - b),
      [1000, 2345],
      "Early runs before main",
    );
    assert.deepEqual([balance.entries, balance.returns, balance.unmatchedReturns], [3345, 3345, 0]);
  });
}

test("stdin, stdout and stderr pass through", options, async () => {
  const output = join(folder, "hist.txt");
  const outcome = await gospect(once("plain", ["-q", "-o", output]), { input: INPUT });
  assert.deepEqual(outcome, { status: 0, signal: null, stdout: INPUT, stderr: "to stderr\n" });
});

test("results follow the command's own output", options, async () => {
  const { status, stdout } = await gospect(once("plain", ["--json"]), { input: `${INPUT}\n` });
  assert.equal(status, 0);
  assert.equal(stdout.slice(0, INPUT.length + 1), `${INPUT}\n`);
  assert.equal(histOf({ status, stdout, signal: null, stderr: "" }).balance.entries, 1000);
});

test("the environment passes through", options, async () => {
  // A shell holds the command; neither its variables nor names it does not know are lost or added.
  const env = { go: "kept", "with.dot": "kept too", _: "underscore" };
  const { stdout } = await gospect([...once("plain", ["-q", "-o", join(folder, "environment")], "-environment")], {
    env,
  });
  const names = new Map(stdout.split("\0").map((line): [string, string] => [line.split("=")[0] ?? "", line]));
  for (const [name, value] of Object.entries(env)) assert.equal(names.get(name), `${name}=${value}`);
});

test("the exit status is the command's own, and 128 + N after signal N", options, async () => {
  for (const expected of [0, 1, 7, 255]) {
    const { status } = await gospect(once("plain", ["-q", "-o", "/dev/null"], "-status", String(expected)));
    assert.equal(status, expected);
  }
  for (const name of ["SIGTERM", "SIGKILL"] as const) {
    const number = constants.signals[name];
    const { status, stdout } = await gospect(once("plain", ["-q", "--json"], "-signal", String(number)));
    assert.equal(status, 128 + number, name);
    assert.match(stdout, /"entries":\s?1000/, "results are there all the same");
  }
});

test("a command that goes on after its measurement is waited for", options, async () => {
  const running = start(once("plain", ["--json", "-d", "300ms"], "-status", "9"), { holdsInput: true });
  await running.said(/subject\/plain goes on without probes$/m);
  assert.equal(running.child.exitCode, null);
  // It ends with its input.
  running.child.stdin?.end();
  assert.equal((await running.outcome).status, 9);
});

test("SIGTERM ends the run well and reaches the command", options, async () => {
  const running = start(once("plain", ["--json"], "-pause", "1m"));
  await running.said(/^to stderr$/m);
  running.child.kill("SIGTERM");
  const outcome = await running.outcome;
  assert.equal(outcome.status, 128 + constants.signals.SIGTERM, outcome.stderr);
  assert.equal(histOf(outcome).balance.returns, 1000);
});

test("what cannot be started is refused with status 3", options, async () => {
  const script = join(folder, "script");
  writeFileSync(script, `#!/bin/sh\nexec ${subjectPath("plain")} once\n`);
  chmodSync(script, 0o755);
  const plainFile = join(folder, "not-executable");
  writeFileSync(plainFile, "");
  const cases: [command: string, stderr: string][] = [
    [
      script,
      `error: ${script}: not an ELF file\nhint: a script has no machine code of its own: name the program that runs it\n`,
    ],
    ["no-such-command", "error: no-such-command: command not found, or not executable\n"],
    [plainFile, `error: ${plainFile}: command not found, or not executable\n`],
    [folder, `error: ${folder}: command not found, or not executable\n`],
  ];
  for (const [command, stderr] of cases) {
    const outcome = await gospect(["hist", "main.Step", "--", command]);
    assert.deepEqual(outcome, { status: 3, signal: null, stdout: "", stderr });
  }
});
