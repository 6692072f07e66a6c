/** What hits usually take, from rounds of which some were disturbed, in a run of any length. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { GapRounds, KEPT_ROUNDS } from "../../src/session/gap-rounds.js";

/** Two days, with a round every 250 ms. */
const LONG_RUN = 2 * 24 * 3600 * 4;

function measuredBefore(): GapRounds {
  const rounds = new GapRounds();
  for (let round = 0; round < 150; round++) rounds.add("before", { inside: 400, between: 600 });
  return rounds;
}

test("two days of rounds take no more room than minutes, and are seen from end to end", () => {
  for (const slow of ["at the beginning", "in the end"] as const) {
    const rounds = measuredBefore();
    for (let round = 0; round < LONG_RUN; round++) {
      const isSlow = slow === "in the end" ? round >= 0.75 * LONG_RUN : round < 0.25 * LONG_RUN;
      rounds.add("during", { inside: 400, between: isSlow ? 700 : 600 });
      assert.ok(rounds.kept <= 150 + KEPT_ROUNDS);
    }
    for (let round = 0; round < 150; round++) rounds.add("after", { inside: 400, between: 600 });
    assert.ok(rounds.kept > 300 + KEPT_ROUNDS / 2 - 1);
    assert.deepEqual(rounds.usual(), { inside: 400, between: 600 });
    const spread = rounds.spread();
    assert.ok(spread !== undefined);
    assert.equal(spread.toFixed(6), "0.100000", slow);
  }
});

test("interrupted rounds and a few unusual ones count for nothing", () => {
  const rounds = measuredBefore();
  for (let round = 0; round < 100; round++) rounds.add("during", { inside: 400, between: 560 });
  for (let round = 0; round < 100; round++) rounds.add("after", { inside: 9_000, between: 600 });
  for (let round = 0; round < 4; round++) rounds.add("after", { inside: 400, between: 900 });
  assert.equal(rounds.spread()?.toFixed(6), "0.040000");
});

test("without rounds after those that prices were made of, nothing tells how far they vary", () => {
  const rounds = measuredBefore();
  assert.equal(rounds.spread(), undefined);
  rounds.add("after", { inside: 400, between: 600 });
  assert.equal(rounds.spread(), 0);
});
