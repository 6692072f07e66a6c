/**
 * Everything the programs have counted so far, as one RecordBatch. Reads only; while sites are live the parts of a
 * batch are read one after the other and may differ by the calls that ended in between.
 */
import {
  gsBalance,
  gsGoroutine,
  gsHistogram,
  gsKey,
  gsLimits,
  gsParent,
  gsRow,
  gsRowKey,
  gsSample,
  gsSampleKey,
  gsStack,
  gsStats,
} from "../abi/index.js";
import type {
  BalanceRecord,
  DetailLoss,
  EndingsRecord,
  EventLoss,
  RawValue,
  SampleRecord,
  SeriesRecord,
  StackRecord,
} from "../aggregate/index.js";
import { findElement, forEachElement, type MapShape, possibleCpus } from "../bpf/index.js";
import { FILE_WINDOW, type ProbePlan } from "../probes/index.js";
import type { RunAddresses } from "./addresses.js";
import type { CallPrograms } from "./programs.js";
import { readStatus } from "./read-status.js";
import { type KeyLayout, keyLayout } from "./wire.js";

interface Field {
  readonly offset: number;
}

/** A 64-bit counter summed over the CPUs, modulo 2^64. */
function summed(value: (cpu: number) => Buffer, field: Field): bigint {
  let total = 0n;
  for (let cpu = 0; cpu < possibleCpus(); cpu++) total += value(cpu).readBigUInt64LE(field.offset);
  return BigInt.asUintN(64, total);
}

function largest(value: (cpu: number) => Buffer, field: Field): bigint {
  let result = 0n;
  for (let cpu = 0; cpu < possibleCpus(); cpu++) {
    const candidate = value(cpu).readBigUInt64LE(field.offset);
    if (candidate > result) result = candidate;
  }
  return result;
}

export interface Counts {
  readonly balance: BalanceRecord;
  readonly loss: DetailLoss;
  readonly hits: bigint;
  readonly belowZero: bigint;
}

/** How many calls are open. */
export function readOpen({ maps }: CallPrograms): bigint {
  let open = 0n;
  forEachElement(maps.goroutines, (_key, value) => {
    open += BigInt(value(0).readUInt32LE(gsGoroutine.open.offset));
  });
  return open;
}

/** Program runs: most of them are counted as what they were alone. */
const hitsOf = (value: (cpu: number) => Buffer): bigint =>
  [gsBalance.entries, gsBalance.returns, gsBalance.unmatchedReturns, gsBalance.counted, gsBalance.otherHits]
    .map((field) => summed(value, field))
    .reduce((sum, count) => sum + count);

export function readCounts(programs: CallPrograms): Counts {
  const open = readOpen(programs);
  let counts: Counts | undefined;
  forEachElement(programs.maps.balance, (_key, value) => {
    counts = {
      balance: {
        entries: summed(value, gsBalance.entries),
        returns: summed(value, gsBalance.returns),
        panics: summed(value, gsBalance.panics),
        goexits: summed(value, gsBalance.goexits),
        open,
        unmatchedReturns: summed(value, gsBalance.unmatchedReturns),
        lost: summed(value, gsBalance.lost),
        counted: summed(value, gsBalance.counted),
        filtered: summed(value, gsBalance.filtered),
        undecided: summed(value, gsBalance.undecided),
      },
      loss: {
        otherSeries: summed(value, gsBalance.other),
        buckets: summed(value, gsBalance.bucketsDropped),
        stacks: summed(value, gsBalance.stacksDropped),
        samples: summed(value, gsBalance.samplesDropped),
        noGoroutine: summed(value, gsBalance.noGoroutine),
        unreadable: summed(value, gsBalance.unreadable),
        homeless: summed(value, gsBalance.lostHomeless),
        abandoned: summed(value, gsBalance.lostAbandoned),
        left: summed(value, gsBalance.lostLeft),
        cut: 0n,
      },
      hits: hitsOf(value),
      belowZero: summed(value, gsBalance.belowZero),
    };
  });
  if (counts === undefined) throw new Error("invariant violated: the balance map has one element");
  return counts;
}

/** How often the programs ran, and how many calls and places were entered: what is looked at often. */
export function readHits(programs: CallPrograms): { readonly hits: bigint; readonly calls: bigint } {
  let [hits, calls] = [0n, 0n];
  forEachElement(programs.maps.balance, (_key, value) => {
    hits = hitsOf(value);
    calls = summed(value, gsBalance.entries) + summed(value, gsBalance.counted);
  });
  return { hits, calls };
}

/** What the events of the run so far lack. */
export function readEventLoss(programs: CallPrograms): EventLoss {
  let loss: EventLoss = { dropped: 0n, captures: 0n };
  forEachElement(programs.maps.balance, (_key, value) => {
    loss = { dropped: summed(value, gsBalance.eventsDropped), captures: summed(value, gsBalance.capturesDropped) };
  });
  return loss;
}

interface SeriesKey {
  readonly probe: number;
  readonly parent: number;
  /** One per dimension; undefined where the other half of the call holds it. */
  readonly values: readonly (RawValue | undefined)[];
}

function parseValue(bytes: Buffer, slot: number, status: number, isString: boolean): RawValue {
  const outcome = readStatus(status);
  if (outcome !== "read" && outcome !== "cut") return { status: outcome };
  const word = bytes.readBigUInt64LE(slot);
  if (!isString) return { status: "read", bits: word };
  const length = Math.min(Number(word), gsLimits.GS_STRING_BYTES);
  const text = Buffer.from(bytes.subarray(slot + 8, slot + 8 + length));
  return { status: outcome, bytes: text };
}

function parseKey(plan: ProbePlan, layout: KeyLayout, key: Buffer): SeriesKey {
  const probe = key.readUInt32LE(gsKey.probe.offset);
  const status = key.readUInt32LE(gsKey.status.offset);
  const phase = key.readUInt32LE(gsKey.phase.offset) === 1 ? "return" : "entry";
  const bytes = key.subarray(gsKey.bytes.offset);
  const recipes = plan.probes[probe]?.recipes ?? [];
  const values = recipes.map((recipe, index) => {
    if (recipe.phase !== phase) return undefined;
    const isString = plan.dimensions[index]?.encoding.kind === "string";
    return parseValue(bytes, layout.slots[index] ?? 0, (status >>> (8 * index)) & 0xff, isString);
  });
  return { probe, parent: key.readUInt32LE(gsKey.parent.offset), values };
}

/**
 * Every series' key by number; a call's return half is completed from its entry half. While the run goes on, one may have
 * been made where the map had been read already: what that one completes is left for the next time.
 */
function readKeys(programs: CallPrograms, plan: ProbePlan): Map<number, SeriesKey> {
  const keys = new Map<number, SeriesKey>();
  const layout = keyLayout(plan.dimensions);
  forEachElement(programs.maps.series, (key, value) => {
    keys.set(value(0).readUInt32LE(0), parseKey(plan, layout, key));
  });
  for (const [id, key] of keys) {
    if (key.parent === gsParent.GS_NO_PARENT || key.values.every((value) => value !== undefined)) continue;
    const parent = keys.get(key.parent);
    if (parent === undefined) keys.delete(id);
    else keys.set(id, { ...key, values: key.values.map((value, index) => value ?? parent.values[index]) });
  }
  return keys;
}

/** The number of a bucket as src/aggregate counts them: those of negative values are negative. */
function bucketNumber(row: number, index: number): number {
  const magnitude = (row % gsHistogram.GS_NEGATIVE_ROWS) * gsHistogram.GS_ROW_BUCKETS + index;
  return row < gsHistogram.GS_NEGATIVE_ROWS ? magnitude : -magnitude;
}

/** Elements that are each CPU's own, and those that all share; one key may be among both. `of` is all CPUs' sum of a counter. */
function forEachCounted(
  own: MapShape,
  shared: MapShape,
  visit: (key: Buffer, of: (field: Field) => bigint) => void,
): void {
  forEachElement(own, (key, value) => visit(key, (field) => summed(value, field)));
  forEachElement(shared, (key, value) => visit(key, (field) => value(0).readBigUInt64LE(field.offset)));
}

function readBuckets(programs: CallPrograms): Map<number, Map<number, bigint>> {
  const bySeries = new Map<number, Map<number, bigint>>();
  forEachCounted(programs.maps.rows, programs.maps.sharedRows, (key, of) => {
    const series = key.readUInt32LE(gsRowKey.series.offset);
    const row = key.readUInt32LE(gsRowKey.row.offset);
    const buckets = bySeries.get(series) ?? new Map<number, bigint>();
    bySeries.set(series, buckets);
    for (let index = 0; index < gsRow.buckets.count; index++) {
      const count = of({ offset: gsRow.buckets.offset + index * gsRow.buckets.stride });
      const number = bucketNumber(row, index);
      if (count > 0n) buckets.set(number, (buckets.get(number) ?? 0n) + count);
    }
  });
  return bySeries;
}

/** Series that counted at least one call, by number. */
export function readSeries(programs: CallPrograms, plan: ProbePlan): SeriesRecord[] {
  const keys = readKeys(programs, plan);
  const buckets = readBuckets(programs);
  const signed = plan.measure.kind === "value" && plan.measure.signed;
  const number = (bits: bigint): bigint => (signed ? BigInt.asIntN(64, bits) : bits);
  // Signed extremes have their top bit flipped, so that they order as unsigned ones; see gs_stats.
  const ordered = (bits: bigint): bigint => (signed ? BigInt.asIntN(64, bits ^ (1n << 63n)) : bits);
  const series: SeriesRecord[] = [];
  const probeTimes = readProbeTimes(programs);
  forEachElement(programs.maps.stats, (key, value) => {
    const id = key.readUInt32LE(0);
    const count = summed(value, gsStats.count);
    if (count === 0n) return;
    const known = keys.get(id);
    const isProbe = id < plan.probes.length;
    series.push({
      id,
      probe: isProbe ? id : (known?.probe ?? -1),
      values: isProbe ? (plan.dimensions.length === 0 ? [] : undefined) : known?.values.map(requireValue),
      count,
      sum: number(summed(value, gsStats.sum)),
      min: plan.measure.kind === "count" ? 0n : ordered(BigInt.asUintN(64, ~largest(value, gsStats.min))),
      max: ordered(largest(value, gsStats.max)),
      probeTime: probeTimes.get(id),
      buckets: buckets.get(id) ?? new Map(),
    });
  });
  return series.filter((one) => one.probe >= 0);
}

/** By series; none where durations are with it. */
function readProbeTimes({ maps }: CallPrograms): ReadonlyMap<number, bigint> {
  const times = new Map<number, bigint>();
  if (maps.probeTimes === undefined) return times;
  forEachElement(maps.probeTimes, (key, value) => {
    times.set(key.readUInt32LE(0), summed(value, { offset: 0 }));
  });
  return times;
}

/** Calls that did not return, of the probes that had any. */
export function readEndings(programs: CallPrograms, plan: ProbePlan): EndingsRecord[] {
  const endings: EndingsRecord[] = [];
  forEachElement(programs.maps.stats, (key, value) => {
    const probe = key.readUInt32LE(0);
    if (probe >= plan.probes.length) return;
    const panics = summed(value, gsStats.panics);
    const goexits = summed(value, gsStats.goexits);
    if (panics + goexits > 0n) endings.push({ probe, panics, goexits });
  });
  return endings;
}

function requireValue(value: RawValue | undefined): RawValue {
  if (value === undefined) throw new Error("invariant violated: a series has a value for each dimension");
  return value;
}

export function readSamples(programs: CallPrograms, plan: ProbePlan): SampleRecord[] {
  const signed = plan.measure.kind === "value" && plan.measure.signed;
  const samples = new Map<string, SampleRecord>();
  forEachCounted(programs.maps.samples, programs.maps.sharedSamples, (key, of) => {
    const series = key.readUInt32LE(gsSampleKey.series.offset);
    const stack = key.readBigUInt64LE(gsSampleKey.stack.offset);
    const name = `${series} ${stack}`;
    const known = samples.get(name);
    const count = (known?.count ?? 0n) + of(gsSample.count);
    const sum = (known?.sum ?? 0n) + of(gsSample.sum);
    samples.set(name, {
      series,
      stack: stack === 0n ? undefined : stack,
      count,
      sum: signed ? BigInt.asIntN(64, sum) : BigInt.asUintN(64, sum),
    });
  });
  return [...samples.values()];
}

export function readStacks(programs: CallPrograms, plan: ProbePlan, addresses: RunAddresses): StackRecord[] {
  const stacks: StackRecord[] = [];
  forEachElement(programs.maps.stacks, (key, value) => {
    stacks.push(parseStack(key.readBigUInt64LE(0), value(0), plan, addresses));
  });
  return stacks;
}

/** One of those, by its key; undefined when it was not kept. */
export function findStack(
  programs: CallPrograms,
  plan: ProbePlan,
  addresses: RunAddresses,
  id: bigint,
): StackRecord | undefined {
  const key = Buffer.alloc(8);
  key.writeBigUInt64LE(id);
  const value = findElement(programs.maps.stacks, key);
  return value === undefined ? undefined : parseStack(id, value, plan, addresses);
}

/** Where a frame is in none of the run's files, the rest is left out. */
function parseStack(id: bigint, bytes: Buffer, plan: ProbePlan, addresses: RunAddresses): StackRecord {
  const file = bytes.readUInt16LE(gsStack.file.offset);
  const depth = Math.min(bytes.readUInt32LE(gsStack.depth.offset), gsLimits.GS_STACK_FRAMES);
  const frames: number[] = [];
  let cut = bytes.readUInt16LE(gsStack.truncated.offset) !== 0;
  for (let index = 0; index < depth; index++) {
    const frame = addresses.resolve(file, bytes.readBigUInt64LE(gsStack.frames.offset + 8 * index));
    if (frame === undefined) {
      cut = true;
      break;
    }
    frames.push(frame);
  }
  const [site] = frames;
  if (site !== undefined) frames[0] = namesOfPlaces(plan).get(site) ?? site;
  return { id, frames, truncated: cut };
}

const placeNames = new WeakMap<ProbePlan, ReadonlyMap<number, number>>();

/** The site of a place may belong to the code around it: by its address, an instruction that names what was counted. */
function namesOfPlaces(plan: ProbePlan): ReadonlyMap<number, number> {
  const known = placeNames.get(plan);
  if (known !== undefined) return known;
  const names = new Map<number, number>();
  for (const { entry, place, file } of plan.probes) {
    const window = FILE_WINDOW * file;
    if (place !== undefined) names.set(window + entry.address, window + place.within);
  }
  placeNames.set(plan, names);
  return names;
}
