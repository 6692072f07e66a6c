/** Series: the calls of one probe that the `--by` expressions do not tell apart. */
import { invariant } from "../base/index.js";
import type { Dimension, Measure } from "./dimension.js";
import { type Histogram, histogramOf, mergeHistograms } from "./histogram.js";
import type { SeriesRecord } from "./records.js";
import { decodeValue, type KeyValue } from "./values.js";

/** Calls of one function with equal values in every dimension. */
export interface Series {
  /** Of the measured function, among those of the run. */
  readonly probe: number;
  readonly function: string;
  /** One per dimension, in order; undefined for the calls whose own series found no room: the "other" series. */
  readonly by: readonly KeyValue[] | undefined;
  /** Of what the run measures. */
  readonly histogram: Histogram;
  /** Taken off all its durations, ns; undefined where they contain it. */
  readonly probeTime: bigint | undefined;
}

/** What the records refer to by number. */
export interface RecordedProbes {
  /** Names of what is measured. */
  readonly functions: readonly string[];
  /** By probe number: the index of the function as whose calls its own are told. Absent: the same number. */
  readonly functionOf?: readonly number[];
  readonly dimensions: readonly Dimension[];
  readonly measure: Measure;
}

/** Interprets one series; throws nothing but invariants: a record that its probes can't have made. */
export function seriesOf(record: SeriesRecord, probes: RecordedProbes): Series {
  const probe = probes.functionOf?.[record.probe] ?? record.probe;
  const name = probes.functions[probe];
  invariant(name !== undefined, `series ${record.id} is of probe ${probe}, which the plan does not have`);
  const { probeTime } = record;
  return { probe, function: name, by: keyOf(record, probes), histogram: histogramOf(record), probeTime };
}

function keyOf(record: SeriesRecord, { dimensions }: RecordedProbes): readonly KeyValue[] | undefined {
  // With nothing to tell calls apart by, a probe's own series is all its calls, not what was left over.
  if (dimensions.length === 0) return [];
  const { values } = record;
  if (values === undefined) return undefined;
  return dimensions.map((dimension, index) => {
    const value = values[index];
    invariant(value !== undefined, `series ${record.id} has no value for ${dimension.name}`);
    return decodeValue(value, dimension.encoding);
  });
}

/** By total of what is measured, largest first, where it is known; then by calls, probe and values, the "other" series last. */
export function compareSeries(a: Series, b: Series): number {
  return (
    compareBigints(b.histogram.sum ?? 0n, a.histogram.sum ?? 0n) ||
    compareBigints(b.histogram.count, a.histogram.count) ||
    a.probe - b.probe ||
    Number(a.by === undefined) - Number(b.by === undefined) ||
    compareKeys(a.by ?? [], b.by ?? [])
  );
}

/** Orders the values of a dimension: numbers by size, then texts by code unit. */
export function compareKeys(a: readonly KeyValue[], b: readonly KeyValue[]): number {
  for (const [index, left] of a.entries()) {
    const right = b[index];
    if (right === undefined) return 1;
    const order = compareValues(left, right);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareValues(left: KeyValue, right: KeyValue): number {
  if (left.integer !== undefined && right.integer !== undefined) return compareBigints(left.integer, right.integer);
  const bySize = left.kind === "float" && right.kind === "float" ? Number(left.text) - Number(right.text) : Number.NaN;
  return bySize || compareTexts(left.text, right.text);
}

const compareBigints = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const merged = (series: readonly Series[]): Pick<Series, "histogram" | "probeTime"> => ({
  histogram: mergeHistograms(series.map(({ histogram }) => histogram)),
  probeTime: series.reduce<bigint | undefined>(
    (sum, { probeTime }) => (sum === undefined || probeTime === undefined ? undefined : sum + probeTime),
    0n,
  ),
});

/** Series of one probe with equal values become one; by the ids of the records that they were made of. */
export function joinSeries(
  decoded: readonly { readonly id: number; readonly series: Series }[],
): ReadonlyMap<number, Series> {
  const groups = new Map<string, { readonly ids: number[]; readonly series: Series[] }>();
  for (const { id, series } of decoded) {
    const key = JSON.stringify([series.probe, series.by?.map(({ text, json }) => [text, json])]);
    const group = groups.get(key) ?? { ids: [], series: [] };
    groups.set(key, group);
    group.ids.push(id);
    group.series.push(series);
  }
  const byId = new Map<number, Series>();
  for (const { ids, series } of groups.values()) {
    const [first, ...others] = series;
    if (first === undefined) continue;
    const one = others.length === 0 ? first : { ...first, ...merged(series) };
    for (const id of ids) byId.set(id, one);
  }
  return byId;
}
