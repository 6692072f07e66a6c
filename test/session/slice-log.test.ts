/** A governor's log over an hour: as much is kept as after a minute, and nothing that is said of the run changes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { SliceRecord } from "../../src/aggregate/index.js";
import { samplingOf } from "../../src/aggregate/sampling.js";
import { KEPT_SLICES, SliceLog } from "../../src/session/slice-log.js";

const MS = 1_000_000n;
const HOUR = 3_600_000n * MS;
const PRICE = 1500;

/** Five a second, of 20 ms each, of a target that is busier from minute to minute. */
function* slicesOfAnHour(): Iterable<SliceRecord> {
  for (let beginNs = 0n; beginNs < HOUR; beginNs += 200n * MS) {
    const calls = 100n + beginNs / (60_000n * MS);
    const activity = { ns: 20n * MS, calls, hits: 2n * calls };
    yield { beginNs, endNs: beginNs + 20n * MS, calls, first: activity, last: activity };
  }
}

test("an hour of slices takes no more room than the last of them, and says the same", () => {
  const log = new SliceLog();
  const all: SliceRecord[] = [];
  for (const slice of slicesOfAnHour()) {
    log.add(slice, PRICE);
    all.push(slice);
    assert.equal(log.last, slice);
    assert.equal(log.slices.length, Math.min(all.length, KEPT_SLICES));
    assert.equal(log.earlier?.slices ?? 0, all.length - log.slices.length);
  }
  assert.equal(all.length, 18_000);
  assert.deepEqual(log.slices, all.slice(-KEPT_SLICES));
  assert.deepEqual(samplingOf(log.slices, HOUR, PRICE, log.earlier), samplingOf(all, HOUR, PRICE));
});

test("where the price was not known, there is no upper bound", () => {
  const log = new SliceLog();
  const all = [...slicesOfAnHour()];
  for (const [index, slice] of all.entries()) log.add(slice, index === 2 * KEPT_SLICES ? undefined : PRICE);
  const known = samplingOf(all, HOUR, PRICE);
  assert.ok(known?.calls.high !== undefined);
  const { low } = known.calls;
  assert.deepEqual(samplingOf(log.slices, HOUR, PRICE, log.earlier), { ...known, calls: { low, high: undefined } });
});
