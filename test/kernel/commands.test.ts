/** The measuring commands as their users run them: a process of ours on a process of theirs. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { Fixture, fixturePath } from "../fixture.js";
import { withoutKernel } from "./measuring.js";
import { until } from "./programs.js";

const MAIN = "build/src/cli/main.js";
const LOOKUP = "main.(*Store).Lookup";
const STORE = fixturePath("store", "1.22", "plain");
const CLIENTS = 4;
const LOAD = ["-listen", "127.0.0.1:0", "-load", `${CLIENTS}`, "-rate", "200"];
const options = { skip: withoutKernel };

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const gospect = (...args: string[]): Outcome => spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8" });

/** Collects what a child prints, and how it ends. */
async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  let [stdout, stderr] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { status, stdout, stderr };
}

interface HistJson {
  readonly schema: string;
  readonly target: { readonly pid: number | null; readonly exe: string; readonly goVersion: string };
  readonly durationNs: number;
  readonly probes: readonly { readonly function: string; readonly entrySites: number; readonly returnSites: number }[];
  readonly balance: Readonly<Record<"entries" | "returns" | "panics" | "goexits" | "open" | "lost", number>>;
  readonly series: readonly { readonly by: Readonly<Record<string, string>>; readonly count: number }[];
}

function assertBalanced({ balance, series }: HistJson): void {
  const { entries, returns, panics, goexits, open, lost } = balance;
  assert.ok(entries > 0, "the service is under load");
  assert.equal(entries, returns + panics + goexits + open + lost);
  assert.equal(
    series.reduce((sum, { count }) => sum + count, 0),
    returns,
  );
}

let folder = "";
let store: Fixture;
let address = "";
let pid = "";

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "gospect-commands-"));
  store = new Fixture(STORE, LOAD);
  const greeting = await store.nextMessage<{ pid: number; address: string }>();
  pid = String(greeting.pid);
  address = greeting.address;
});
after(() => {
  store[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

/** Lookups that the service has answered. */
async function answered(): Promise<number> {
  const stats = await (await fetch(`http://${address}/stats`)).json();
  return Object.values(stats as Record<string, { lookups: number }>).reduce((sum, { lookups }) => sum + lookups, 0);
}

/** Resolves when some lookup has begun and ended since: one for each client may have begun before. */
async function wholeLookup(): Promise<void> {
  const wanted = (await answered()) + CLIENTS + 1;
  await until("the service is under load", async () => ((await answered()) >= wanted ? true : undefined));
}

test("hist of a pid: JSON on stdout, the balance on stderr", options, () => {
  const { status, stdout, stderr } = gospect("hist", "-p", pid, LOOKUP, "--by", "tenant", "-d", "1s", "--json");
  assert.equal(status, 0, stderr);
  const result = JSON.parse(stdout) as HistJson;
  assert.equal(result.schema, "gospect.hist/1");
  assert.deepEqual({ pid: result.target.pid, exe: result.target.exe }, { pid: Number(pid), exe: STORE });
  assert.match(result.target.goVersion, /^go1\.22\./);
  // It ends when the machine gets to it, but no minute is meant.
  assert.ok(result.durationNs >= 1e9 && result.durationNs < 60e9, `${result.durationNs}`);
  assert.deepEqual(
    result.probes.map(({ function: name, entrySites }) => ({ name, entrySites })),
    [{ name: LOOKUP, entrySites: 1 }],
  );
  assertBalanced(result);
  const tenants = new Set(["globex", "initech", "acme", "umbrella", "hooli"]);
  for (const { by } of result.series) assert.ok(tenants.has(by["tenant"] ?? ""), JSON.stringify(by));
  assert.match(stderr, /^balance: .* entries = .* returns \+ /m);
  assert.match(stderr, /^cost: /m);
});

test("hist for people goes to the file of --output; --quiet says nothing", options, () => {
  const output = join(folder, "hist.txt");
  const outcome = gospect("hist", "-p", pid, LOOKUP, "-d", "500ms", "-q", "-o", output);
  assert.deepEqual([outcome.status, outcome.stdout, outcome.stderr], [0, "", ""]);
  assert.match(readFileSync(output, "utf8"), /^main\.\(\*Store\)\.Lookup\n {2}[\d,]+ calls? in /);
});

test("Ctrl-C ends a run well", options, async () => {
  const child = spawn(process.execPath, [MAIN, "hist", "-p", pid, LOOKUP, "--json"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const outcome = outcomeOf(child);
  let said = "";
  child.stderr.on("data", (text: string) => {
    said += text;
  });
  await until("the probes are on", () => (/^measuring /m.test(said) || child.exitCode !== null ? true : undefined));
  await wholeLookup();
  child.kill("SIGINT");
  const { status, stdout, stderr } = await outcome;
  assert.equal(status, 0, stderr);
  assertBalanced(JSON.parse(stdout) as HistJson);
});

test("a reader of stdout that goes away ends a run well", options, async () => {
  const child = spawn(process.execPath, [MAIN, "hist", "-p", pid, LOOKUP, "-d", "500ms"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.destroy();
  const { status, stderr } = await outcomeOf(child);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /^balance: /m);
});

test("two runs measure one target at once", options, async () => {
  const args = [MAIN, "hist", "-p", pid, LOOKUP, "-d", "1s", "--json"];
  const runs = [0, 1].map(() => outcomeOf(spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] })));
  for (const { status, stdout, stderr } of await Promise.all(runs)) {
    assert.equal(status, 0, stderr);
    assertBalanced(JSON.parse(stdout) as HistJson);
  }
});

test("a target that exits ends the run, with its results", options, () => {
  const command = [STORE, ...LOAD, "-duration", "1s"];
  // What is compared with the program's own counts must have been on all the time.
  const { status, stdout, stderr } = gospect("hist", LOOKUP, "--max-overhead", "100%", "--json", "--", ...command);
  assert.equal(status, 0, stderr);
  const lines = stdout.trim().split("\n");
  const result = JSON.parse(lines.at(-1) ?? "") as HistJson;
  assertBalanced(result);
  // The service says what it did, with stdout of its own: every lookup from its first instruction on.
  const tenants = JSON.parse(lines.at(-2) ?? "") as Record<string, { lookups: number; panics: number }>;
  const lookups = Object.values(tenants).reduce((sum, { lookups }) => sum + lookups, 0);
  assert.equal(result.balance.returns, lookups);
  assert.match(stderr, /has ended$/m);
});

test("a command's exit status is passed through", options, () => {
  const { status } = gospect("hist", "-q", "main.main", "--", STORE, "-no-such-flag");
  assert.equal(status, 2);
});

test("profile writes a pprof file, to stdout too", options, () => {
  const output = join(folder, "out.pb.gz");
  const { status, stderr } = gospect("profile", "-p", pid, LOOKUP, "--by", "tenant", "-d", "500ms", "-o", output);
  assert.equal(status, 0, stderr);
  assert.match(gunzipSync(readFileSync(output)).toString("latin1"), /main\.\(\*Store\)\.Lookup/);
  const piped = spawnSync(process.execPath, [MAIN, "profile", "-q", "-p", pid, LOOKUP, "-d", "500ms", "-o", "-"]);
  assert.equal(piped.status, 0, piped.stderr.toString());
  assert.match(gunzipSync(piped.stdout).toString("latin1"), /main\.\(\*Store\)\.Lookup/);
});

test("what can't be done is said before anything is attached", options, () => {
  const cases: [args: string[], status: number, stderr: string][] = [
    [
      ["profile", "-p", pid, LOOKUP, "-o", join(folder, "no", "folder")],
      1,
      `error: cannot write ${join(folder, "no", "folder")}: ENOENT\nhint: choose another file with --output\n`,
    ],
    [
      ["hist", "-p", pid, LOOKUP, "--by", "tenat"],
      3,
      `error: ${LOOKUP} can't be measured: it has no argument or result tenat\n` +
        "hint: arguments: s *main.Store, tenant string, key string; results: value main.Value, err error\n",
    ],
  ];
  for (const [args, status, stderr] of cases) {
    const outcome = gospect(...args);
    assert.deepEqual([outcome.status, outcome.stdout, outcome.stderr], [status, "", stderr]);
  }
});

test("without privilege a run is refused with status 4", options, () => {
  const unprivileged = ["--reuid", "65534", "--regid", "65534", "--clear-groups", process.execPath, MAIN];
  const { status, stderr } = spawnSync("setpriv", [...unprivileged, "hist", "-e", STORE, LOOKUP], { encoding: "utf8" });
  assert.equal(status, 4);
  assert.match(stderr, /^error: .*\nhint: run as root/);
  const foreign = spawnSync("setpriv", [...unprivileged, "hist", "-p", pid, LOOKUP], { encoding: "utf8" });
  assert.equal(foreign.status, 4);
  assert.match(foreign.stderr, /^error: process \d+: not permitted .*\nhint: run as root/);
});

test("doctor finds nothing missing where runs work", options, () => {
  const { status, stdout } = gospect("doctor", "--json", "-p", pid);
  const { checks } = JSON.parse(stdout) as { checks: { name: string; status: string }[] };
  assert.deepEqual(
    checks.filter((check) => check.status === "missing"),
    [],
  );
  assert.deepEqual(
    checks.map(({ name }) => name),
    [
      "kernel",
      "architecture",
      "node",
      "libbpf",
      "privilege",
      "programs",
      "conditions",
      "attach",
      "returns",
      "assembly",
      "target",
    ],
  );
  assert.equal(status, 0);
});
