/** What a full map does: every call is still counted, as one of "other" or as lost, and the books still balance. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gsLimits } from "../../src/abi/index.js";
import type { Aggregate } from "../../src/aggregate/index.js";
import type { SessionOptions } from "../../src/session/index.js";
import { Measuring, planner, type Request, withoutKernel } from "./measuring.js";
import { balance, countsOf, startSubject, tell } from "./subject.js";

const options = { skip: withoutKernel };

/** What is measured while a fresh subject does what it is told, a line after the other. */
async function measured(
  request: Request,
  words: readonly string[],
  session: Partial<SessionOptions>,
): Promise<Aggregate> {
  using subject = await startSubject("plain");
  const target = { kind: "pid", pid: subject.pid } as const;
  using measuring = await Measuring.start((await planner(target))(request), target, session);
  for (const line of words) await tell(subject, line);
  const results = measuring.stop();
  await subject.stop();
  return results;
}

const total = ({ series }: Aggregate): bigint => series.reduce((sum, { histogram }) => sum + histogram.count, 0n);

test("values beyond the capacity share one series, at entry", options, async () => {
  const results = await measured({ probes: ["main.Step"], by: ["n"] }, ["step 10000 100"], { seriesCapacity: 10 });
  assert.deepEqual(results.balance, balance({ returns: 10_000n }));
  const kept = Array.from({ length: 10 }, (_, n): [string, number] => [`[${n}]`, 100]);
  assert.deepEqual(countsOf(results), { ...Object.fromEntries(kept), other: 9000 });
  assert.equal(results.loss.otherSeries, 9000n);
});

test("values beyond the capacity share one series, at return", options, async () => {
  // Step returns n & 7 + 1: eight values.
  const results = await measured({ probes: ["main.Step"], by: ["ret"] }, ["step 8000 16"], { seriesCapacity: 3 });
  assert.deepEqual(results.balance, balance({ returns: 8000n }));
  assert.deepEqual(countsOf(results), { "[1]": 1000, "[2]": 1000, "[3]": 1000, other: 5000 });
});

test("an argument and a result together: what has no room is counted as other", options, async () => {
  const by = ["n", "ret"];
  const results = await measured({ probes: ["main.Step"], by }, ["step 8000 16"], { seriesCapacity: 5 });
  assert.deepEqual(results.balance, balance({ returns: 8000n }));
  const { other = 0, ...kept } = countsOf(results);
  assert.ok(other > 0 && Object.keys(kept).length > 0);
  for (const [key, count] of Object.entries(kept)) {
    const [n = 0, ret] = JSON.parse(key) as number[];
    assert.deepEqual([ret, count], [(n & 7) + 1, 500], key);
  }
  assert.equal(total(results), 8000n);
});

test("capacities of one and of exactly enough", options, async () => {
  const one = await measured({ probes: ["main.Step"], by: ["n"] }, ["step 100 10"], { seriesCapacity: 1 });
  assert.deepEqual(countsOf(one), { "[0]": 10, other: 90 });
  const enough = await measured({ probes: ["main.Step"], by: ["n"] }, ["step 100 10"], { seriesCapacity: 10 });
  assert.equal(enough.loss.otherSeries, 0n);
  assert.equal(Object.keys(countsOf(enough)).length, 10);
});

test("calls deeper than there are frames are lost, and say so", options, async () => {
  const inline = gsLimits.GS_INLINE_FRAMES;
  const room = { capacities: { frames: 100 } };
  const nested = await measured({ probes: ["main.Nest"] }, ["nest 1000", "nest 50"], room);
  const { unmatchedReturns, ...books } = nested.balance;
  assert.deepEqual(
    books,
    {
      entries: 1050n,
      returns: BigInt(inline + 100 + 50),
      panics: 0n,
      goexits: 0n,
      open: 0n,
      lost: BigInt(1000 - inline - 100),
      counted: 0n,
      filtered: 0n,
      undecided: 0n,
      discrepancy: 0n,
    },
    "what was kept is exact, and there is room again afterwards",
  );
  assert.equal(unmatchedReturns, books.lost, "a lost call's return has nothing to belong to");
  assert.equal(total(nested), books.returns);

  const fallen = await measured({ probes: ["main.Fall", "main.Catch"] }, ["fall 1000", "fall 50"], room);
  assert.deepEqual(fallen.balance, { ...balance({ panics: 157n, returns: 2n, lost: 893n }) });
});

test("goroutines without room are lost, and say so", options, async () => {
  const results = await measured({ probes: ["main.Hold"], by: ["id"] }, ["hold 1000", "free"], {
    capacities: { goroutines: 64 },
  });
  const { entries, returns, lost, open, discrepancy } = results.balance;
  assert.deepEqual([entries, open, discrepancy], [1000n, 0n, 0n]);
  // A hash map may take a few elements more than asked for, or fewer, while both CPUs insert.
  assert.ok(returns >= 32n && returns <= 96n, `${returns} of 64`);
  assert.equal(lost, 1000n - returns);
  assert.equal(total(results), returns);
});

test("histogram rows without room: counts and sums are complete, buckets dropped are counted", options, async () => {
  const results = await measured({ probes: ["main.Step"], by: ["n"] }, ["step 10000 100"], {
    capacities: { rows: 20 },
  });
  assert.deepEqual(results.balance, balance({ returns: 10_000n }));
  assert.deepEqual(
    countsOf(results),
    Object.fromEntries(Array.from({ length: 100 }, (_, n): [string, number] => [`[${n}]`, 100]).sort()),
  );
  const inBuckets = results.series
    .flatMap(({ histogram }) => histogram.buckets)
    .reduce((sum, { count }) => sum + count, 0n);
  assert.ok(results.loss.buckets > 0n);
  assert.equal(inBuckets + results.loss.buckets, 10_000n);
});

test("samples and stacks without room are counted", options, async () => {
  const keep = { histogram: false, stacks: true } as const;
  const samples = await measured({ probes: ["main.Step"], by: ["n"] }, ["step 1000 100"], {
    keep,
    capacities: { samples: 10 },
  });
  assert.equal(total(samples), 1000n);
  assert.equal(samples.samples.reduce((sum, { count }) => sum + count, 0n) + samples.loss.samples, 1000n);
  // Ten are each CPU's own, and ten may be shared where memory was late.
  assert.ok(samples.loss.samples >= 800n);
  const stacks = await measured({ probes: ["main.Nest"] }, ["nest 100"], { keep, capacities: { stacks: 10 } });
  assert.deepEqual(stacks.balance, balance({ returns: 100n }));
  assert.equal(stacks.loss.stacks, 90n);
  assert.equal(
    stacks.samples.reduce((sum, { count }) => sum + count, 0n),
    100n,
    "a call without its stack is still a sample",
  );
});

test("a stack longer than can be kept is marked, and keeps its innermost frames", options, async () => {
  const keep = { histogram: false, stacks: true } as const;
  const { samples } = await measured({ probes: ["main.Nest"] }, ["nest 200"], { keep });
  const most = gsLimits.GS_STACK_FRAMES;
  const whole = samples.filter(({ truncated }) => !truncated);
  // The outermost call stands on the goroutine's functions and runtime.goexit, each one further in on one frame more.
  const lengths = whole.map(({ frames }) => frames.length).sort((a, b) => a - b);
  const shortest = lengths[0] ?? 0;
  assert.ok(shortest >= 3 && shortest <= 5, `${shortest} frames`);
  assert.deepEqual(
    lengths,
    Array.from({ length: most - shortest + 1 }, (_, n) => n + shortest),
  );
  // Cut off, most others look alike.
  const marked = samples.filter(({ truncated }) => truncated);
  for (const { frames } of marked) assert.equal(frames.length, most);
  const calls = samples.reduce((sum, { count }) => sum + count, 0n);
  assert.equal(calls, 200n);
  assert.ok(marked.length > 0 && marked.length < 10, `${marked.length} different cut stacks`);
});

test("four strings make a key; a fifth expression is refused", options, async () => {
  const words = { probes: ["main.Words"], by: ["a", "b", "c", "d"] };
  const results = await measured(words, ["words 160"], {});
  assert.deepEqual(results.balance, balance({ returns: 160n }));
  const expected: [string, number][] = [];
  for (let i = 0; i < 16; i++) {
    const word = (bit: number): string => `word${(i >> bit) & 1}`;
    // Twenty words of five bytes, cut to what is kept of a string.
    const long = `${word(3).repeat(20).slice(0, gsLimits.GS_STRING_BYTES)}…`;
    expected.push([JSON.stringify([word(0), word(1), word(2), long]), 10]);
  }
  assert.deepEqual(countsOf(results), Object.fromEntries(expected.sort()));
  using subject = await startSubject("plain");
  const plan = await planner({ kind: "pid", pid: subject.pid });
  assert.throws(() => plan({ ...words, by: [...words.by, "len(a)"] }), {
    message: "at most 4 --by expressions are possible",
  });
});
