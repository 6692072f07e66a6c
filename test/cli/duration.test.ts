import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../../src/base/index.js";
import { parseDuration } from "../../src/cli/index.js";

test("durations are numbers with units, added up", () => {
  const cases = ["500ms", "30s", "2m", "1h", "1.5s", "1m30s", "1ms", "576h"];
  assert.deepEqual(cases.map(parseDuration), [500, 30_000, 120_000, 3_600_000, 1500, 90_000, 1, 2_073_600_000]);
});

test("anything else is refused with a hint", () => {
  const refusal = (text: string): string => {
    try {
      return String(parseDuration(text));
    } catch (error) {
      assert.ok(error instanceof UsageError && error.hint === "write a number and a unit: 500ms, 30s, 2m, 1h");
      return error.message;
    }
  };
  const cases = ["", "10", "s", "-1s", "1 s", "1e3s", "5 minutes", "0s", "0.1ms", "10000h"];
  assert.deepEqual(cases.map(refusal), [
    "malformed duration ''",
    "malformed duration '10'",
    "malformed duration 's'",
    "malformed duration '-1s'",
    "malformed duration '1 s'",
    "malformed duration '1e3s'",
    "malformed duration '5 minutes'",
    "duration '0s' is no time at all",
    "duration '0.1ms' is no time at all",
    "duration '10000h' is longer than 24 days",
  ]);
});
