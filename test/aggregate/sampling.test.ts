/** Estimates of runs in slices, against processes whose calls are all known. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { SliceRecord, SliceSumRecord } from "../../src/aggregate/records.js";
import { addSlice, samplingOf } from "../../src/aggregate/sampling.js";

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
