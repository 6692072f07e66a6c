/** Events of the real kernel: which calls become one, how they ended, in which order, and what is told when one is lost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventRecord } from "../../src/aggregate/index.js";
import type { Code, CodeStep } from "../../src/probes/index.js";
import { capture, coded, EVENTS, slotsOf } from "./coded.js";
import { withoutKernel } from "./measuring.js";
import { balance, countsOf, startSubject } from "./subject.js";

const options = { skip: withoutKernel };
const argument: CodeStep = { op: "register", register: "ax" };
/** The first argument, or the only result. */
const first = capture(1, [argument, { op: "keep", slot: 0 }]);

/** True when the first argument, or the only result, is related so to a number. */
const compared = (relation: "<" | "==" | ">=", value: bigint): Code => [
  { op: "set", value },
  { op: "put", variable: 0 },
  argument,
  { op: "compare", relation, variable: 0, signed: true },
];
/** True when the argument is even. */
const even: Code = [
  argument,
  { op: "and", mask: 1 },
  { op: "put", variable: 0 },
  { op: "set", value: 0n },
  { op: "compare", relation: "==", variable: 0, signed: false },
];

const told = (event: EventRecord): unknown[] => [
  event.outcome,
  event.level,
  ...slotsOf(event.entry),
  ...slotsOf(event.return),
];

test("calls that panic end innermost first, with what their entries captured", options, async () => {
  using subject = await startSubject("plain");
  const probes = { "main.Fall": { entry: first, return: first }, "main.Catch": { entry: first, return: first } };
  const { events, results } = await coded(subject, probes, ["fall 12"]);
  const fallen = Array.from({ length: 12 }, (_, depth) => ["panic", 12 - depth, BigInt(depth), undefined]);
  assert.deepEqual(events.slice(0, 12).map(told), fallen);
  assert.deepEqual(
    events.slice(12).map((event) => told(event).slice(0, 3)),
    [["return", 0, 11n]],
  );
  assert.equal(new Set(events.map(({ goid }) => goid)).size, 1);
  assert.deepEqual(results.balance, balance({ returns: 1n, panics: 12n }));
  await subject.stop();
});

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

test("calls that are open at the end", options, async () => {
  using subject = await startSubject("plain");
  const coding = { condition: { entry: compared("<", 5n) }, entry: first };
  const { events, open, results } = await coded(subject, { "main.Hold": coding }, ["hold 20"]);
  assert.deepEqual(events, []);
  assert.deepEqual(
    open.map(told).sort(),
    Array.from({ length: 5 }, (_, id) => ["open", 0, BigInt(id), undefined]),
  );
  assert.deepEqual(results.balance, balance({ open: 20n, filtered: 15n }));
  await subject.stop();
});

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
    const lasted = (relation: "<" | ">=", ns: bigint): Code => [
      { op: "set", value: ns },
      { op: "put", variable: 0 },
      { op: "special", value: "duration" },
      { op: "compare", relation, variable: 0, signed: false },
    ];
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
