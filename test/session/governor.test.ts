/** The governor on targets that are made up: what they pay, second by second, against what was agreed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Governor } from "../../src/session/governor.js";
import { Random } from "../fuzz/random.js";

const MS = 1e6;
const SECOND = 1e9;

interface Target {
  /** Hits that want to happen per second, at a time in seconds. */
  readonly pace: (seconds: number) => number;
  /** CPUs that it keeps busy when it is called all the time. */
  readonly cpus: number;
  readonly nsPerHit: number;
}

interface Circumstances {
  readonly share: number;
  /** What a hit takes of the target, times what the governor is told. */
  readonly dearer?: number;
  /** Between two looks, and from the decision until the probes are off. */
  readonly pollMs: number;
  readonly detachMs: number;
}

/** What the target pays in each millisecond of ten seconds: probes take no more than all of its time. */
function simulate({ pace, cpus, nsPerHit }: Target, { share, pollMs, detachMs, dearer = 1 }: Circumstances) {
  const paid: number[] = [];
  let [hits, cpu, offAt, on] = [0, 0, Number.POSITIVE_INFINITY, true];
  const reading = (ms: number) => ({ nowNs: ms * MS, hits, targetCpuNs: cpu });
  const random = new Random(1);
  const governor = new Governor(share, reading(0), () => random.fraction());
  let rests = 0;
  for (let ms = 0; ms < 10_000; ms++) {
    if (ms >= offAt) {
      on = false;
      offAt = Number.POSITIVE_INFINITY;
    }
    const wanted = (pace(ms / 1000) / 1000) * nsPerHit;
    const taken = on ? Math.min(wanted, cpus * MS) : 0;
    paid.push(taken);
    hits += taken / nsPerHit;
    cpu += wanted > 0 ? cpus * MS : 0;
    if ((ms + 1) % pollMs !== 0) continue;
    governor.account(reading(ms + 1), nsPerHit / dearer);
    if (on && governor.mustRest && offAt === Number.POSITIVE_INFINITY) {
      offAt = ms + 1 + detachMs;
      rests++;
    }
    if (!on && governor.mayWork) on = true;
  }
  return { paid, rests };
}

/** The most that any thousand milliseconds in a row cost. */
function worstSecond(paid: readonly number[]): number {
  let sum = 0;
  let worst = 0;
  paid.forEach((ns, ms) => {
    sum += ns - (paid[ms - 1000] ?? 0);
    worst = Math.max(worst, sum);
  });
  return worst;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const usual: Circumstances = { share: 0.03, pollMs: 8, detachMs: 5 };

for (const [name, nsPerHit] of [
  ["on a machine with cheap traps", 900],
  ["on a machine with dear traps", 20_000],
] as const) {
  for (const cpus of [1, 2, 8]) {
    test(`a burst to 2 million calls a second stays within twice the limit, ${name}, ${cpus} CPUs`, () => {
      const burst: Target = { pace: (seconds) => (seconds < 3 ? 0 : 4e6), cpus, nsPerHit };
      const { paid, rests } = simulate(burst, usual);
      const limit = usual.share * cpus * SECOND;
      assert.ok(worstSecond(paid) <= 2 * limit, `${worstSecond(paid) / limit} times the limit`);
      assert.ok(sum(paid) <= 1.25 * limit * 7, `${sum(paid) / limit} seconds' worth in seven`);
      // It does look, every now and then.
      assert.ok(rests > 5, `${rests} rests`);
      assert.ok(sum(paid.slice(8000)) > 0);
    });
  }
}

test("where probes are slow to come off, no second has two such times that would be too much for it", () => {
  const burst: Target = { pace: (seconds) => (seconds < 3 ? 0 : 4e6), cpus: 1, nsPerHit: 900 };
  const { paid, rests } = simulate(burst, { ...usual, detachMs: 30 });
  const limit = usual.share * SECOND;
  assert.ok(worstSecond(paid) <= 2 * limit, `${worstSecond(paid) / limit} times the limit`);
  assert.ok(rests > 3, `${rests} rests`);
});

test("where hits take a fifth more than they were reckoned to, no second costs more than twice the limit", () => {
  for (const detachMs of [5, 10, 15, 20, 25, 30]) {
    const burst: Target = { pace: (seconds) => (seconds < 3 ? 0 : 4e6), cpus: 1, nsPerHit: 900 };
    const { paid } = simulate(burst, { ...usual, detachMs, dearer: 1.2 });
    const limit = usual.share * SECOND;
    assert.ok(worstSecond(paid) <= 2 * limit, `${detachMs} ms: ${worstSecond(paid) / limit} times the limit`);
  }
});

/** When a governor lets probes go on after a burst, ms, that it holds back although its account is full again. */
function heldBackUntil(chance: number): number {
  const governor = new Governor(0.03, { nowNs: 0, hits: 0, targetCpuNs: undefined }, () => chance);
  const look = (ms: number, hits: number): void =>
    governor.account({ nowNs: ms * MS, hits, targetCpuNs: undefined }, 1000);
  look(4, 26_000);
  for (let ms = 8; ms < 4000; ms += 4) {
    look(ms, 26_000);
    if (governor.mayWork) return ms;
  }
  return Number.POSITIVE_INFINITY;
}

test("who was held back by the second's bound waits up to a second longer, by chance", () => {
  const [soonest, latest] = [0, 0.999].map(heldBackUntil);
  assert.ok(soonest === 1004 && latest !== undefined && latest > 1950 && latest < 2010, `${soonest} ${latest}`);
});

test("a target within the limit is never left alone", () => {
  const steady: Target = { pace: () => 20_000, cpus: 1, nsPerHit: 1000 };
  assert.deepEqual(simulate(steady, usual).rests, 0);
});

test("a target that is mostly idle is measured against a whole CPU", () => {
  const start = { nowNs: 0, hits: 0, targetCpuNs: 0 };
  const governor = new Governor(0.03, start, () => 0.5);
  governor.account({ nowNs: SECOND, hits: 1000, targetCpuNs: 40 * MS }, 20_000);
  assert.equal(governor.mustRest, false);
  const busy = new Governor(0.03, start, () => 0.5);
  busy.account({ nowNs: SECOND, hits: 1000, targetCpuNs: undefined }, 60_000);
  assert.equal(busy.mustRest, true);
});

test("after a burst the probes come back for good", () => {
  const target: Target = { pace: (seconds) => (seconds > 2 && seconds < 4 ? 2e6 : 100), cpus: 1, nsPerHit: 2000 };
  const { paid } = simulate(target, usual);
  const expected = (100 / 1000) * 2000;
  assert.deepEqual(
    paid.slice(6000).map((ns) => Math.round(ns)),
    Array.from({ length: 4000 }, () => expected),
  );
});
