/** Records as a session would hand them over, made from durations that the test knows. */
import type { RawValue, RecordBatch, SeriesRecord } from "../../src/aggregate/index.js";

/** Where a value belongs, from the layout's words in bpf/abi.h and nothing else: tries one row after the other. */
export function bucketByDefinition(value: bigint): { index: number; low: bigint; high: bigint } {
  if (value < 8n) return { index: Number(value), low: value, high: value + 1n };
  for (let row = 1; row < 62; row++) {
    const start = 2n ** BigInt(row + 2);
    const end = 2n ** BigInt(row + 3);
    if (value >= end) continue;
    const width = (end - start) / 8n;
    for (let bucket = 0; bucket < 8; bucket++) {
      const low = start + BigInt(bucket) * width;
      if (value < low + width) return { index: row * 8 + bucket, low, high: low + width };
    }
  }
  throw new Error(`no bucket for ${value}`);
}

/** A series of calls with these durations. */
export function recordSeries(
  id: number,
  probe: number,
  values: readonly RawValue[] | undefined,
  durations: readonly bigint[],
): SeriesRecord {
  const buckets = new Map<number, bigint>();
  for (const duration of durations) {
    const { index } = bucketByDefinition(duration);
    buckets.set(index, (buckets.get(index) ?? 0n) + 1n);
  }
  const sorted = [...durations].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return {
    id,
    probe,
    values,
    count: BigInt(durations.length),
    sum: durations.reduce((a, b) => a + b, 0n),
    min: sorted[0] ?? 0n,
    max: sorted.at(-1) ?? 0n,
    buckets,
  };
}

export const text = (value: string): RawValue => ({ status: "read", bytes: Buffer.from(value) });
export const number = (value: bigint): RawValue => ({ status: "read", bits: BigInt.asUintN(64, value) });

/** A batch without losses, to be spread over. */
export const EMPTY_BATCH: RecordBatch = {
  startTimeMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  durationNs: 3_000_123_456n,
  balance: {
    entries: 0n,
    returns: 0n,
    panics: 0n,
    goexits: 0n,
    open: 0n,
    unmatchedReturns: 0n,
    lost: 0n,
    counted: 0n,
    filtered: 0n,
    undecided: 0n,
  },
  loss: {
    otherSeries: 0n,
    buckets: 0n,
    stacks: 0n,
    samples: 0n,
    noGoroutine: 0n,
    unreadable: 0n,
    homeless: 0n,
    abandoned: 0n,
    left: 0n,
    cut: 0n,
  },
  slices: [],
  cost: { hits: 0n, nsPerHit: undefined, targetCpuNs: undefined },
  series: [],
  endings: [],
  samples: [],
  stacks: [],
};

/** Numbers in [0, 1), the same in every run with the same seed (the Lehmer generator of Park and Miller). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}
