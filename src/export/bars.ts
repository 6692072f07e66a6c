/** Distributions drawn with block characters: one bar per row, or one character per row. */
import { type Bucket, type BucketBounds, bucketBounds, type Histogram, ROW_BUCKETS, ROWS } from "../aggregate/index.js";
import { pad, paint, type TextStyle } from "./style.js";
import { formatCount } from "./units.js";

/** How many fine buckets share a row: below a power of two only parts of it, above only whole ones, so that rows align. */
const GROUP_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512] as const;

/** The part of the bucket layout that a drawing shows, in equal steps of bucket index. */
export interface Scale {
  readonly first: number;
  readonly rows: number;
  readonly bucketsPerRow: number;
}

/** The finest scale on which all these buckets fit into `maxRows` rows; undefined when there are none. */
export const scaleOf = (buckets: readonly Bucket[], maxRows: number): Scale | undefined =>
  scales(buckets).find((scale) => scale.rows <= maxRows);

/** Every scale that shows all these buckets, finest first; none when there are no buckets. */
function scales(buckets: readonly Bucket[]): readonly Scale[] {
  if (buckets.length === 0) return [];
  const indices = buckets.map((bucket) => bucket.index);
  const low = indices.reduce((a, b) => Math.min(a, b));
  const high = indices.reduce((a, b) => Math.max(a, b));
  return GROUP_SIZES.map((size) => {
    const first = Math.floor(low / size);
    return { first, rows: Math.floor(high / size) - first + 1, bucketsPerRow: size };
  });
}

/** Counts per row of the scale. */
export function rowCounts(histogram: Histogram, scale: Scale): readonly bigint[] {
  const counts = new Array<bigint>(scale.rows).fill(0n);
  for (const bucket of histogram.buckets) {
    const row = Math.floor(bucket.index / scale.bucketsPerRow) - scale.first;
    counts[row] = (counts[row] ?? 0n) + bucket.count;
  }
  return counts;
}

/** Bounds of a row; the last one's end is cut to what the layout can hold. */
export function rowBounds(scale: Scale, row: number): { readonly low: bigint; readonly high: bigint } {
  const from = (scale.first + row) * scale.bucketsPerRow;
  const to = Math.min(from + scale.bucketsPerRow, ROWS * ROW_BUCKETS) - 1;
  return { low: bucketBounds(from).low, high: bucketBounds(to).high };
}

function largestOf(counts: readonly bigint[]): bigint {
  let largest = 0n;
  for (const count of counts) if (count > largest) largest = count;
  return largest;
}

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"] as const;
const LEVELS = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;

/** A bar of at most `width` columns; anything above zero shows. */
export function bar(count: bigint, largest: bigint, width: number): string {
  if (count === 0n || largest === 0n) return "";
  const eighths = Math.max(1, Math.round((Number(count) / Number(largest)) * width * 8));
  return "█".repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? "");
}

/** A distribution in one line, a character per row of the scale, empty rows at the end left out. */
export function sparkline(histogram: Histogram, scale: Scale): string {
  const counts = rowCounts(histogram, scale);
  const largest = largestOf(counts);
  return counts
    .map((count) => {
      if (count === 0n) return " ";
      const level = Math.ceil((Number(count) / Number(largest)) * LEVELS.length) - 1;
      return LEVELS[Math.max(0, level)] ?? " ";
    })
    .join("")
    .trimEnd();
}

/** LIMIT: rows of a drawn histogram. */
const MAX_ROWS = 20;
const WIDEST_BAR = 50;

/** Empty rows from which on a run of them is not drawn. */
const SHORTEST_GAP = 3;

/** Length of the run of empty rows that this row is part of; 0 when it is not empty. */
function emptyAround(counts: readonly bigint[], row: number): number {
  if (counts[row] !== 0n) return 0;
  const before = counts.slice(0, row).findLastIndex((count) => count !== 0n);
  const after = counts.findIndex((count, index) => index > row && count !== 0n);
  return (after < 0 ? counts.length : after) - before - 1;
}

const drawnRows = (counts: readonly bigint[]): number =>
  counts.filter((_, row) => emptyAround(counts, row) < SHORTEST_GAP || counts[row - 1] !== 0n).length;

/** A value to point out beside the row that holds it. */
export interface Mark {
  readonly name: string;
  readonly value: bigint;
}

interface Row extends BucketBounds {
  readonly count: bigint;
}

/** Rows of so many buckets each, as fine as there is room: each is wider than the one before by the same part. */
function logarithmicRows(histogram: Histogram): readonly Row[] {
  // Gaps take one line however long they are, so that an outlier does not make the rest coarse.
  const scale = scales(histogram.buckets).find((each) => drawnRows(rowCounts(histogram, each)) <= MAX_ROWS);
  if (scale === undefined) return [];
  return rowCounts(histogram, scale).map((count, row) => ({ ...rowBounds(scale, row), count }));
}

/**
 * Rows of one width. The widest bucket decides it: bucket widths are powers of two and buckets begin at multiples of
 * theirs, so that in rows of that width none lies in two.
 */
function linearRows({ buckets }: Histogram): readonly Row[] {
  let width = largestOf(buckets.map(({ low, high }) => high - low));
  // The buckets of negative values mirror those of positive ones: row -1 is that of row 0.
  const rowOf = ({ index, low, high }: Bucket): bigint => (index < 0 ? -1n - (1n - high) / width : low / width);
  const rows = (): readonly bigint[] => buckets.map(rowOf);
  const extent = (numbers: readonly bigint[]): bigint => (numbers.at(-1) ?? 0n) - (numbers[0] ?? 0n) + 1n;
  while (extent(rows()) > BigInt(MAX_ROWS)) width *= 2n;
  const numbers = rows();
  const first = numbers[0] ?? 0n;
  const counts = new Array<bigint>(buckets.length === 0 ? 0 : Number(extent(numbers))).fill(0n);
  for (const [index, bucket] of buckets.entries()) {
    const row = Number((numbers[index] ?? 0n) - first);
    counts[row] = (counts[row] ?? 0n) + bucket.count;
  }
  return counts.map((count, row) => {
    const number = first + BigInt(row);
    const shift = number < 0n ? 1n : 0n;
    return { low: number * width + shift, high: (number + 1n) * width + (number < -1n ? shift : 0n), count };
  });
}

/** A histogram as lines: bounds, bar, count and the marks that fall into the row. Runs of empty rows are one `⋮`. */
export function formatBars(
  style: TextStyle,
  histogram: Histogram,
  marks: readonly Mark[],
  format: (value: bigint) => string,
  steps: "logarithmic" | "linear" = "logarithmic",
): readonly string[] {
  const rows = steps === "linear" ? linearRows(histogram) : logarithmicRows(histogram);
  if (rows.length === 0) return [];
  const counts = rows.map(({ count }) => count);
  const largest = largestOf(counts);
  const countWidth = formatCount(largest).length;
  const labels = rows.map(({ low, high }) => ({ low: format(low), high: format(high) }));
  const labelWidth = Math.max(...labels.map(({ low, high }) => Math.max(low.length, high.length)));
  const marksWidth = marks.reduce((sum, { name }) => sum + name.length + 1, 1);
  const room = style.width - (2 * labelWidth + 3 + 2 + 2 + countWidth + marksWidth);
  const barWidth = Math.max(8, Math.min(WIDEST_BAR, room));
  const lines: string[] = [];
  for (const [row, { low, high, count }] of rows.entries()) {
    if (emptyAround(counts, row) >= SHORTEST_GAP) {
      if (counts[row - 1] !== 0n) lines.push(paint(style, "faint", `${" ".repeat(labelWidth)} ⋮`));
      continue;
    }
    const label = labels[row] ?? { low: "", high: "" };
    const names = marks.filter(({ value }) => value >= low && value < high).map(({ name }) => name);
    const range = `${pad(label.low, labelWidth, "right")} – ${pad(label.high, labelWidth, "right")}`;
    const drawn = pad(paint(style, "bar", bar(count, largest, barWidth)), barWidth, "left");
    const tail = paint(style, "faint", names.length === 0 ? "" : `  ${names.join(" ")}`);
    lines.push(`${range} │${drawn} ${pad(formatCount(count), countWidth, "right")}${tail}`);
  }
  return lines;
}
