/** Ends that nobody planned: of the target, of what a run needs, of the user's privileges. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { startFixture } from "../fixture.js";
import { gospect, histOf, MAIN, type Outcome, start } from "./cli.js";
import { withoutKernel } from "./measuring.js";
import { startSubject, subjectPath, tell } from "./subject.js";

const options = { skip: withoutKernel };

/** A run by pid that has its probes on. */
async function measuring(pid: number): Promise<ReturnType<typeof start>> {
  const run = start(["hist", "-p", String(pid), "main.Step", "main.Hold", "--json"]);
  await run.said(/^measuring /m);
  return run;
}

function assertMeasured(outcome: Outcome, books: { readonly returns: number; readonly open: number }): void {
  assert.equal(outcome.status, 0, outcome.stderr);
  const { entries, returns, open } = histOf(outcome).balance;
  assert.deepEqual({ entries, returns, open }, { ...books, entries: books.returns + books.open });
  assert.doesNotMatch(outcome.stderr, /^\s+at |bug/m);
}

test("a target that ends by itself ends the run with its results", options, async () => {
  using subject = await startSubject("plain");
  const run = await measuring(subject.pid);
  await tell(subject, "step 1000 10");
  await tell(subject, "hold 20");
  await subject.stop();
  const outcome = await run.outcome;
  assertMeasured(outcome, { returns: 1000, open: 20 });
  assert.match(outcome.stderr, /subject\/plain has ended$/m);
});

test("a target that is killed ends the run with its results", options, async () => {
  using subject = await startSubject("pie");
  const run = await measuring(subject.pid);
  await tell(subject, "step 1000 10");
  process.kill(subject.pid, "SIGKILL");
  const outcome = await run.outcome;
  assertMeasured(outcome, { returns: 1000, open: 0 });
  assert.match(outcome.stderr, /subject\/pie has ended$/m);
});

test("a target that becomes another program ends the run, also when that is the same file", options, async () => {
  for (const next of ["/bin/sleep 60", subjectPath("plain")]) {
    using subject = await startFixture(subjectPath("plain"));
    const run = await measuring(subject.pid);
    await tell(subject, "step 1000 10");
    subject.send(`exec ${next}`);
    const outcome = await run.outcome;
    assertMeasured(outcome, { returns: 1000, open: 0 });
    assert.match(outcome.stderr, /subject\/plain has ended$/m, next);
  }
});

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  test(`${signal} ends a run well`, options, async () => {
    using subject = await startSubject("plain");
    const run = await measuring(subject.pid);
    await tell(subject, "step 500 10");
    run.child.kill(signal);
    assertMeasured(await run.outcome, { returns: 500, open: 0 });
    await subject.stop();
  });
}

const refusedBy = async (args: readonly string[], settings?: Parameters<typeof gospect>[1]): Promise<Outcome> => {
  const outcome = await gospect(args, settings);
  assert.equal(outcome.stdout, "");
  assert.doesNotMatch(outcome.stderr, /^\s+at |bug/m);
  return outcome;
};

test("a missing libbpf is status 4, and how to install it", options, async () => {
  using subject = await startSubject("plain");
  const env = { GOSPECT_LIBBPF: "/nowhere/libbpf.so.1" };
  const { status, stderr } = await refusedBy(["hist", "-p", String(subject.pid), "main.Step"], { env });
  assert.equal(status, 4);
  assert.match(stderr, /^error: libbpf could not be loaded: \/nowhere\/libbpf\.so\.1: .*\nhint: install it: apt-get /);
  const command = await refusedBy(["hist", "main.Step", "--", subjectPath("plain"), "once"], { env });
  assert.deepEqual([command.status, command.stderr], [4, stderr], "the command was never let go");
  const plan = await gospect(["plan", "-q", "-p", String(subject.pid), "main.Step"], { env });
  assert.equal(plan.status, 0, "a plan needs no libbpf");
  // Any library without the version function stands for a libbpf before 0.6.
  const old = await refusedBy(["hist", "-p", String(subject.pid), "main.Step"], {
    env: { GOSPECT_LIBBPF: "libc.so.6" },
  });
  assert.equal(old.status, 4);
  assert.match(old.stderr, /^error: libbpf could not be loaded: libc\.so\.6: .*\nhint: install it: apt-get /);
  await subject.stop();
});

test("a missing privilege is status 4, and how to get it", options, async () => {
  const nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
  using subject = await startSubject("plain");
  const byPid = await refusedBy(["hist", "-p", String(subject.pid), "main.Step"], { command: nobody });
  assert.equal(byPid.status, 4);
  assert.equal(
    byPid.stderr,
    `error: process ${subject.pid}: not permitted to read /proc/${subject.pid}/exe\nhint: run as root, for example with sudo\n`,
  );
  for (const target of [
    ["-e", subjectPath("plain")],
    ["--", subjectPath("plain"), "once"],
  ]) {
    const { status, stderr } = await refusedBy(["hist", "main.Step", ...target], { command: nobody });
    assert.equal(status, 4, stderr);
    assert.match(stderr, /^error: .*EPERM\nhint: run as root, or with CAP_BPF, /);
    assert.doesNotMatch(stderr, /to stderr/, "the command was never let go");
  }
  await subject.stop();
});

/** Some process whose executable cannot be read because it has none. */
function kernelThread(): number {
  const pid = readdirSync("/proc").find((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      readlinkSync(`/proc/${name}/exe`);
      return false;
    } catch {
      return readFileSync(`/proc/${name}/cmdline`, "utf8") === "";
    }
  });
  return Number(pid ?? assert.fail("a machine has kernel threads"));
}

test("a pid that is no Go program is status 3, in one sentence", options, async () => {
  const shell = spawn("/bin/sleep", ["60"]);
  try {
    const thread = kernelThread();
    const cases: [pid: number, stderr: RegExp][] = [
      [2 ** 22 + 1, /^error: process 4194305: no such process\nhint: .*\n$/],
      [thread, new RegExp(`^error: process ${thread} runs no executable file: a kernel thread\\?\\n$`)],
      [shell.pid ?? 0, /^error: .*\/sleep: not a Go program.*\n(hint: .*\n)?$/],
      [process.pid, /^error: .*node: not a Go program.*\n(hint: .*\n)?$/],
    ];
    for (const [pid, expected] of cases) {
      const { status, stderr } = await refusedBy(["hist", "-p", String(pid), "main.main"]);
      assert.match(stderr, expected);
      assert.equal(status, 3);
      const json = await refusedBy(["hist", "-p", String(pid), "main.main", "--json"]);
      const { error }: { error: { code: string; message: string } } = JSON.parse(json.stderr);
      assert.equal(stderr.split("\n")[0], `error: ${error.message}`);
    }
  } finally {
    shell.kill("SIGKILL");
  }
});

test("a thread's id is told from its process's", options, async () => {
  using subject = await startSubject("plain");
  const thread = readdirSync(`/proc/${subject.pid}/task`).find((name) => name !== String(subject.pid));
  const { status, stderr } = await refusedBy(["hist", "-p", thread ?? "", "main.Step"]);
  assert.equal(
    stderr,
    `error: ${thread} is a thread of process ${subject.pid}\nhint: name the process: --pid ${subject.pid}\n`,
  );
  assert.equal(status, 3);
  await subject.stop();
});

test("an output that cannot be written is refused before anything is measured", options, async () => {
  using subject = await startSubject("plain");
  const { status, stderr } = await refusedBy([
    "hist",
    "-p",
    String(subject.pid),
    "main.Step",
    "-d",
    "1m",
    "-o",
    "/proc/no",
  ]);
  assert.equal(status, 1);
  // A run that measures says so.
  assert.match(stderr, /^error: cannot write \/proc\/no: ENOENT\nhint: .*\n$/);
  await subject.stop();
});

test("head -1 of the results ends well", options, async () => {
  const script = `"${process.execPath}" "${MAIN}" hist -q --max-overhead 100% main.Early main.Step -- "$0" once -calls 100 </dev/null 2>/dev/null | head -1; echo "\${PIPESTATUS[0]}"`;
  const child = spawn("bash", ["-c", script, subjectPath("plain")], { stdio: ["ignore", "pipe", "inherit"] });
  let stdout = "";
  for await (const text of child.stdout.setEncoding("utf8")) stdout += text;
  assert.equal(stdout, "2 functions\n0\n");
});
