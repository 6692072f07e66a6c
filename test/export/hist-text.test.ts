import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { aggregate } from "../../src/aggregate/index.js";
import {
  displayWidth,
  formatBalanceText,
  formatHistText,
  HIST_TEXT_DEFAULTS,
  type Run,
  type RunProbe,
} from "../../src/export/index.js";
import { EMPTY_BATCH, recordSeries } from "../aggregate/recording.js";
import { assertGolden } from "../golden/golden.js";
import { RESULTS, RESULTS_BY_FUNCTION, RESULTS_OF_NOTHING, RESULTS_OF_ONE, RUN, RUN_OF_ONE } from "./example.js";

const PLAIN = { colour: false, width: 120 };

test("series by two values, with the histograms of the first", () => {
  assertGolden("hist-by-values.txt", formatHistText(RUN, RESULTS, { style: PLAIN, ...HIST_TEXT_DEFAULTS }));
});

test("on a narrow terminal, cut to two rows, as a live redraw shows it", () => {
  const page = formatHistText(RUN, RESULTS, { style: { colour: false, width: 80 }, maxSeries: 2, histograms: 1 });
  assertGolden("hist-narrow.txt", page);
  const overlong = page.split("\n").filter((line) => displayWidth(line) > 80);
  assert.deepEqual(overlong, []);
});

test("several functions without --by are the rows of one table", () => {
  assertGolden(
    "hist-by-function.txt",
    formatHistText(RUN, RESULTS_BY_FUNCTION, { style: PLAIN, maxSeries: 40, histograms: 1 }),
  );
});

test("one function without --by, an outlier far from the rest", () => {
  assertGolden(
    "hist-one-function.txt",
    formatHistText(RUN_OF_ONE, RESULTS_OF_ONE, { style: PLAIN, ...HIST_TEXT_DEFAULTS }),
  );
});

test("nothing was called", () => {
  assertGolden("hist-nothing.txt", formatHistText(RUN, RESULTS_OF_NOTHING, { style: PLAIN, ...HIST_TEXT_DEFAULTS }));
});

test("of a pattern's many functions without calls, only how many they are", () => {
  const idle = Array.from({ length: 7 }, (_, index) => ({
    ...RUN_OF_ONE.probes[0],
    function: `main.idle${index}`,
    entrySites: 1,
    returnSites: 1,
    inlinedCopies: 0,
  }));
  const run = { ...RUN_OF_ONE, probes: [...RUN_OF_ONE.probes, ...idle] };
  const options = { style: PLAIN, ...HIST_TEXT_DEFAULTS };
  const closing = (page: string): readonly string[] => page.split("\n").filter((line) => line.includes("no calls"));
  assert.deepEqual(closing(formatHistText(run, RESULTS_OF_ONE, options)), [
    "7 functions: no calls; --verbose names them",
  ]);
  assert.deepEqual(
    closing(formatHistText(run, RESULTS_OF_ONE, { ...options, detail: "all" })),
    idle.map((probe) => `${probe.function}: no calls`),
  );
});

test("losses that leave the numbers incomplete are said", () => {
  const results = {
    ...RESULTS_OF_ONE,
    balance: { ...RESULTS_OF_ONE.balance, entries: 1007n, lost: 1002n },
    loss: { ...RESULTS_OF_ONE.loss, buckets: 1n },
    series: RESULTS_OF_ONE.series.map((series) => ({ ...series, histogram: { ...series.histogram, buckets: [] } })),
  };
  assertGolden("hist-losses.txt", formatHistText(RUN_OF_ONE, results, { style: PLAIN, ...HIST_TEXT_DEFAULTS }));
});

test("colour changes nothing but the colour", () => {
  const coloured = formatHistText(RUN, RESULTS, { style: { colour: true, width: 120 }, ...HIST_TEXT_DEFAULTS });
  assertGolden("hist-colour.txt", coloured);
  const stripped = stripVTControlCharacters(coloured);
  assert.equal(stripped, formatHistText(RUN, RESULTS, { style: PLAIN, ...HIST_TEXT_DEFAULTS }));
});

test("spans, places and calls of threads are called what they are", () => {
  const probe = (name: string, noun: RunProbe["noun"], identity?: RunProbe["identity"]): RunProbe => ({
    function: name,
    entrySites: 1,
    returnSites: 1,
    inlinedCopies: 0,
    noun,
    identity,
  });
  const spans: Run = { ...RUN_OF_ONE, probes: [probe("usdt:queue:put..usdt:queue:take", "span", "thread")] };
  const functions = spans.probes.map((each) => each.function);
  const results = aggregate(
    {
      ...EMPTY_BATCH,
      balance: { ...EMPTY_BATCH.balance, entries: 5n, returns: 3n, lost: 2n, unmatchedReturns: 2n },
      loss: { ...EMPTY_BATCH.loss, homeless: 1n, left: 1n, noGoroutine: 2n },
      series: [recordSeries(0, 0, undefined, [800n, 900n, 1000n])],
    },
    { functions, dimensions: [], measure: { kind: "duration" } },
  );
  const hits: Run = { ...RUN_OF_ONE, probes: [probe("usdt:queue:put", "hit"), probe("usdt:queue:take", "hit")] };
  const counted = aggregate(
    {
      ...EMPTY_BATCH,
      balance: { ...EMPTY_BATCH.balance, counted: 7n },
      series: [{ ...recordSeries(0, 0, undefined, []), count: 7n }],
    },
    { functions: hits.probes.map((each) => each.function), dimensions: [], measure: { kind: "count" } },
  );
  const mixed: Run = { ...RUN_OF_ONE, probes: [...spans.probes, ...hits.probes] };
  const options = { style: PLAIN, ...HIST_TEXT_DEFAULTS };
  const page = [
    formatHistText(spans, results, options),
    formatBalanceText(spans, results, PLAIN),
    formatHistText(hits, counted, options),
    formatBalanceText(hits, counted, PLAIN),
    formatBalanceText(mixed, results, PLAIN),
  ];
  assertGolden("hist-native.txt", page.join("\n"));
});

test("what is less than probe time leaves certain is shown as that", () => {
  const net = { belowZero: 2n, uncertainty: 0.5 };
  const series = RESULTS_OF_ONE.series.map((one) => ({ ...one, probeTime: 4000n * one.histogram.count }));
  const results = { ...RESULTS_OF_ONE, cost: { ...RESULTS_OF_ONE.cost, net }, series };
  const page = formatHistText(RUN_OF_ONE, results, { style: PLAIN, maxSeries: 40, histograms: 0 });
  // Five calls from which 4 µs were taken each, of which half is certain.
  assert.match(page, / on average, net of probe time, which may be off by 10\.0 µs altogether$/m);
  assert.match(page, /^ {2}main\.f +5 +100\.0% +<2\.00 µs +1\.03 h +1\.03 h +1\.03 h$/m);
  assert.match(
    formatBalanceText(RUN_OF_ONE, results, PLAIN),
    /^note: durations are net of probe time: .* at prices measured here, which may be off by 50\.0%; 2 calls took less than that/m,
  );
  const unknown = { ...results, cost: { ...results.cost, net: { belowZero: 0n } } };
  assert.match(
    formatHistText(RUN_OF_ONE, unknown, { style: PLAIN, maxSeries: 40, histograms: 0 }),
    / on average, net of probe time$/m,
  );
  assert.match(
    formatBalanceText(RUN_OF_ONE, unknown, PLAIN),
    /^note: durations are net of probe time: .* at prices measured here, and how far they may be off is not known$/m,
  );
});
