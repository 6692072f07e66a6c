/** Estimates of runs in slices, against processes whose calls are all known. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { SliceRecord, SliceSumRecord } from "../../src/aggregate/records.js";
import { addSlice, samplingOf } from "../../src/aggregate/sampling.js";
import { Governor } from "../../src/session/governor.js";
import { Random } from "../fuzz/random.js";

const MS = 1_000_000n;

/** Evenly spread calls at a pace that may change, cut into slices of `onMs` every `everyMs`. */
function slicesOf(callsPerMs: (ms: number) => number, onMs: number, everyMs: number, runMs: number) {
  let total = 0;
  const slices: SliceRecord[] = [];
  for (let ms = 0; ms < runMs; ms++) total += callsPerMs(ms);
  for (let begin = 0; begin < runMs; begin += everyMs) {
    const count = (from: number, to: number): bigint => {
      let calls = 0;
      for (let ms = from; ms < to; ms++) calls += callsPerMs(ms);
      return BigInt(Math.round(calls));
    };
    const end = Math.min(runMs, begin + onMs);
    const activity = { ns: BigInt(end - begin) * MS, calls: count(begin, end), hits: 2n * count(begin, end) };
    slices.push({
      beginNs: BigInt(begin) * MS,
      endNs: BigInt(end) * MS,
      calls: activity.calls,
      first: activity,
      last: activity,
    });
  }
  return { slices, total: BigInt(Math.round(total)), durationNs: BigInt(runMs) * MS };
}

test("a run whose probes never rested was not sampled", () => {
  assert.equal(samplingOf([], 5n, 1000), undefined);
});

test("the true number lies within the estimate: a steady pace, one that rises, one that comes and goes", () => {
  const paces = {
    steady: () => 10,
    rising: (ms: number) => ms / 100,
    idleThenBusy: (ms: number) => (ms < 5000 ? 0 : 40),
    waves: (ms: number) => 20 + 20 * Math.sin(ms / 700),
  };
  for (const [name, pace] of Object.entries(paces)) {
    const { slices, total, durationNs } = slicesOf(pace, 20, 400, 10_000);
    const sampling = samplingOf(slices, durationNs, 100);
    assert.ok(sampling !== undefined);
    assert.equal(sampling.slices, 25);
    assert.ok(Math.abs(sampling.share - 0.05) < 1e-9);
    const { low, high } = sampling.calls;
    assert.ok(high !== undefined, name);
    assert.ok(low <= total && total <= high, `${name}: ${total} is not in ${low}…${high}`);
    // An estimate so wide that it says nothing would be right too.
    assert.ok(high < 2n * low, `${name}: ${low}…${high}`);
  }
});

test("a target that its probes slow down has no upper bound", () => {
  const { slices, durationNs } = slicesOf(() => 40, 20, 400, 4000);
  assert.equal(samplingOf(slices, durationNs, 12_000)?.calls.high, undefined);
  assert.notEqual(samplingOf(slices, durationNs, 1000)?.calls.high, undefined);
});

test("slices of which only the sum is kept say what they said each", () => {
  const { slices, durationNs } = slicesOf((ms) => 20 + 20 * Math.sin(ms / 700), 20, 400, 10_000);
  for (const price of [100, 12_000, undefined]) {
    const whole = samplingOf(slices, durationNs, price);
    let earlier: SliceSumRecord | undefined;
    for (const [index, slice] of slices.entries()) {
      assert.deepEqual(samplingOf(slices.slice(index), durationNs, price, earlier), whole, `${index} of them`);
      const next = slices[index + 1];
      if (next !== undefined) earlier = addSlice(earlier, slice, next, price);
    }
  }
});

test("of a price that is not known nothing is concluded", () => {
  const { slices, durationNs } = slicesOf(() => 40, 20, 400, 4000);
  assert.equal(samplingOf(slices, durationNs, undefined)?.calls.high, undefined);
});

/** A number of a Poisson distribution; by the normal one where that is as good. */
function poisson(random: Random, mean: number): number {
  if (mean > 50) {
    const normal = Math.sqrt(-2 * Math.log(random.fraction())) * Math.cos(2 * Math.PI * random.fraction());
    return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal));
  }
  let [count, product] = [0, random.fraction()];
  for (const least = Math.exp(-mean); product > least; product *= random.fraction()) count++;
  return count;
}

const RUN_MS = 20_000;
/** How a session looks at its target and takes its probes off. */
const WATCH_MS = 4;
const COMES_OFF_MS = 10;
const EDGE_MS = 16;
const PRICE_NS = 1500;

/** What the governor makes of a run with so many calls in each of its milliseconds. */
function governed(calls: readonly number[], random: Random): SliceRecord[] {
  const governor = new Governor(0.03, { nowNs: 0, hits: 0, targetCpuNs: undefined }, () => random.fraction());
  const slices: SliceRecord[] = [];
  const activity = (from: number, to: number): SliceRecord["first"] => {
    const seen = BigInt(calls.slice(from, to).reduce((sum, count) => sum + count, 0));
    return { ns: BigInt(to - from) * MS, calls: seen, hits: 2n * seen };
  };
  let hits = 0;
  let begin: number | undefined = 0;
  let end: number | undefined;
  const keep = (from: number, to: number): void => {
    slices.push({
      beginNs: BigInt(from) * MS,
      endNs: BigInt(to) * MS,
      calls: activity(from, to).calls,
      first: activity(from, Math.min(to, from + EDGE_MS)),
      last: activity(Math.max(from, (end ?? to) - EDGE_MS), end ?? to),
    });
  };
  for (let ms = 0; ms < RUN_MS; ms++) {
    if (begin !== undefined) hits += 2 * (calls[ms] ?? 0);
    const now = ms + 1;
    if (begin !== undefined && end !== undefined && now >= end + COMES_OFF_MS) {
      keep(begin, now);
      begin = end = undefined;
    }
    if (now % WATCH_MS > 0) continue;
    governor.account({ nowNs: now * 1e6, hits, targetCpuNs: undefined }, PRICE_NS);
    if (begin !== undefined && end === undefined && governor.mustRest) end = now;
    if (begin === undefined && governor.mayWork) begin = now;
  }
  if (begin !== undefined && slices.length > 0) keep(begin, RUN_MS);
  return slices;
}

/** Calls in each millisecond of a run, by chance. */
const LOADS: Readonly<Record<string, (random: Random) => (ms: number) => number>> = {
  steady: () => () => 40,
  "just too many": () => () => 12,
  rising: () => (ms) => ms / 200,
  "busy or not for 50 ms": (random) => {
    const states = Array.from({ length: RUN_MS / 50 }, () => (random.fraction() < 0.2 ? 100 : 2));
    return (ms) => states[Math.floor(ms / 50)] ?? 0;
  },
  "busy or not for 2 s": (random) => {
    const states = Array.from({ length: RUN_MS / 2000 }, () => (random.fraction() < 0.5 ? 200 : 1));
    return (ms) => states[Math.floor(ms / 2000)] ?? 0;
  },
  // Over before the probes are off, which rest because of it.
  "a short burst each second": () => (ms) => (ms % 1000 < 30 ? 500 : 1),
};

for (const [name, load] of Object.entries(LOADS)) {
  test(`the true number lies within the estimate of a governed run: ${name}`, () => {
    const outside: string[] = [];
    let isSampled = 0;
    for (let seed = 1; seed <= 100; seed++) {
      const random = new Random(seed);
      const pace = load(random);
      const calls = Array.from({ length: RUN_MS }, (_, ms) => poisson(random, pace(ms)));
      const sampling = samplingOf(governed(calls, random), BigInt(RUN_MS) * MS, PRICE_NS);
      if (sampling === undefined) continue;
      isSampled++;
      const total = BigInt(calls.reduce((sum, count) => sum + count, 0));
      const { low, high } = sampling.calls;
      if (total < low || (high !== undefined && total > high))
        outside.push(`${seed}: ${total} is not in ${low}…${high}`);
    }
    assert.ok(isSampled > 90, `${isSampled} runs were sampled`);
    // Two standard errors leave out one in twenty.
    assert.ok(outside.length <= isSampled / 20, outside.join("\n"));
  });
}
