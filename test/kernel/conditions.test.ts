/** Conditions on the real kernel: which calls they select, at the entry, at the return, and where there is none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Code } from "../../src/probes/index.js";
import { type Coding, coded, compared, EVENTS, even, FOREVER, first, lasted, told } from "./coded.js";
import { withoutKernel } from "./measuring.js";
import { balance, countsOf, startSubject } from "./subject.js";

const options = { skip: withoutKernel };

test(
  "a condition selects what is counted, at the entry, at the return, by decisions and by duration",
  options,
  async () => {
    using subject = await startSubject("plain");
    const keep = { keep: { ...EVENTS, histogram: true, events: false } };
    const counted = async (condition: object): Promise<[Record<string, number>, bigint, bigint]> => {
      const { results } = await coded(subject, { "main.Step": { condition } }, ["step 1000 10"], keep);
      const { filtered, undecided, returns } = results.balance;
      assert.equal(returns, 1000n);
      return [countsOf(results), filtered, undecided];
    };
    assert.deepEqual(await counted({ entry: compared("<", 3n) }), [{ "[]": 300 }, 700n, 0n]);
    // The results are 1..8, of 0 and 8, 1 and 9, and so on.
    assert.deepEqual(await counted({ return: compared("==", 1n) }), [{ "[]": 200 }, 800n, 0n]);
    assert.deepEqual(
      await counted({
        decisions: [even, compared(">=", 8n)],
        return: [
          { op: "decided", decision: 1 },
          { op: "jump-unless", by: 1 },
          { op: "decided", decision: 0 },
        ],
      }),
      [{ "[]": 100 }, 900n, 0n],
    );
    assert.deepEqual(await counted({ return: lasted("<", 1n << 40n) }), [{ "[]": 1000 }, 0n, 0n]);
    assert.deepEqual(await counted({ return: lasted(">=", 1n << 40n) }), [{}, 1000n, 0n]);
    assert.deepEqual(
      await counted({
        entry: [
          { op: "set", value: 0n },
          { op: "load", offset: 0, size: 8, signed: false },
        ],
      }),
      [{}, 0n, 1000n],
    );
    await subject.stop();
  },
);

test("recursion with calls that the condition leaves out between those that it selects", options, async () => {
  using subject = await startSubject("pie");
  const coding = { condition: { entry: even }, entry: first, return: first };
  const { events, results } = await coded(subject, { "main.Nest": coding }, ["nest 30"]);
  const selected = Array.from({ length: 15 }, (_, index) => [
    "return",
    14 - index,
    BigInt(2 * index),
    BigInt(2 * index),
  ]);
  assert.deepEqual(events.map(told), selected);
  assert.deepEqual(results.balance, balance({ returns: 30n, filtered: 15n }));
  await subject.stop();
});

test("calls that do not return are judged by what is known of them", options, async () => {
  using subject = await startSubject("plain");
  const judged = async (condition: Coding["condition"]): Promise<unknown[]> => {
    const codings = { "main.Fall": { condition: condition ?? {}, entry: first } };
    const { events, results } = await coded(subject, codings, ["fall 10"]);
    const { panics, filtered, undecided } = results.balance;
    assert.equal(panics, 10n);
    // What an unwinding ends is counted by probe only if it is of interest.
    assert.equal(results.endings[0]?.panics ?? 0n, BigInt(events.length));
    return [events.length, filtered, undecided];
  };
  assert.deepEqual(await judged({ return: lasted("<", FOREVER) }), [10, 0n, 0n]);
  assert.deepEqual(await judged({ return: lasted(">=", FOREVER) }), [0, 10n, 0n]);
  assert.deepEqual(await judged({ return: compared(">=", 0n) }), [0, 0n, 10n], "a call that panicked has no result");
  const decided: Code = [{ op: "decided", decision: 0 }];
  assert.deepEqual(await judged({ decisions: [even], return: decided }), [5, 5n, 0n]);
  const unknown: Code = [{ op: "fail", as: "fault" }];
  assert.deepEqual(await judged({ decisions: [unknown], return: decided }), [0, 0n, 10n]);
  assert.deepEqual(
    await judged({ decisions: [unknown], return: [{ op: "try", by: 1 }, ...decided, { op: "set", value: 1n }] }),
    [10, 0n, 0n],
    "what could not be told need not matter",
  );
  await subject.stop();
});
