/** Returns of Go functions done by the programs, on a kernel where they may: right ones, seen by every run, at a lower price. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { measureReturns } from "../bench/returns.js";
import { fixturePath } from "../fixture.js";
import { runInGuest, withoutGuests } from "./guest.js";
import type { Counted, ReturnsReport, TortureReport } from "./reports.js";

/** Functions that torture calls, and how often for each of what it counts. */
const TORTURED: readonly (readonly [name: string, per: keyof TortureReport, times: number])[] = [
  ["main.growOnNewStack", "grown", 1],
  ["main.Catch", "panics", 0.5],
  ["main.checkGoexit", "goexits", 1],
  ["main.Shuffle", "values", 1],
  ["main.Tiny", "values", 100],
];

/** Entries that ended as something, or are open. */
const accountedFor = ({ balance }: Counted): number =>
  ["returns", "panics", "goexits", "open", "lost"].reduce((sum, name) => sum + (balance[name] ?? 0), 0);

test("returns done by the programs are right", { skip: withoutGuests }, async () => {
  const { torture, together, resting, unaware } = await runInGuest<ReturnsReport>({
    suite: "trixie-backports",
    program: "returns",
    files: [fixturePath("torture", "1.27", "pie"), fixturePath("truth", "1.27", "plain")],
  });

  const { before, attached, last, after } = torture.reports;
  assert.equal(torture.returns, "programs");
  assert.equal(after.errors, 0);
  assert.equal(accountedFor(torture), torture.balance["entries"]);
  for (const [name, per, times] of TORTURED) {
    // What a worker had under way when it was asked is counted later.
    const least = (last[per] - attached[per] - torture.workers) * times;
    const most = (after[per] - before[per] + torture.workers) * times;
    const calls = torture.calls[name] ?? 0;
    assert.ok(least > 0 && least <= calls && calls <= most, `${name}: ${calls} calls, not ${least} to ${most}`);
  }

  for (const { first, second, calls } of [together, resting, unaware]) {
    assert.equal(first.returns, "programs");
    assert.equal(second.returns, "kernel");
    assert.deepEqual(second.calls, calls);
    assert.equal(accountedFor(second), second.balance["entries"]);
  }
  assert.deepEqual(together.first, { ...together.second, returns: "programs" });
});

test("what that is worth can be measured; how much is the bench's to say", { skip: withoutGuests }, async () => {
  const rows = await measureReturns({ callsPerRound: 200, rounds: 1 });
  const measured = rows.filter(({ ratio }) => Number.isFinite(ratio));
  assert.deepEqual(
    measured.map(({ group }) => group),
    [
      "a call of a function with a frame (main.Frame), on the newest kernel, emulated",
      "a call of a leaf (main.Leaf), on the newest kernel, emulated",
    ],
  );
});
