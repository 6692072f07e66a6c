/**
 * `hist` for people: per function a table of its series, the most expensive first, with quantiles and a miniature of each
 * distribution on a common scale; below it the histograms of the first few. Without `--by`, functions are the rows.
 */
import {
  type Aggregate,
  type Histogram,
  type Measure,
  mergeHistograms,
  type NetRecord,
  printable,
  quantile,
  resolutionOf,
  type Series,
} from "../aggregate/index.js";
import { conditionSentence } from "./balance-text.js";
import { formatBars, rowBounds, type Scale, scaleOf, sparkline } from "./bars.js";
import { type Noun, nounOf, probesNoun, type Run, type RunProbe } from "./run.js";
import { samplingSentence } from "./sampling-text.js";
import { type Column, columnWidths, fit, fitSymbol, formatTable, paint, type TextStyle, tableWidth } from "./style.js";
import { formatCount, formatMean, formatNanoseconds, formatQuantity, formatShare, formatterOf } from "./units.js";

export interface HistTextOptions {
  readonly style: TextStyle;
  /** Series shown of each table; the rest is summed up in a line. */
  readonly maxSeries: number;
  /** Histograms drawn below each table. */
  readonly histograms: number;
  /** `all`: every function is named of which something is to be said, however many there are. */
  readonly detail?: "all";
  /** Rows of one width, where they otherwise grow with the values. */
  readonly rows?: "linear";
}

/** What a finished run prints. */
export const HIST_TEXT_DEFAULTS = { maxSeries: 40, histograms: 3 } as const;

/** The whole page, a newline at its end. */
export function formatHistText(run: Run, results: Aggregate, options: HistTextOptions): string {
  const sections = results.dimensions.length === 0 ? [byFunction(run, results)] : byValues(run, results);
  const lines = sections
    .filter((section) => section.series.length > 0)
    .flatMap((section) => [...formatSection(section, run, results, options), ""]);
  const silent = run.probes.flatMap((probe, number): SilentProbe[] => {
    if (probe.partOf !== undefined || results.series.some((series) => series.probe === number)) return [];
    const { panics = 0n, goexits = 0n } = results.endings.find((each) => each.probe === number) ?? {};
    return [{ ...probe, ended: panics + goexits }];
  });
  // Those that were called are not crowded out.
  silent.sort((a, b) => Number(b.ended > 0n) - Number(a.ended > 0n));
  const noun = nounOf(run.probes);
  const closing = [
    ...conditionLines(run, results, noun),
    ...silentLines(silent, run, options),
    ...lossLines(results, noun, options.style),
  ];
  return `${[...lines, ...closing].join("\n").trimEnd()}\n`;
}

/** One table. */
interface Section {
  readonly title: string;
  readonly noun: Noun;
  readonly keyTitles: readonly string[];
  /** How a key is cut that is too wide. */
  readonly cut: typeof fit;
  readonly series: readonly Series[];
  readonly keysOf: (series: Series) => readonly string[];
  readonly captionOf: (series: Series) => string;
}

const OTHER = "(other)";

/** A span says what it is between. */
const titleOfProbe = ({ function: name, noun }: Pick<RunProbe, "function" | "noun">): string =>
  noun === "span" ? name.replace(/^(.*?)\.\.(?=usdt:)/, "from $1 to ") : name;

function byFunction(run: Run, results: Aggregate): Section {
  const functions = new Set(results.series.map((series) => series.function));
  const probes = run.probes.filter((probe) => functions.has(probe.function));
  const [only] = functions;
  const noun = probesNoun(run.probes);
  return {
    title:
      functions.size === 1 && only !== undefined
        ? titleOfProbe({ function: only, noun: probes[0]?.noun })
        : formatQuantity(functions.size, noun),
    noun: nounOf(probes),
    keyTitles: [noun],
    cut: fitSymbol,
    series: results.series,
    keysOf: (series) => [printable(series.function)],
    captionOf: (series) => printable(series.function),
  };
}

function byValues(run: Run, results: Aggregate): readonly Section[] {
  const names = results.dimensions.map((dimension) => dimension.name);
  const keysOf = (series: Series): readonly string[] =>
    series.by === undefined ? names.map((_, index) => (index === 0 ? OTHER : "")) : series.by.map(({ text }) => text);
  const sections = run.probes.map((probe, number) => ({
    title: titleOfProbe(probe),
    noun: nounOf([probe]),
    keyTitles: names,
    cut: fit,
    series: results.series.filter((series) => series.probe === number),
    keysOf,
    captionOf: (series: Series): string =>
      series.by === undefined ? OTHER : series.by.map(({ text }, index) => `${names[index]} = ${text}`).join(", "),
  }));
  return sections.sort((a, b) => compareTotals(totalOf(b.series), totalOf(a.series)));
}

/** What the numbers are of, where they are not durations. */
const titleOf = (measure: Measure): string => (measure.kind === "value" ? `: ${measure.name}` : "");

const totalOf = (series: readonly Series[]): Histogram => mergeHistograms(series.map(({ histogram }) => histogram));
function compareTotals({ sum: a = 0n }: Histogram, { sum: b = 0n }: Histogram): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What the sums are without, and how far that may be off. */
function netClause(series: readonly Series[], { uncertainty }: NetRecord): string {
  const probeTime = series.reduce((sum, { probeTime = 0n }) => sum + Number(probeTime), 0);
  const off =
    uncertainty === undefined ? "" : `, which may be off by ${formatNanoseconds(uncertainty * probeTime)} altogether`;
  return `, net of probe time${off}`;
}

function formatSection(section: Section, run: Run, results: Aggregate, options: HistTextOptions): readonly string[] {
  const { style } = options;
  const total = totalOf(section.series);
  const format = formatterOf(results.measure);
  const calls = `${formatQuantity(total.count, section.noun)} in ${formatNanoseconds(results.durationNs)}`;
  const net = results.cost.net === undefined ? "" : netClause(section.series, results.cost.net);
  const summary =
    results.measure.kind === "count" || total.sum === undefined
      ? calls
      : `${calls}, ${format(total.sum)} altogether, ${formatMean(total.sum, total.count, results.measure)} on average${net}`;
  const sampled = samplingSentence(results, section.noun);
  const shown = section.series.slice(0, options.maxSeries);
  const drawn = shown.slice(0, options.histograms).filter(({ histogram }) => histogram.buckets.length > 0);
  return [
    paint(style, "title", `${printable(section.title)}${titleOf(results.measure)}`),
    `  ${summary}`,
    ...(sampled === undefined ? [] : [`  ${paint(style, "warning", sampled)}`]),
    ...endingLines(section, run, results).map((line) => `  ${paint(style, "warning", line)}`),
    ...inlinedLines(section, run, options).map((line) => `  ${paint(style, "warning", line)}`),
    "",
    ...seriesTable(section, shown, total, results, style).map((line) => `  ${line}`),
    ...hiddenLine(section, options.maxSeries, total, results.measure).map((line) => `  ${paint(style, "faint", line)}`),
    ...drawn.flatMap((series) => [
      "",
      // A lone series needs no caption: the title is it.
      ...(section.series.length === 1 ? [] : [`  ${paint(style, "key", section.captionOf(series))}`]),
      ...formatBars(
        { ...style, width: style.width - 2 },
        series.histogram,
        marksOf(series.histogram),
        format,
        options.rows,
      ).map((line) => `  ${line}`),
    ]),
  ];
}

const QUANTILES = [
  { name: "p50", q: 0.5 },
  { name: "p90", q: 0.9 },
  { name: "p99", q: 0.99 },
] as const;

const marksOf = (histogram: Histogram) =>
  QUANTILES.flatMap(({ name, q }) => {
    const value = quantile(histogram, q);
    return value === undefined ? [] : [{ name, value }];
  });

const NARROWEST_SPARKLINE = 12;
const WIDEST_SPARKLINE = 40;

function seriesTable(
  section: Section,
  shown: readonly Series[],
  total: Histogram,
  results: Aggregate,
  style: TextStyle,
): readonly string[] {
  const { measure } = results;
  const keyWidth = Math.max(12, Math.floor((style.width * 0.45) / section.keyTitles.length));
  const columns: Column[] = [
    ...section.keyTitles.map(
      (title): Column => ({ title, align: "left", tone: "key", maxWidth: keyWidth, cut: section.cut }),
    ),
    { title: `${section.noun}s`, align: "right", tone: "plain" },
    { title: measure.kind === "duration" ? "time" : "share", align: "right", tone: "plain" },
    ...(measure.kind === "count" ? [] : [...QUANTILES.map(({ name }) => name), "max"]).map(
      (title): Column => ({ title, align: "right", tone: "plain" }),
    ),
  ];
  const rows = shown.map((series) => [...section.keysOf(series), ...numbersOf(series, total, results)]);
  const room = style.width - 2 - tableWidth(columnWidths(columns, rows));
  const buckets = shown.flatMap(({ histogram }) => histogram.buckets);
  const scale = scaleOf(buckets, Math.min(WIDEST_SPARKLINE, room));
  if (scale === undefined || room < NARROWEST_SPARKLINE || shown.length < 2) return formatTable(style, columns, rows);
  return formatTable(
    style,
    [...columns, { title: scaleTitle(scale, formatterOf(measure)), align: "left", tone: "bar" }],
    rows.map((row, index) => [...row, sparkline(shown[index]?.histogram ?? total, scale)]),
  );
}

/** Where the miniatures begin and end. */
function scaleTitle(scale: Scale, format: (value: bigint) => string): string {
  const { low } = rowBounds(scale, 0);
  const { high } = rowBounds(scale, scale.rows - 1);
  return `${format(low)}…${format(high)}`;
}

/** A part of all that is measured; of the calls, where only they are, or where values of both signs cancel out. */
function shareOf(part: Histogram, total: Histogram, measure: Measure): number {
  const positive = measure.kind === "duration" || (measure.kind === "value" && total.min >= 0n);
  if (!positive || part.sum === undefined || total.sum === undefined) return ratio(part.count, total.count);
  return ratio(part.sum, total.sum);
}

const ratio = (part: bigint, whole: bigint): number => (whole === 0n ? 0 : Number(part) / Number(whole));

function numbersOf(series: Series, total: Histogram, { measure, cost }: Aggregate): readonly string[] {
  const { histogram } = series;
  const share = formatShare(shareOf(histogram, total, measure));
  if (measure.kind === "count") return [formatCount(histogram.count), share];
  const resolution = resolutionOf(series, cost.net) ?? 0n;
  const formatExact = formatterOf(measure);
  const format = (value: bigint): string => (value < resolution ? `<${formatExact(resolution)}` : formatExact(value));
  const quantiles = QUANTILES.map(({ q }) => {
    const value = quantile(histogram, q);
    return value === undefined ? "–" : format(value);
  });
  return [formatCount(histogram.count), share, ...quantiles, format(histogram.max)];
}

function hiddenLine(section: Section, shown: number, total: Histogram, measure: Measure): readonly string[] {
  const hidden = section.series.slice(shown);
  if (hidden.length === 0) return [];
  const rest = totalOf(hidden);
  const of = measure.kind === "duration" ? " of the time" : "";
  return [
    `and ${formatQuantity(hidden.length, "more row")}: ${formatQuantity(rest.count, section.noun)}, ${formatShare(
      shareOf(rest, total, measure),
    )}${of}`,
  ];
}

/** Calls of the section's functions that are in no row, because they did not return. */
function endingLines(section: Section, run: Run, results: Aggregate): readonly string[] {
  const probes = new Set(section.series.map((series) => series.probe));
  return results.endings.flatMap(({ probe, panics, goexits }) => {
    if (!probes.has(probe)) return [];
    const of = probes.size === 1 ? "" : ` of ${printable(run.probes[probe]?.function ?? "")}`;
    return [
      ...(panics === 0n ? [] : [`${formatQuantity(panics, "more call")}${of} panicked`]),
      ...(goexits === 0n ? [] : [`${formatQuantity(goexits, "more call")}${of} ended by runtime.Goexit`]),
    ];
  });
}

/** LIMIT: functions named in a table's head for their inlined copies. */
const MAX_INLINED = 5;

function inlinedLines(section: Section, run: Run, { detail }: HistTextOptions): readonly string[] {
  const probes = new Set(section.series.map((series) => series.probe));
  const inlined = run.probes.filter((probe, number) => probes.has(number) && probe.inlinedCopies > 0);
  if (inlined.length > MAX_INLINED && detail !== "all") {
    const copies = inlined.reduce((sum, probe) => sum + probe.inlinedCopies, 0);
    return [`${formatCount(copies)} inlined copies of ${formatCount(inlined.length)} functions are not measured`];
  }
  return run.probes.flatMap((probe, number) => {
    if (!probes.has(number) || probe.inlinedCopies === 0) return [];
    const copies = formatQuantity(probe.inlinedCopies, "inlined copy", "inlined copies");
    const of = probes.size === 1 ? "" : ` of ${printable(probe.function)}`;
    return [`${copies}${of} ${probe.inlinedCopies === 1 ? "is" : "are"} not measured`];
  });
}

/** LIMIT: functions that were never called and are still named; of more, a pattern's, nobody reads the names. */
const MAX_SILENT = 5;

/** A probe without a row: of its calls, if any, none returned. */
interface SilentProbe extends RunProbe {
  readonly ended: bigint;
}

function silentLines(
  silent: readonly SilentProbe[],
  { probes }: Run,
  { style, detail }: HistTextOptions,
): readonly string[] {
  const never = silent.filter(({ ended }) => ended === 0n);
  const counted = never.length > MAX_SILENT && detail !== "all";
  const named = counted ? silent.filter(({ ended }) => ended > 0n) : silent;
  const names = named.map((probe) => {
    const copies = formatQuantity(probe.inlinedCopies, "inlined copy", "inlined copies");
    const note = probe.inlinedCopies === 0 ? "" : `, ${copies} not measured`;
    const calls =
      probe.ended === 0n ? `no ${nounOf([probe])}s` : `none of ${formatQuantity(probe.ended, "call")} returned`;
    return `${printable(probe.function)}: ${calls}${note}`;
  });
  if (counted)
    names.push(`${formatCount(never.length)} ${probesNoun(probes)}s: no ${nounOf(never)}s; --verbose names them`);
  return names.map((line) => paint(style, "faint", line));
}

function conditionLines({ where }: Run, { balance }: Aggregate, noun: Noun): readonly string[] {
  return where === undefined ? [] : [conditionSentence(where, balance, noun)];
}

function lossLines(results: Aggregate, noun: Noun, style: TextStyle): readonly string[] {
  const { balance, loss } = results;
  const lines: string[] = [];
  if (balance.lost > 0n) {
    lines.push(`${formatQuantity(balance.lost, noun)} of ${formatCount(balance.entries)} lost: in no row above`);
  }
  if (results.measure.kind !== "count" && results.series.some(({ histogram }) => histogram.sum === undefined)) {
    lines.push("sums are not shown where they may not fit into 64 bits; shares are of the calls there");
  }
  if (loss.buckets > 0n) {
    lines.push(
      `${formatQuantity(loss.buckets, noun)} missing from histograms and quantiles; ${noun}s, time and max have them`,
    );
  }
  return lines.map((line) => paint(style, "warning", line));
}
