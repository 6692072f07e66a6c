/** What the command line refuses, and how: message, hint, exit status, as cli.md has them. */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { run } from "../../src/cli/index.js";
import type { TextOutput } from "../../src/commands/index.js";
import { fixturePath } from "../fixture.js";

const MAIN = "build/src/cli/main.js";

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function gospect(...args: string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8" });
  return { status, stdout, stderr };
}

/** The same without a process of its own. */
async function inProcess(...args: string[]): Promise<Outcome> {
  let [stdout, stderr] = ["", ""];
  const output = (take: (text: string) => void): TextOutput => ({
    isTerminal: false,
    backlog: () => 0,
    color: false,
    size: () => undefined,
    write: (data) => take(String(data)),
  });
  const status = await run(args, {
    out: output((text) => {
      stdout += text;
    }),
    err: output((text) => {
      stderr += text;
    }),
    interruption: () => new AbortController().signal,
    failure: () => undefined,
  });
  return { status, stdout, stderr };
}

test("a wrong command line is one sentence, a hint and status 2", async () => {
  const cases: [args: string[], message: string, hint: string][] = [
    [["bazaar"], "unknown command 'bazaar'", "gospect --help explains"],
    [["histt"], "unknown command 'histt'", "Did you mean hist?"],
    [["list", "-p", "1", "-p", "2"], "--pid is given twice", "give it once"],
    [["hist", "main.main", "--of", "a", "--of", "b"], "--of is given twice", "give it once"],
    [["hist"], "missing required argument 'probe'", "gospect --help explains"],
    [
      ["list", "-p", "1", ""],
      "an empty name",
      "name a Go function, a glob, a /regular expression/, usdt:PROVIDER:NAME or c:SYMBOL",
    ],
    [
      ["hist", " ", "-p", "1"],
      "an empty name",
      "name a Go function, a glob, a /regular expression/, usdt:PROVIDER:NAME or c:SYMBOL",
    ],
    [["hist", "x"], "no target", "give one of --pid PID, --exe FILE and -- COMMAND ARG…"],
    [["hist", "x", "-p", "1", "-e", "y"], "more than one target", "give one of --pid, --exe and -- COMMAND"],
    [["hist", "x", "-p", "1", "--", "y"], "more than one target", "give one of --pid, --exe and -- COMMAND"],
    [["hist", "x", "--"], "nothing after --", "the program to start follows it"],
    [["hist", "x", "-p", "0"], "'0' is not a process id", "pgrep NAME finds it"],
    [["hist", "x", "-p", "1e3"], "'1e3' is not a process id", "pgrep NAME finds it"],
    [["hist", "x", "-p", "4294967297"], "'4294967297' is not a process id", "pgrep NAME finds it"],
    [["hist", "x", "-p"], "option '-p, --pid <pid>' argument missing", "gospect --help explains"],
    [["hist", "x", "-p", "1", "--bye", "n"], "unknown option '--bye'", "Did you mean --by?"],
    [
      ["trace", "x", "-p", "1", "--where", ""],
      "--where wants a condition",
      "--where 'tenant == \"acme\" && $duration > 10ms'",
    ],
    [["flow", "x", "-p", "1", "--show", " "], "--show wants an expression", "a field: --show req.URL.Path"],
    [["replay"], "missing required argument 'file'", "gospect --help explains"],
    [["hist", "x", "-p", "1", "--by", " "], "--by wants an expression", "a parameter's name: --by tenant"],
    [
      ["hist", "x", "-p", "1", "--match", " "],
      "--match wants an expression",
      "an argument that both ends have: --match arg0",
    ],
    [["hist", "x", "-p", "1", "--of", ""], "--of wants an expression", "a parameter's name: --of size"],
    [["profile", "x", "-p", "1", "--value", ""], "--value wants an expression", "a parameter's name: --value size"],
    [["hist", "x", "-p", "1", "-d", "10"], "malformed duration '10'", "write a number and a unit: 500ms, 30s, 2m, 1h"],
    [
      ["plan", "x", "-p", "1", "--sig", "f"],
      "malformed --sig 'f'",
      "write FUNC=func(SIGNATURE): --sig 'main.Lookup=func(tenant string, n int) error'",
    ],
    [["doctor", "x"], "too many arguments for 'doctor'. Expected 0 arguments but got 1", "gospect --help explains"],
  ];
  for (const [args, message, hint] of cases) {
    assert.deepEqual(await inProcess(...args), { status: 2, stdout: "", stderr: `error: ${message}\nhint: ${hint}\n` });
  }
});

test("conditions given one by one must all hold", async () => {
  const store = fixturePath("store", "1.27", "plain");
  const conditions = ["--where", 'tenant == "a" || tenant == "b"', "--where", "len(key) > 3"];
  const { status, stdout } = await inProcess("plan", "-e", store, "main.(*Store).Lookup", ...conditions, "--json");
  assert.equal(status, 0);
  assert.equal(JSON.parse(stdout).where, '(tenant == "a" || tenant == "b") && (len(key) > 3)');
});

test("with --json an error is one object on stderr", async () => {
  for (const args of [
    ["hist", "x", "--json"],
    ["hist", "--json", "x"],
  ]) {
    const { status, stdout, stderr } = await inProcess(...args);
    assert.deepEqual({ status, stdout }, { status: 2, stdout: "" });
    const hint = "give one of --pid PID, --exe FILE and -- COMMAND ARG…";
    assert.deepEqual(JSON.parse(stderr), { error: { code: "usage", message: "no target", hint } });
  }
  const theirs = await inProcess("hist", "x", "-p", "1", "--", "store", "--json");
  assert.equal(theirs.stderr, "error: more than one target\nhint: give one of --pid, --exe and -- COMMAND\n");
});

test("help and version go to stdout, with status 0; nothing at all is a wrong command line", () => {
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
  assert.deepEqual(gospect("--version"), { status: 0, stdout: `${version}\n`, stderr: "" });
  for (const args of [["--help"], ["help"], ["hist", "--help"], ["help", "hist"]]) {
    const { status, stdout, stderr } = gospect(...args);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
    assert.match(stdout, args.includes("hist") ? /^Usage: gospect hist / : /^Usage: gospect \[options\]/);
  }
  const nothing = gospect();
  assert.deepEqual({ status: nothing.status, stdout: nothing.stdout }, { status: 2, stdout: "" });
  assert.match(nothing.stderr, /^Usage: gospect /);
});

test("help lists exactly the commands there are", () => {
  const listed = [...gospect("--help").stdout.matchAll(/^ {2}(\w+) .*\[/gm)].map(([, name]) => name);
  assert.deepEqual(listed, [
    "list",
    "plan",
    "hist",
    "profile",
    "trace",
    "flow",
    "replay",
    "recipe",
    "symbols",
    "usdt",
    "doctor",
    "help",
  ]);
});

test("targets that cannot be measured are refused with status 3", () => {
  const cases: [args: string[], stderr: RegExp][] = [
    [["list", "-e", "/nowhere/at/all"], /^error: \/nowhere\/at\/all: .*\n/],
    [["list", "-e", "/tmp"], /^error: \/tmp: .*\n/],
    [["list", "-e", "package.json"], /^error: package\.json: not an ELF file.*\n/],
    [["list", "-e", process.execPath, "main.*"], /^error: .*node.*: not a Go program.*\n/],
    [["list", "-p", "2147483647"], /^error: no process 2147483647\n|^error: .*2147483647.*\n/],
    [["plan", "main.main", "--", "no-such-command-anywhere"], /^error: no-such-command-anywhere: .*\n/],
  ];
  for (const [args, stderr] of cases) {
    const outcome = gospect(...args);
    assert.equal(outcome.status, 3, outcome.stderr);
    assert.match(outcome.stderr, stderr);
    assert.doesNotMatch(outcome.stderr, /^\s+at /m);
  }
});

test("a reader that goes away is an end, not an error", async () => {
  const child = spawn(process.execPath, [MAIN, "list", "-e", "/usr/bin/go"], { stdio: ["ignore", "pipe", "pipe"] });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  child.stdout.once("data", () => child.stdout.destroy());
  const status = await new Promise((resolve) => child.on("close", resolve));
  assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
});

test("a full disk under stdout is an error", () => {
  const script = `"${process.execPath}" ${MAIN} list -e /usr/bin/go 'main.main' > /dev/full`;
  const { status, stderr } = spawnSync("/bin/sh", ["-c", script], { encoding: "utf8" });
  assert.deepEqual({ status, stderr }, { status: 1, stderr: "error: cannot write to stdout: ENOSPC\n" });
});

test("the launcher of the checkout runs from anywhere", () => {
  const launcher = `${process.cwd()}/gospect`;
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
  assert.equal(execFileSync(launcher, ["--version"], { encoding: "utf8", cwd: "/" }), `${version}\n`);
});
