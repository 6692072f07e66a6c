/** `trace`, `flow` and `replay` as their users run them, on programs that make calls known beforehand. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Fixture, fixturePath } from "../fixture.js";
import { gospect, MAIN, type Outcome } from "./cli.js";
import { withoutKernel } from "./measuring.js";

const options = { skip: withoutKernel };
const folder = mkdtempSync(join(tmpdir(), "gospect-trace-"));
after(() => rmSync(folder, { recursive: true }));

interface CallJson {
  readonly function: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly results: Readonly<Record<string, unknown>>;
  readonly show: Readonly<Record<string, unknown>>;
  readonly durationNs: number;
  readonly outcome: string;
  readonly stack: readonly { readonly function: string }[];
}

interface TreeJson extends CallJson {
  readonly level: number;
  readonly ownNs: number;
  readonly children: readonly TreeJson[];
}

const linesOf = <T>({ status, stdout, stderr }: Outcome): readonly T[] => {
  assert.equal(status, 0, stderr);
  return stdout
    .split("\n")
    .filter((line) => line.startsWith('{"time"'))
    .map((line) => JSON.parse(line) as T);
};

const CALLS = 640;
/** As fixtures/busy makes them. */
const TENANTS = Array.from({ length: 64 }, (_, index) => {
  const number = String(index).padStart(2, "0");
  return `tenant${number}${"-in-the-long-run".slice(0, index % 17)}`;
});

const busy = (path: string, kind: string, ...ours: string[]): Promise<Outcome> =>
  gospect([...ours, "--", path, "-n", String(CALLS), "-fn", kind], { input: "go\nquit\n" });

test("each call is traced once, in order, with what it was given and returned", options, async () => {
  const program = fixturePath("busy", "1.27", "plain");
  const calls = linesOf<CallJson>(await busy(program, "text", "trace", "main.Text", "--json", "--show", "len(tenant)"));
  assert.deepEqual(
    calls.map(({ args, results, show, outcome }) => ({ args, results, show, outcome })),
    Array.from({ length: CALLS }, (_, index) => {
      const tenant = TENANTS[index % TENANTS.length] ?? "";
      const length = tenant.length;
      return { args: { tenant }, results: { ret: length + 1 }, show: { "len(tenant)": length }, outcome: "return" };
    }),
  );
});

test("a condition leaves the other calls out, in trace as in hist", options, async () => {
  const program = fixturePath("busy", "1.19", "plain");
  const where = ["--where", 'hasPrefix(tenant, "tenant1") && len(tenant) < 15'];
  const wanted = TENANTS.filter((tenant) => tenant.startsWith("tenant1") && tenant.length < 15);
  assert.ok(wanted.length > 0 && wanted.length < 10);
  const traced = await busy(program, "text", "trace", "main.Text", "--json", ...where);
  assert.deepEqual(
    linesOf<CallJson>(traced).map(({ args }) => args["tenant"]),
    Array.from({ length: CALLS / TENANTS.length }, () => wanted).flat(),
  );
  const matched = new RegExp(`${wanted.length * 10} of ${CALLS} calls matched hasPrefix`);
  assert.match(traced.stderr, matched);
  const counted = await busy(program, "text", "hist", "main.Text", ...where);
  assert.match(counted.stdout, matched);
});

test("calls inside calls are a tree, and each one's own time is what is left", options, async () => {
  const program = fixturePath("busy", "1.27", "plain");
  const trees = linesOf<TreeJson>(await busy(program, "recursive", "flow", "main.Recursive", "--json"));
  assert.equal(trees.length, CALLS / 10);
  for (const tree of trees) {
    const path: TreeJson[] = [];
    for (let node: TreeJson | undefined = tree; node !== undefined; node = node.children[0]) {
      assert.ok(node.children.length <= 1);
      assert.equal(node.ownNs, node.durationNs - (node.children[0]?.durationNs ?? 0));
      path.push(node);
    }
    assert.deepEqual(
      path.map(({ level, args, results }) => [level, args["n"], results["ret"]]),
      Array.from({ length: 10 }, (_, level) => [level, 9 - level, 9 - level]),
    );
  }
});

test("calls that nobody takes are counted, not kept", options, async () => {
  const program = fixturePath("busy", "1.27", "plain");
  using target = new Fixture(program, ["-n", "150000", "-fn", "text"]);
  await target.nextLine();
  const child = spawn(process.execPath, [
    MAIN,
    "trace",
    "-p",
    String(target.pid),
    "main.Text",
    "--max-overhead",
    "100%",
  ]);
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const said = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(stderr)) {
      assert.equal(child.exitCode, null, stderr);
      await new Promise((resolve) => child.stderr.once("data", resolve));
    }
  };
  await said(/^measuring/m);
  target.send("go");
  await target.nextLine();
  child.kill("SIGINT");
  // Nothing is read before the run is over and has said so.
  await said(/^cost: /m);
  let printed = 0;
  for await (const text of child.stdout.setEncoding("utf8") as AsyncIterable<string>)
    printed += text.split("\n").length - 1;
  const number = (pattern: RegExp): number => Number((pattern.exec(stderr)?.[1] ?? "0").replaceAll(",", ""));
  const entries = number(/^balance: ([\d,]+) entr/m);
  assert.equal(entries, 150_000, stderr);
  assert.equal(printed + number(/warning: ([\d,]+) calls? missing above/), entries, stderr);
});

test("a recorded run is replayed without its program, byte for byte", options, async () => {
  const program = join(folder, "busy");
  for (const [command, ...more] of [["trace", "--stack"], ["flow"], ["hist", "--by", "tenant"], ["profile"]]) {
    assert.ok(command !== undefined);
    copyFileSync(fixturePath("busy", "1.27", "pie"), program);
    const recording = join(folder, `${command}.gospect`);
    const recorded = await busy(program, "text", command, "main.Text", ...more, "-o", recording);
    assert.equal(recorded.status, 0, recorded.stderr);
    assert.equal(recorded.stdout.includes("main.Text"), false, "the results are in the file");
    rmSync(program);
    const output = join(folder, "replayed");
    const replay = (...options_: string[]) => gospect(["replay", recording, "-o", output, ...options_]);
    const contents: Buffer[] = [];
    for (let round = 0; round < 2; round++) {
      const { status, stderr } = await replay();
      assert.equal(status, 0, stderr);
      contents.push(readFileSync(output));
      assert.ok(recorded.stderr.includes(/^balance: .*\n/m.exec(stderr)?.[0] ?? "no balance"));
    }
    assert.deepEqual(contents[0], contents[1]);
    if (command !== "trace") continue;
    await replay("--json");
    const calls = linesOf<CallJson>({ status: 0, signal: null, stderr: "", stdout: readFileSync(output, "utf8") });
    assert.equal(calls.length, CALLS);
    assert.deepEqual(new Set(calls.map(({ args }) => args["tenant"])), new Set(TENANTS));
    assert.ok(calls.every(({ stack }) => stack[0]?.function.startsWith("main.") === true));
    const text = contents[0]?.toString() ?? "";
    assert.equal(text.match(/main\.Text\(tenant="tenant\d\d[-a-z]*"\) → \d+\n/g)?.length, CALLS);
  }
});
