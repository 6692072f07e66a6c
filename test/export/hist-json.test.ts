import assert from "node:assert/strict";
import { test } from "node:test";
import { aggregate } from "../../src/aggregate/index.js";
import { formatHistJson, type Run } from "../../src/export/index.js";
import { EMPTY_BATCH, number, recordSeries, text } from "../aggregate/recording.js";
import { RESULTS } from "./example.js";

const RUN: Run = {
  target: { pid: 4711, exe: "/usr/bin/store", buildId: "6f1e0a", goVersion: "go1.27.4" },
  probes: [{ function: "main.(*Store).Lookup", entrySites: 1, returnSites: 3, inlinedCopies: 0 }],
};

test("the object of cli.md, whole", () => {
  const results = aggregate(
    {
      ...EMPTY_BATCH,
      balance: {
        entries: 7n,
        returns: 4n,
        panics: 1n,
        goexits: 0n,
        open: 1n,
        unmatchedReturns: 3n,
        lost: 1n,
        counted: 0n,
        filtered: 0n,
        undecided: 0n,
      },
      cost: { hits: 14n, nsPerHit: 612, targetCpuNs: 8_568_000n },
      series: [
        recordSeries(0, 0, undefined, [9n]),
        recordSeries(1, 0, [text("acme"), number(2n ** 63n)], [1000n, 1000n, 1050n, 2n ** 60n]),
      ],
    },
    {
      functions: ["main.(*Store).Lookup"],
      measure: { kind: "duration" },
      dimensions: [
        { name: "tenant", encoding: { kind: "string" } },
        { name: "id", encoding: { kind: "integer", signed: false, size: 8 } },
      ],
    },
  );
  const printed = formatHistJson(RUN, results);
  assert.match(printed, /^[^\n]+\n$/);
  assert.deepEqual(JSON.parse(printed), {
    schema: "gospect.hist/1",
    target: { pid: 4711, exe: "/usr/bin/store", buildId: "6f1e0a", goVersion: "go1.27.4" },
    startTime: "2026-01-02T03:04:05.678Z",
    durationNs: 3000123456,
    probes: [
      { function: "main.(*Store).Lookup", entrySites: 1, returnSites: 3, inlinedCopies: 0, panics: 0, goexits: 0 },
    ],
    balance: { entries: 7, returns: 4, panics: 1, goexits: 0, open: 1, unmatchedReturns: 3, lost: 1 },
    cost: { hits: 14, nsPerHit: 612, shareOfTarget: 0.001 },
    series: [
      {
        function: "main.(*Store).Lookup",
        by: { tenant: "acme", id: "9223372036854775808" },
        unit: "ns",
        count: 4,
        sum: "1152921504606850026",
        min: 1000,
        max: "1152921504606846976",
        // [960, 1024) cut to what was seen, [1000, 1024): its second of two is three quarters in.
        p50: 1017,
        p90: "1152921504606846976",
        p99: "1152921504606846976",
        p999: "1152921504606846976",
        buckets: [
          { low: 960, high: 1024, count: 2 },
          { low: 1024, high: 1152, count: 1 },
          { low: "1152921504606846976", high: "1297036692682702848", count: 1 },
        ],
      },
      {
        function: "main.(*Store).Lookup",
        by: {},
        other: true,
        unit: "ns",
        count: 1,
        sum: 9,
        min: 9,
        max: 9,
        p50: 9,
        p90: 9,
        p99: 9,
        p999: 9,
        buckets: [{ low: 9, high: 10, count: 1 }],
      },
    ],
  });
});

test("what is not known is null, and a balance that does not hold is marked", () => {
  const run: Run = { target: { ...RUN.target, pid: undefined, buildId: undefined }, probes: [] };
  const results = aggregate(
    {
      ...EMPTY_BATCH,
      balance: { ...EMPTY_BATCH.balance, entries: 3n },
      series: [{ ...recordSeries(0, 0, undefined, [5n]), buckets: new Map() }],
    },
    { functions: ["f"], dimensions: [], measure: { kind: "duration" } },
  );
  assert.deepEqual(JSON.parse(formatHistJson(run, results)), {
    schema: "gospect.hist/1",
    target: { pid: null, exe: "/usr/bin/store", buildId: null, goVersion: "go1.27.4" },
    startTime: "2026-01-02T03:04:05.678Z",
    durationNs: 3000123456,
    probes: [],
    balance: { entries: 3, returns: 0, panics: 0, goexits: 0, open: 0, unmatchedReturns: 0, lost: 0, discrepancy: 3 },
    cost: { hits: 0, nsPerHit: null, shareOfTarget: null },
    series: [
      {
        function: "f",
        by: {},
        unit: "ns",
        count: 1,
        sum: 5,
        min: 5,
        max: 5,
        p50: null,
        p90: null,
        p99: null,
        p999: null,
        buckets: [],
      },
    ],
  });
});

test("a run with a condition has it, and what it left out", () => {
  const balance = { ...RESULTS.balance, filtered: 7n, undecided: 0n };
  const json = JSON.parse(formatHistJson({ ...RUN, where: "n > 1" }, { ...RESULTS, balance })) as {
    where: string;
    balance: Record<string, number>;
  };
  assert.deepEqual([json.where, json.balance["filtered"], json.balance["undecided"]], ["n > 1", 7, 0]);
  assert.equal("filtered" in (JSON.parse(formatHistJson(RUN, RESULTS)) as { balance: object }).balance, false);
});
