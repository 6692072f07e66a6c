/**
 * Profiles: gzip-compressed pprof protocol buffers (github.com/google/pprof, proto/profile.proto), written for the
 * readers there are: `go tool pprof`, Parca, Pyroscope, speedscope.
 *
 * Sample types `calls/count` and `latency/nanoseconds` (or the measured expression), period type `calls/count` with period 1: the shape of Go's own
 * block and mutex profiles, which every viewer scales and prints well. Every sample carries every label key, or readers
 * that group by a key show `<unknown>`. Frames are symbolized here; readers need no binary.
 */
import { gzipSync } from "node:zlib";
import { Label, Mapping, Profile, Sample, type StringTable, ValueType } from "pprof-format";
import type { Aggregate, KeyValue, Measure, Series, StackSample } from "../aggregate/index.js";
import { virtualAddress } from "../base/index.js";
import { booksSentence, conditionSentence } from "./balance-text.js";
import { LocationTable, type Symbolizer } from "./pprof-locations.js";
import type { Noun } from "./run.js";
import { samplingSentence } from "./sampling-text.js";
import { formatQuantity } from "./units.js";

/** An executable segment, in addresses of the run: those that frames have. */
export interface ProfileMapping {
  readonly start: number;
  /** Exclusive. */
  readonly limit: number;
  readonly fileOffset: number;
  readonly path: string;
  readonly buildId: string | undefined;
  /** Whether its frames have files and lines, and inlined functions; else they have names alone. */
  readonly hasLines: boolean;
}

export interface ProfileRequest {
  readonly results: Aggregate;
  /** The program's own first: readers take the first for what was run. */
  readonly mappings: readonly ProfileMapping[];
  readonly symbolize: Symbolizer;
  /** Kept as a comment, as `go tool pprof -comments` shows it. */
  readonly commandLine: string;
  /** What its counts are called, where it is not calls. */
  readonly noun?: Noun;
  /** The condition that calls had to meet, if there was one. */
  readonly where: string | undefined;
  /**
   * `numbers`: integers become numeric labels, which `-tagfocus=n=1:10` selects by range. `text`: string labels
   * throughout, for Pyroscope, which drops numeric ones, and for `-tagfocus` by regular expression.
   */
  readonly integerLabels: "numbers" | "text";
}

const valueUnit = (measure: Measure): string =>
  measure.kind === "value" && measure.unit === "value" ? "count" : "nanoseconds";

/** Names that viewers take for other things (Pyroscope), or that the profile has already. */
const TAKEN_TYPES: ReadonlySet<string> = new Set(["calls", "contentions", "delay", "samples"]);

function valueTypeOf(measure: Measure): string {
  if (measure.kind !== "value") return "latency";
  return TAKEN_TYPES.has(measure.name) ? `${measure.name}_value` : measure.name;
}

/** A sum that may have run over 64 bits is not written; the profile then has the calls alone, as it has of what is only counted. */
const hasSums = ({ measure, series }: Aggregate): boolean =>
  measure.kind !== "count" && series.every(({ histogram }) => histogram.sum !== undefined);

/** The profile's bytes. The same request gives the same bytes. */
export function encodeProfile(request: ProfileRequest): Buffer {
  const { results } = request;
  const profile = new Profile({ period: 1 });
  const strings = profile.stringTable;
  const valueType = valueTypeOf(results.measure);
  const calls = () => ValueType.create({ type: strings.dedup("calls"), unit: strings.dedup("count") });
  const value = ValueType.create({ type: strings.dedup(valueType), unit: strings.dedup(valueUnit(results.measure)) });
  const withSums = hasSums(results);
  profile.sampleType = withSums ? [calls(), value] : [calls()];
  profile.periodType = calls();
  profile.defaultSampleType = strings.dedup(withSums ? valueType : "calls");
  profile.timeNanos = BigInt(Math.round(results.startTimeMs)) * 1_000_000n;
  profile.durationNanos = results.durationNs;
  profile.mapping = request.mappings.map((mapping, index) => encodeMapping(mapping, index + 1, strings));
  const locations = new LocationTable(strings, profile.mapping, request.symbolize);
  profile.sample = encodeSamples(request, strings, locations);
  profile.location = locations.locations;
  profile.function = locations.functions;
  profile.comment = commentsOf(request).map((comment) => strings.dedup(comment));
  return gzipSync(profile.encode());
}

function encodeMapping(mapping: ProfileMapping, id: number, strings: StringTable): Mapping {
  return Mapping.create({
    id,
    memoryStart: mapping.start,
    memoryLimit: mapping.limit,
    fileOffset: mapping.fileOffset,
    filename: strings.dedup(mapping.path),
    buildId: strings.dedup(mapping.buildId ?? ""),
    hasFunctions: true,
    hasFilenames: mapping.hasLines,
    hasLineNumbers: mapping.hasLines,
    hasInlineFrames: mapping.hasLines,
  });
}

function encodeSamples(request: ProfileRequest, strings: StringTable, locations: LocationTable): Sample[] {
  const labels = new Map<Series, readonly Label[]>();
  const withSums = hasSums(request.results);
  return request.results.samples.map((sample) => {
    const ofSeries = labels.get(sample.series) ?? encodeLabels(sample.series, request, strings);
    labels.set(sample.series, ofSeries);
    return Sample.create({
      locationId: encodeStack(sample, locations),
      value: withSums ? [sample.count, sample.sum] : [sample.count],
      label: [...ofSeries],
    });
  });
}

/** Ids of the sample's locations, innermost first. What is missing of the stack is there as a frame that says so. */
function encodeStack({ series, frames, truncated }: StackSample, locations: LocationTable): number[] {
  const [site, ...callers] = frames;
  if (site === undefined) return [locations.named(series.function), locations.named("(stack not kept)")];
  const ids = [locations.probed(virtualAddress(site), series.function)];
  for (const address of callers) {
    const id = locations.caller(virtualAddress(address));
    if (id !== undefined) ids.push(id);
  }
  if (truncated) ids.push(locations.named("(stack cut)"));
  return ids;
}

function encodeLabels(series: Series, request: ProfileRequest, strings: StringTable): readonly Label[] {
  return request.results.dimensions.map(({ name }, index) => {
    const key = strings.dedup(name);
    const value = series.by?.[index];
    const number = value === undefined || request.integerLabels === "text" ? undefined : numberOf(value);
    // A zero without a unit is dropped by Go's reader, and units other than `count` are scaled: different values would merge.
    if (number !== undefined) return Label.create({ key, num: number, numUnit: strings.dedup("count") });
    return Label.create({ key, str: strings.dedup(value?.text ?? "(other)") });
  });
}

/** An integer that a label's signed 64 bits can hold; larger ones stay text. */
const numberOf = ({ kind, integer }: KeyValue): bigint | undefined =>
  kind === "integer" && integer !== undefined && integer === BigInt.asIntN(64, integer) ? integer : undefined;

function commentsOf({ commandLine, results, noun = "call", where }: ProfileRequest): readonly string[] {
  const { balance, loss, samples } = results;
  const comments = [commandLine, booksSentence(balance, noun)];
  const sampled = samplingSentence(results, noun);
  if (sampled !== undefined) comments.push(sampled);
  if (where !== undefined) comments.push(conditionSentence(where, balance, noun));
  if (balance.undecided > 0n)
    comments.push(`${formatQuantity(balance.undecided, noun)} missing: the condition could not be evaluated`);
  const cut = samples.reduce((sum, sample) => sum + (sample.truncated ? sample.count : 0n), 0n);
  const bare = samples.reduce((sum, sample) => sum + (sample.frames.length === 0 ? sample.count : 0n), 0n);
  if (cut > 0n) comments.push(`${formatQuantity(cut, noun)} with the outermost frames missing: (stack cut)`);
  if (bare > 0n) comments.push(`${formatQuantity(bare, noun)} whose stack was not kept: (stack not kept)`);
  if (results.measure.kind !== "count" && !hasSums(results))
    comments.push("values are left out: their sums may not fit into 64 bits");
  if (loss.samples > 0n) comments.push(`${formatQuantity(loss.samples, noun)} missing: no room for their samples`);
  if (loss.unreadable > 0n)
    comments.push(`${formatQuantity(loss.unreadable, noun)} missing: the measured value could not be read`);
  if (loss.otherSeries > 0n)
    comments.push(`${formatQuantity(loss.otherSeries, noun)} labelled (other): too many values`);
  return comments;
}
