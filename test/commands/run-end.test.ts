import assert from "node:assert/strict";
import { test } from "node:test";
import { waitForEnd } from "../../src/commands/run-end.js";

const never = (): boolean => false;
const IDLE = { tell: () => undefined };
const quiet = new AbortController().signal;

test("the first of the three reasons ends a run", async () => {
  const aborted = new AbortController();
  setTimeout(() => aborted.abort(), 10);
  let polls = 0;
  const ends = await Promise.all([
    waitForEnd({ durationMs: 10, interruption: quiet, targetHasEnded: never }, IDLE),
    waitForEnd({ durationMs: undefined, interruption: aborted.signal, targetHasEnded: never }, IDLE),
    waitForEnd({ durationMs: 60_000, interruption: quiet, targetHasEnded: () => ++polls === 3 }, IDLE),
    waitForEnd({ durationMs: 60_000, interruption: AbortSignal.abort(), targetHasEnded: never }, IDLE),
  ]);
  assert.deepEqual(ends, ["duration", "interrupted", "target-exited", "interrupted"]);
});

test("there is news every second, and its failure ends the run", async () => {
  let news = 0;
  await waitForEnd({ durationMs: 2500, interruption: quiet, targetHasEnded: never }, { tell: () => news++ });
  assert.equal(news, 2);
  const failing = waitForEnd(
    { durationMs: 60_000, interruption: quiet, targetHasEnded: never },
    {
      tell: () => {
        throw new Error("the map is gone");
      },
    },
  );
  await assert.rejects(failing, /the map is gone/);
});

test("who follows a run is asked several times a second, and again at once after a part", async () => {
  const answers: ("all" | "part")[] = ["part", "part", "part", "all"];
  let asked = 0;
  const follow = (): "all" | "part" => answers[asked++] ?? "all";
  await waitForEnd({ durationMs: 120, interruption: quiet, targetHasEnded: never }, { ...IDLE, follow });
  // Four without a pause between them, then one for each pause that the machine had time for.
  assert.ok(asked >= 4, `${asked} times`);
});
