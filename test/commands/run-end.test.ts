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

test("there is news every second, and its failure ends the run", async (t) => {
  let news = 0;
  // Time passes as the test says: on a busy machine the turns of the loop may be far apart.
  let now = 0;
  const clock = t.mock.method(performance, "now", () => now);
  const passing = (): boolean => {
    now += 50;
    return false;
  };
  await waitForEnd({ durationMs: 2500, interruption: quiet, targetHasEnded: passing }, { tell: () => news++ });
  clock.mock.restore();
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
  const enough = new AbortController();
  let asked = 0;
  let pauses = 0;
  let pause: NodeJS.Timeout | undefined;
  const follow = (): "all" | "part" => {
    // Shorter than the pause between two questions. Timers that are late run in their order all the same.
    clearTimeout(pause);
    pause = setTimeout(() => pauses++, 49);
    asked++;
    if (asked === 4) assert.equal(pauses, 0, "nobody pauses after a part");
    if (asked === 6) enough.abort();
    return asked < 4 ? "part" : "all";
  };
  await waitForEnd({ durationMs: undefined, interruption: enough.signal, targetHasEnded: never }, { ...IDLE, follow });
  clearTimeout(pause);
  assert.deepEqual([asked, pauses], [6, 2]);
});
