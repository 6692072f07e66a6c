/** `hist --json`: schema `gospect.hist/1` of cli.md, one object on one line. */
import {
  type Aggregate,
  integerJson,
  type Measure,
  quantile,
  resolutionOf,
  type Series,
  type ValueJson,
} from "../aggregate/index.js";
import { formatJsonLine } from "./json-text.js";
import type { Run } from "./run.js";
import { samplingJson } from "./sampling-text.js";

/** The object as text, a newline at its end. What could not be measured is null. */
export function formatHistJson(run: Run, results: Aggregate): string {
  const { balance, cost } = results;
  return formatJsonLine({
    schema: "gospect.hist/1",
    target: {
      pid: run.target.pid ?? null,
      exe: run.target.exe,
      buildId: run.target.buildId ?? null,
      goVersion: run.target.goVersion ?? null,
    },
    ...(run.where === undefined ? {} : { where: run.where }),
    ...(cost.net === undefined ? {} : { net: true }),
    startTime: new Date(results.startTimeMs).toISOString(),
    durationNs: integerJson(results.durationNs),
    probes: run.probes.map(({ function: name, entrySites, returnSites, inlinedCopies }, number) => {
      const endings = results.endings.find(({ probe }) => probe === number);
      return {
        function: name,
        entrySites,
        returnSites,
        inlinedCopies,
        panics: integerJson(endings?.panics ?? 0n),
        goexits: integerJson(endings?.goexits ?? 0n),
      };
    }),
    balance: {
      entries: integerJson(balance.entries),
      returns: integerJson(balance.returns),
      panics: integerJson(balance.panics),
      goexits: integerJson(balance.goexits),
      open: integerJson(balance.open),
      unmatchedReturns: integerJson(balance.unmatchedReturns),
      lost: integerJson(balance.lost),
      // Only there with a condition.
      ...(run.where === undefined
        ? {}
        : { filtered: integerJson(balance.filtered), undecided: integerJson(balance.undecided) }),
      // Only there when something has no end, or could not be read.
      ...(balance.counted === 0n ? {} : { counted: integerJson(balance.counted) }),
      ...(results.loss.unreadable === 0n ? {} : { unreadable: integerJson(results.loss.unreadable) }),
      // Only there when the books do not balance: a reader that knows nothing of it sees the identity fail.
      ...(balance.discrepancy === 0n ? {} : { discrepancy: integerJson(balance.discrepancy) }),
    },
    cost: {
      hits: integerJson(cost.hits),
      nsPerHit: cost.nsPerHit === undefined ? null : Math.round(cost.nsPerHit),
      shareOfTarget: cost.shareOfTarget ?? null,
      // Only there with --net.
      ...(cost.net === undefined
        ? {}
        : { belowZero: integerJson(cost.net.belowZero), netUncertainty: cost.net.uncertainty ?? null }),
    },
    ...samplingJson(results),
    series: results.series.map((series) => seriesJson(series, results)),
  });
}

/** `ns`; `value` for that of an expression; `count` where nothing but the calls is known. */
function unitOf(measure: Measure): string {
  if (measure.kind === "value") return measure.unit;
  return measure.kind === "duration" ? "ns" : "count";
}

/** What was taken off all durations of a series, and how far that makes each of them uncertain; nothing without --net. */
function netJson(series: Series, { cost }: Aggregate): object {
  if (series.probeTime === undefined) return {};
  const resolution = resolutionOf(series, cost.net);
  return {
    probeTime: integerJson(series.probeTime),
    resolution: resolution === undefined ? null : integerJson(resolution),
  };
}

function seriesJson(series: Series, results: Aggregate): unknown {
  const { histogram } = series;
  const quantileJson = (q: number): number | string | null => {
    const value = quantile(histogram, q);
    return value === undefined ? null : integerJson(value);
  };
  const extentJson = (value: bigint | undefined): number | string | null =>
    results.measure.kind === "count" || value === undefined ? null : integerJson(value);
  const by: Record<string, ValueJson> = {};
  for (const [index, value] of (series.by ?? []).entries()) {
    const name = results.dimensions[index]?.name;
    if (name !== undefined) by[name] = value.json;
  }
  return {
    function: series.function,
    by,
    // Calls of combinations that found no room have no values to show; the mark tells them from a run without `--by`.
    ...(series.by === undefined ? { other: true } : {}),
    unit: unitOf(results.measure),
    count: integerJson(histogram.count),
    sum: extentJson(histogram.sum),
    min: extentJson(histogram.min),
    max: extentJson(histogram.max),
    ...netJson(series, results),
    p50: quantileJson(0.5),
    p90: quantileJson(0.9),
    p99: quantileJson(0.99),
    p999: quantileJson(0.999),
    buckets: histogram.buckets.map(({ low, high, count }) => ({
      low: integerJson(low),
      high: integerJson(high),
      count: integerJson(count),
    })),
  };
}
