/** Calls nested far deeper than a goroutine's own record holds, and more goroutines than anybody counts on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gsLimits } from "../../src/abi/index.js";
import { Measuring, planner, withoutKernel } from "./measuring.js";
import { balance, countsOf, startSubject, tell } from "./subject.js";

const options = { skip: withoutKernel };
const DEPTHS = [gsLimits.GS_INLINE_FRAMES, gsLimits.GS_INLINE_FRAMES + 1, 100, 10_000];
const GOROUTINES = 100_000;

for (const kind of ["plain", "pie"] as const) {
  test(`nested calls are exact at every depth, returning and panicking: ${kind}`, options, async () => {
    using subject = await startSubject(kind);
    const target = { kind: "pid", pid: subject.pid } as const;
    const plan = (await planner(target))({ probes: ["main.Nest", "main.Fall", "main.Catch"] });
    for (const depth of DEPTHS) {
      using measuring = await Measuring.start(plan, target);
      for (let round = 0; round < 3; round++) {
        await tell(subject, `nest ${depth}`);
        await tell(subject, `fall ${depth}`);
      }
      const results = measuring.stop();
      const calls = BigInt(3 * depth);
      assert.deepEqual(results.balance, balance({ returns: calls + 3n, panics: calls }), `${depth} calls deep`);
      assert.deepEqual(
        Object.fromEntries(results.series.map((series) => [series.function, Number(series.histogram.count)])),
        { "main.Nest": 3 * depth, "main.Catch": 3 },
      );
      // A call lasts at least as long as the ones in it.
      const nest = results.series.find((series) => series.function === "main.Nest")?.histogram;
      assert.ok(nest !== undefined && nest.min < nest.max, "outer calls are longer than inner ones");
    }
    await subject.stop();
  });
}

/** Calls that one event ends without bpf_loop: MAX_UNWOUND_UNROLLED of bpf/goroutine.bpf.h. */
const ENDED_WITHOUT_LOOP = 32;

test("without bpf_loop a deep panic is counted as far as it can be followed, the rest as lost", options, async () => {
  using subject = await startSubject("plain");
  const target = { kind: "pid", pid: subject.pid } as const;
  const plan = (await planner(target))({ probes: ["main.Nest", "main.Fall", "main.Catch"] });
  using measuring = await Measuring.start(plan, target, { loops: "never" });
  await tell(subject, "fall 20");
  assert.deepEqual(measuring.session.snapshot().balance.panics, 20n);
  await tell(subject, "fall 100");
  await tell(subject, "nest 100");
  const { balance: counts } = measuring.stop();
  // Lost with the rest of the panic: the call that catches it, whose return then matches nothing.
  const panics = BigInt(20 + ENDED_WITHOUT_LOOP);
  const lost = BigInt(100 - ENDED_WITHOUT_LOOP + 1);
  assert.deepEqual(counts, balance({ returns: 101n, panics, lost, unmatchedReturns: 1n }));
  await subject.stop();
});

test(`${GOROUTINES} goroutines with an open call each`, options, async () => {
  using subject = await startSubject("plain");
  const target = { kind: "pid", pid: subject.pid } as const;
  const plan = (await planner(target))({ probes: ["main.Hold"], by: ["lin(id, 0, 100000, 1000)"] });
  using measuring = await Measuring.start(plan, target);
  await tell(subject, `hold ${GOROUTINES}`);
  const whileHeld = measuring.session.snapshot().balance;
  assert.deepEqual([whileHeld.open, whileHeld.returns], [BigInt(GOROUTINES), 0n]);
  await tell(subject, "free");
  const results = measuring.stop();
  assert.deepEqual(results.balance, balance({ returns: BigInt(GOROUTINES) }));
  const expected = Array.from({ length: 100 }, (_, index): [string, number] => [
    JSON.stringify([{ low: index * 1000, high: (index + 1) * 1000 }]),
    1000,
  ]);
  assert.deepEqual(countsOf(results), Object.fromEntries(expected.sort()));
  await subject.stop();
});
