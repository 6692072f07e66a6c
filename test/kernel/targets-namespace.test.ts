/** Targets in a pid namespace of their own, measured from outside and from within. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Fixture } from "../fixture.js";
import { gospect, histOf, MAIN } from "./cli.js";
import { Measuring, planner, withoutKernel } from "./measuring.js";
import { Native } from "./nests.js";
import { balance, subjectPath, tell } from "./subject.js";

const options = { skip: withoutKernel };
const UNSHARE = ["--pid", "--fork", "--mount-proc", "--kill-child"];

/** The child of a process, as we number it. */
const childOf = (parent: number): number =>
  Number(readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8").trim());

for (const kind of ["plain", "pie"] as const) {
  test(`a target in a namespace of its own, from outside: ${kind}`, options, async () => {
    using container = new Fixture("unshare", [...UNSHARE, subjectPath(kind)]);
    const { pid: inside } = await container.nextMessage<{ pid: number }>();
    const pid = childOf(container.pid);
    assert.notEqual(inside, pid);
    const target = { kind: "pid", pid } as const;
    const plan = (await planner(target))({ probes: ["main.Step"] });
    for (const attachMode of ["uprobe-multi", "perf-event"] as const) {
      using measuring = await Measuring.start(plan, target, { attachMode });
      await tell(container, "step 123 10");
      assert.deepEqual(measuring.stop().balance, balance({ returns: 123n }), attachMode);
    }
    await container.stop();
  });

  test(`a target in a namespace, from a run in the same one: ${kind}`, options, async () => {
    // The run's process numbers are the namespace's; those of the programs are not.
    const [program = "", ...args] = ["unshare", ...UNSHARE, process.execPath, MAIN];
    const child = spawn(
      program,
      [
        ...args,
        "hist",
        "--max-overhead",
        "100%",
        "main.Early",
        "main.Step",
        "--json",
        "--",
        subjectPath(kind),
        "once",
        "-calls",
        "77",
      ],
      {
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    let [stdout, stderr] = ["", ""];
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    for await (const text of child.stdout.setEncoding("utf8")) stdout += text;
    const { balance: books, target } = histOf({ status: 0, signal: null, stdout, stderr });
    assert.ok((target.pid ?? 0) < 100, `pid ${target.pid} is the namespace's`);
    assert.deepEqual([books.entries, books.returns, books.lost], [1077, 1077, 0], stderr);
  });
}

test("a target in a namespace within the run's own", options, async () => {
  const script = fileURLToPath(new URL("../../../test/kernel/subject/nested-namespace.sh", import.meta.url));
  const outcome = await gospect([], { command: ["unshare", ...UNSHARE, script, subjectPath("plain")] });
  assert.equal(outcome.status, 0, outcome.stderr);
  assert.deepEqual(histOf(outcome).balance.returns, 77, outcome.stderr);
});

test(
  "threads of C calls have the namespace's numbers, and calls that ended with them are told as open",
  options,
  async () => {
    using native = await Native.build("-pie");
    const args = ["trace", "c:quitter", "--json", "-q", "--", native.path];
    const { status, stdout, stderr } = await gospect(args, {
      command: ["unshare", ...UNSHARE],
      input: "exits 3\nquit\n",
    });
    assert.equal(status, 0, stderr);
    const calls = stdout
      .split("\n")
      .filter((line) => line.includes('"c:quitter"'))
      .map((line) => JSON.parse(line) as { pid: number; tid: number; outcome: string });
    assert.deepEqual(
      calls.map(({ outcome }) => outcome),
      ["open", "open", "open"],
    );
    const [{ pid } = { pid: 0 }] = calls;
    assert.deepEqual(new Set(calls.map(({ tid }) => tid > pid && tid < 100)), new Set([true]), stdout);
  },
);

test("a /proc of another namespace is refused: its process numbers are not ours", options, async () => {
  for (const target of [
    ["-p", String(process.pid)],
    ["--", subjectPath("plain"), "once"],
  ]) {
    const command = ["unshare", "--pid", "--fork", "--kill-child"];
    const { status, stdout, stderr } = await gospect(["hist", "main.Step", ...target], { command });
    assert.deepEqual([status, stdout], [4, ""]);
    assert.match(
      stderr,
      /^error: \/proc belongs to another pid namespace: it calls process 1 \d+\nhint: mount it anew, /,
    );
  }
});
