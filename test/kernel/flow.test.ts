/**
 * `flow` on a program that keeps its own record of who called whom: the same trees, of the same goroutines, with the same
 * endings, as JSON and as text.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixturePath, startFixture } from "../fixture.js";
import { withoutKernel } from "./measuring.js";
import { Run } from "./programs.js";

const options = { skip: withoutKernel };

/** A call as the fixture `tree` and as `flow --json` have it. */
interface Call {
  readonly function: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly results: Readonly<Record<string, unknown>>;
  readonly outcome: string;
}

interface Node extends Call {
  readonly calls: readonly Node[];
}

interface Grown {
  readonly goroutines: readonly {
    readonly goid: number;
    readonly parent: number;
    readonly createdBy: string;
    readonly calls: readonly Node[];
  }[];
}

interface FlowLine extends Call {
  readonly goid: number;
  readonly durationNs: number;
  readonly ownNs: number;
  readonly level: number;
  readonly children: readonly FlowLine[];
  readonly parentGoid: number | null;
  readonly createdBy: { readonly function: string } | null;
}

const FUNCTIONS = "/^main\\.[A-Z]\\w*$/";

async function flow(pid: number, args: readonly string[], load: () => Promise<unknown>): Promise<string> {
  await using run = await Run.start("flow", "-p", String(pid), ...args, FUNCTIONS);
  await load();
  return (await run.stop()).stdout;
}

const linesOf = (stdout: string): FlowLine[] =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as FlowLine);

const nodeOf = ({ function: name, args, results, outcome, children }: FlowLine): Node => ({
  function: name,
  args,
  results,
  outcome,
  calls: children.map(nodeOf),
});

/** A call's own time is what its children leave of it. */
function assertTimes(line: FlowLine, level: number): void {
  assert.equal(line.level, level);
  const inside = line.children.reduce((sum, child) => sum + child.durationNs, 0);
  assert.equal(line.ownNs, line.durationNs - inside, line.function);
  for (const child of line.children) assertTimes(child, level + 1);
}

for (const version of ["1.19", "1.22", "1.27"] as const) {
  test(`trees of calls, panics and goroutines: Go ${version}`, options, async () => {
    using fixture = await startFixture(fixturePath("tree", version, "plain"));
    let grown: Grown = { goroutines: [] };
    const grow = async (): Promise<void> => {
      fixture.send("go");
      grown = await fixture.nextMessage<Grown>();
    };
    const lines = linesOf(await flow(fixture.pid, ["--json"], grow));
    for (const line of lines) assertTimes(line, 0);
    assert.ok(grown.goroutines.length > 1);
    for (const { goid, parent, createdBy, calls } of grown.goroutines) {
      const own = lines.filter((line) => line.goid === goid);
      assert.deepEqual(own.map(nodeOf), calls);
      if (parent === 0) continue;
      for (const line of own) {
        // FACT(go1.21..go1.27): a goroutine knows its parent; before, only the place of the go statement.
        assert.equal(line.parentGoid, version === "1.19" ? null : parent);
        assert.equal(line.createdBy?.function, createdBy);
      }
    }
    assert.equal(
      lines.length,
      grown.goroutines.reduce((sum, { calls }) => sum + calls.length, 0),
    );

    const text = await flow(fixture.pid, [], grow);
    for (const { goid, calls } of grown.goroutines) {
      assert.deepEqual(
        treesIn(text, goid),
        calls.flatMap((call) => textOf(call, 0)),
        `goroutine ${goid}`,
      );
    }
    await fixture.stop();
  });
}

/** The lines of a goroutine in the text of a flow, without their times. */
function treesIn(text: string, goid: number): string[] {
  const lines: string[] = [];
  let current = "";
  for (const line of text.trimEnd().split("\n")) {
    const heading = /^goroutine (\d+)/.exec(line);
    if (heading !== null) current = heading[1] ?? "";
    else if (line !== "" && current === String(goid)) lines.push(line.slice(FIRST_COLUMN));
  }
  return lines;
}

/** Time of day, duration and own time, with the blanks between them. */
const FIRST_COLUMN = 15 + 2 + 8 + 2 + 8 + 2;

const OUTCOMES: Readonly<Record<string, string>> = {
  return: "",
  panic: "  panicked",
  goexit: "  ended by runtime.Goexit",
};

function textOf(node: Node, depth: number): string[] {
  const args = Object.entries(node.args).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const results = Object.entries(node.results).map(([name, value]) =>
    name === "ret" ? JSON.stringify(value) : `${name}=${JSON.stringify(value)}`,
  );
  const line = `${node.function}(${args.join(", ")})${results.length === 0 ? "" : ` → ${results.join(", ")}`}`;
  return [
    `${"  ".repeat(depth)}${line}${OUTCOMES[node.outcome]}`,
    ...node.calls.flatMap((child) => textOf(child, depth + 1)),
  ];
}

test("a stripped program's trees have the same functions and endings", options, async () => {
  using fixture = await startFixture(fixturePath("tree", "1.27", "pie-stripped"));
  let grown: Grown = { goroutines: [] };
  const lines = linesOf(
    await flow(fixture.pid, ["--json"], async () => {
      fixture.send("go");
      grown = await fixture.nextMessage<Grown>();
    }),
  );
  const bare = (node: Node): unknown => [node.function, node.outcome, node.calls.map(bare)];
  for (const { goid, calls } of grown.goroutines) {
    assert.deepEqual(
      lines
        .filter((line) => line.goid === goid)
        .map(nodeOf)
        .map(bare),
      calls.map(bare),
    );
  }
  await fixture.stop();
});
