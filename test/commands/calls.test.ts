/** `trace` and `flow`, whole, from events as a session hands them over. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { callReport } from "../../src/commands/call-report.js";
import type { CallStyle } from "../../src/export/index.js";
import { displayWidth } from "../../src/export/style.js";
import type { RecordedCommand } from "../../src/recording/index.js";
import { assertGolden } from "../golden/golden.js";
import { describe, EVENTS, RUN_NAMES, STACKS } from "../recording/example.js";

const PLAIN: CallStyle = { colour: false, width: 120, values: "whole" };
const stack = (key: bigint) => STACKS.find(({ id }) => id === key);

function print(command: RecordedCommand, format: "text" | "json", style = PLAIN): string {
  const report = callReport(describe(command), RUN_NAMES, stack, { format, style });
  return report.take(EVENTS) + report.finish();
}

test("trace: a line per call, with its callers below", () => {
  assertGolden("trace.txt", print("trace", "text"));
});

test("trace --json: a line per call, by cli.md", () => {
  assertGolden("trace.jsonl", print("trace", "json"));
  for (const line of print("trace", "json").trimEnd().split("\n")) {
    const call = JSON.parse(line) as Record<string, unknown>;
    const keys = ["time", "goid", "tid", "function", "args", "results", "show", "durationNs", "outcome", "stack"];
    assert.deepEqual(
      keys.filter((key) => !(key in call)),
      [],
    );
  }
});

test("flow: a tree per call of the goroutine's own, callers before what they call", () => {
  assertGolden("flow.txt", print("flow", "text"));
});

test("flow --json: a line per tree", () => {
  assertGolden("flow.jsonl", print("flow", "json"));
});

test("on a terminal long values are cut", () => {
  assertGolden("trace-short.txt", print("trace", "text", { ...PLAIN, values: "short" }));
  assertGolden("flow-short.txt", print("flow", "text", { ...PLAIN, values: "short" }));
});

test("no call is wider than the terminal, times, notes and twenty columns given", () => {
  for (const width of [85, 100, 119, 120, 121, 160, 177, 240]) {
    for (const command of ["trace", "flow"] as const) {
      const calls = print(command, "text", { ...PLAIN, width, values: "short" })
        .split("\n")
        .filter((line) => line.includes("main.(*Store)"));
      assert.deepEqual(
        calls.filter((line) => displayWidth(line) > width),
        [],
      );
    }
  }
});

test("calls do not steer the terminal, and colour changes nothing but the colour", () => {
  for (const command of ["trace", "flow"] as const) {
    const plain = print(command, "text");
    assert.doesNotMatch(plain, /[^\n\P{C}]/u);
    assert.doesNotMatch(print(command, "json"), /[^\n\P{C}]/u);
    const coloured = print(command, "text", { ...PLAIN, colour: true });
    assert.notEqual(coloured, plain);
    assert.equal(coloured.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[\\d*m`, "g"), ""), plain);
  }
});

test("what nothing tells the arguments of is not shown as if it had none", () => {
  const typed = describe("trace");
  const probes = typed.run.probes.map((probe, index) => (index === 1 ? { ...probe, untyped: true } : probe));
  const untyped = { ...typed, run: { ...typed.run, probes } };
  const printed = (format: "text" | "json"): string =>
    callReport(untyped, RUN_NAMES, stack, { format, style: PLAIN }).take(EVENTS);
  assert.equal(printed("text"), print("trace", "text").replaceAll(/Warm(\(\))?/g, "Warm(?)"));
  const lines = printed("json")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    lines.map((line) => line["untyped"]),
    lines.map((line) => (line["function"] === "main.(*Store).Warm" ? true : undefined)),
  );
});
