/** A run as an on-call engineer would see it: one slow tenant, a few panics, a bit of everything that gets lost. */
import { type Aggregate, aggregate, type Dimension, type RecordBatch } from "../../src/aggregate/index.js";
import type { Run } from "../../src/export/index.js";
import { EMPTY_BATCH, number, recordSeries, seededRandom, text } from "../aggregate/recording.js";

const TENANT: Dimension = { name: "tenant", encoding: { kind: "string" } };
const SIZE: Dimension = { name: "size", encoding: { kind: "integer", signed: true, size: 8 } };

const random = seededRandom(2026);
const durations = (count: number, next: () => number): bigint[] =>
  Array.from({ length: count }, () => BigInt(Math.floor(next())));
/** Skewed to the left, as latencies are. */
const around = (nanoseconds: number) => () => nanoseconds * (1 + random() * random());

const SERIES = [
  recordSeries(0, 0, undefined, durations(12, around(1e6))),
  recordSeries(2, 0, [text("acme"), number(128n)], durations(1000, around(1e6))),
  recordSeries(
    3,
    0,
    [text("globex"), number(4096n)],
    durations(250, () => (random() < 0.2 ? around(40e6)() : around(1.2e6)())),
  ),
  recordSeries(4, 0, [text("initech\x1b[31m"), number(0n)], durations(40, around(3e5))),
  recordSeries(1, 1, undefined, []),
];

export const BATCH: RecordBatch = {
  ...EMPTY_BATCH,
  balance: {
    entries: 1305n,
    returns: 1300n,
    panics: 2n,
    goexits: 1n,
    open: 1n,
    unmatchedReturns: 2n,
    lost: 1n,
    counted: 0n,
    filtered: 0n,
    undecided: 0n,
  },
  loss: { ...EMPTY_BATCH.loss, otherSeries: 12n },
  cost: { hits: 2606n, nsPerHit: 612.3, targetCpuNs: 800_000_000n },
  series: SERIES,
  samples: SERIES.flatMap(({ id, count, sum }) =>
    count === 0n ? [] : [{ series: id, stack: id === 4 ? undefined : BigInt(id % 2), count, sum }],
  ),
  stacks: [
    { id: 0n, frames: [0x401010, 0x402005, 0x403005], truncated: false },
    { id: 1n, frames: [0x401024, 0x402025], truncated: true },
  ],
};

const FUNCTIONS = ["main.(*Store).Lookup", "main.(*Store).Warm"];

export const RESULTS: Aggregate = aggregate(BATCH, {
  functions: FUNCTIONS,
  dimensions: [TENANT, SIZE],
  measure: { kind: "duration" },
});

export const RUN: Run = {
  target: { pid: 4711, exe: "/usr/bin/store", buildId: "6f1e0a", goVersion: "go1.27.4" },
  probes: [
    { function: "main.(*Store).Lookup", entrySites: 1, returnSites: 3, inlinedCopies: 3 },
    { function: "main.(*Store).Warm", entrySites: 1, returnSites: 1, inlinedCopies: 1 },
  ],
};

/** Several functions, no `--by`. */
export const RESULTS_BY_FUNCTION: Aggregate = aggregate(
  {
    ...EMPTY_BATCH,
    balance: { ...EMPTY_BATCH.balance, entries: 640n, returns: 640n },
    series: [
      recordSeries(0, 0, undefined, durations(600, around(4e3))),
      recordSeries(1, 1, undefined, durations(40, around(9e8))),
    ],
  },
  { functions: FUNCTIONS, dimensions: [], measure: { kind: "duration" } },
);

/** One function, no `--by`. */
export const RESULTS_OF_ONE: Aggregate = aggregate(
  {
    ...EMPTY_BATCH,
    balance: { ...EMPTY_BATCH.balance, entries: 5n, returns: 5n },
    series: [recordSeries(0, 0, undefined, [800n, 900n, 1000n, 1000n, 3_700_000_000_000n])],
  },
  { functions: ["main.f"], dimensions: [], measure: { kind: "duration" } },
);

export const RUN_OF_ONE: Run = {
  target: { pid: undefined, exe: "/usr/bin/f", buildId: undefined, goVersion: "go1.19.8" },
  probes: [{ function: "main.f", entrySites: 1, returnSites: 1, inlinedCopies: 0 }],
};

/** Nothing was called. */
export const RESULTS_OF_NOTHING: Aggregate = aggregate(EMPTY_BATCH, {
  functions: FUNCTIONS,
  dimensions: [TENANT],
  measure: { kind: "duration" },
});
