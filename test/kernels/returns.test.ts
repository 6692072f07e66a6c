/** On a kernel where programs may do the returns of Go functions, they do, and everything is as right as without. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { measureReturns } from "../bench/returns.js";
import { fixturePath } from "../fixture.js";
import { runInGuest, withoutGuests } from "./guest.js";
import type { ReturnsReport } from "./reports.js";

test("returns done by the programs are right: the newest kernel", { skip: withoutGuests }, async () => {
  const { torture, truth } = await runInGuest<ReturnsReport>({
    suite: "trixie-backports",
    program: "returns",
    files: [fixturePath("torture", "1.27", "pie"), fixturePath("truth", "1.27", "plain")],
  });

  const { before, attached, last, after } = torture.reports;
  assert.equal(torture.returns, "programs");
  assert.equal(after.errors, 0);
  assert.equal(torture.balance["discrepancy"], 0);
  assert.equal(torture.balance["lost"], 0);
  // Each of these adds one to a count that the program keeps; the run began and ended between two reports.
  for (const [name, count] of [
    ["main.growOnNewStack", "grown"],
    ["main.checkGoexit", "goexits"],
  ] as const) {
    const calls = torture.calls[name] ?? 0;
    assert.ok(calls >= last[count] - attached[count] && calls <= after[count] - before[count], `${calls} of ${name}`);
  }

  assert.deepEqual(
    truth.measured.map(({ returns }) => returns),
    ["programs", "kernel"],
  );
  for (const { balance, calls } of truth.measured) {
    assert.equal(balance["discrepancy"], 0);
    assert.equal(balance["lost"], 0);
    assert.deepEqual(calls, truth.calls);
  }
});

test("what that is worth can be measured; how much is the bench's to say", { skip: withoutGuests }, async () => {
  const [row] = await measureReturns({ callsPerRound: 500, rounds: 1 });
  assert.ok(row !== undefined && row.cost > 0 && row.referenceCost > 0);
});
