/** Numbers as people read them: three significant digits and a unit, thousands in groups. */
import type { Measure } from "../aggregate/index.js";

const TIME_UNITS = [
  { unit: "ns", size: 1 },
  { unit: "µs", size: 1e3 },
  { unit: "ms", size: 1e6 },
  { unit: "s", size: 1e9 },
  { unit: "min", size: 60e9 },
  { unit: "h", size: 3600e9 },
] as const;

const BYTE_UNITS = [
  { unit: "B", size: 1 },
  { unit: "KiB", size: 2 ** 10 },
  { unit: "MiB", size: 2 ** 20 },
  { unit: "GiB", size: 2 ** 30 },
  { unit: "TiB", size: 2 ** 40 },
] as const;

/** A duration: `612 ns`, `1.06 ms`, `2.50 min`. */
export const formatNanoseconds = (value: bigint | number): string => formatScaled(Number(value), TIME_UNITS);

/** A size: `12 B`, `1.43 MiB`. */
export const formatBytes = (value: bigint | number): string => formatScaled(Number(value), BYTE_UNITS);

/** A whole number, its thousands separated: `1,234,567`. */
export function formatCount(value: bigint | number): string {
  const digits = String(value);
  return digits.length < 4 ? digits : digits.replace(/\B(?=(\d{3})+$)/g, ",");
}

/** What a run measures, as people read it: a duration with its unit, a value as the number it is. */
export const formatterOf = (measure: Measure): ((value: bigint) => string) =>
  measure.kind === "duration" || (measure.kind === "value" && measure.unit === "ns") ? formatNanoseconds : formatCount;

/** The mean of values that people read by `formatterOf`; of plain numbers as much as three digits say: `8.93`, `1,234`. */
export function formatMean(sum: bigint, count: bigint, measure: Measure): string {
  // What a double cannot hold is far beyond three digits.
  const mean = Number(sum) / Number(count);
  if (formatterOf(measure) === formatNanoseconds) return formatNanoseconds(mean);
  return Math.abs(mean) < 99.95 ? String(Number(mean.toPrecision(3))) : formatCount(BigInt(Math.round(mean)));
}

/** A part of a whole, 0..1, as `71.3%`; what is there but would round to nothing is `<0.1%`. */
export function formatShare(share: number): string {
  if (share > 0 && share < 0.0005) return "<0.1%";
  return `${(share * 100).toFixed(1)}%`;
}

/** A count with its noun: `1 call`, `2,000 calls`. */
export const formatQuantity = (count: bigint | number, noun: string, plural = `${noun}s`): string =>
  `${formatCount(count)} ${Number(count) === 1 ? noun : plural}`;

function formatScaled(value: number, units: readonly { readonly unit: string; readonly size: number }[]): string {
  if (value < 0) return `-${formatScaled(-value, units)}`;
  // The largest unit in which the value, once rounded, is at least 1: 999.6 µs is 1.00 ms.
  const place = units.findLastIndex(({ size }) => Number((value / size).toPrecision(3)) >= 1);
  const { unit, size } = units[Math.max(0, place)] ?? { unit: "", size: 1 };
  if (size === 1) return `${value < 100 ? Number(value.toFixed(1)) : Math.round(value)} ${unit}`;
  const scaled = value / size;
  const digits = scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0;
  return `${scaled.toFixed(digits)} ${unit}`;
}
