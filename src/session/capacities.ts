/**
 * How much a run may hold in the kernel: which maps it has, how many elements each of them may grow to, and what memory that
 * is. Per-CPU values multiply by the CPUs that the machine could have, so some capacities shrink where those are many.
 */
import {
  gsBalance,
  gsCapture,
  gsConstant,
  gsFrame,
  gsFrameKey,
  gsGoroutine,
  gsGoroutineKey,
  gsHistogram,
  gsKey,
  gsLimits,
  gsPrice,
  gsProbe,
  gsRow,
  gsRowKey,
  gsSample,
  gsSampleKey,
  gsStack,
  gsStats,
  gsStep,
} from "../abi/index.js";
import { UnmeasurableError } from "../base/index.js";
import { formatBytes, formatCount, formatQuantity } from "../export/index.js";
import type { ProbePlan } from "../probes/index.js";
import { captureBytes, keyLayout, type RunSettings, type WiredProbes, wireProbes } from "./wire.js";

/**
 * LIMIT: series of a run besides each function's own. A combination of `--by` values that were all read at one end of
 * the call takes one; with both arguments and results, so does each combination of the arguments alone. The calls of
 * those that find no room share their function's "other" series.
 */
export const SERIES_CAPACITY = 10_000;
/** LIMIT: bytes that one map of per-CPU values may grow to, all CPUs together. */
const PER_CPU_MAP_BYTES = 256 * 1024 * 1024;
/** Powers of two that the values of one series may have, of either sign. */
const ROWS_OF_A_SERIES = 2 * gsHistogram.GS_ROWS;
/** LIMIT: histogram rows and samples, however small they are. */
const MAX_ROWS = 1 << 18;
const MAX_SAMPLES = 1 << 17;
/** LIMIT: of each, those that come when the kernel has no memory at hand for one on every CPU. */
const MAX_SHARED = 1 << 15;
/** LIMIT: distinct stacks, for each of which the kernel takes 2 KiB. */
const MAX_STACKS = 1 << 15;
/**
 * LIMIT: goroutines that ever had a call open, and open calls of theirs beyond those in the goroutine's own record. The
 * kernel clears room for that many before a run begins: 10 ms for each million.
 */
const MAX_GOROUTINES = 1 << 18;
const MAX_DEEP_FRAMES = 1 << 19;
/** LIMIT: bytes of events that wait to be read, some hundred thousand of a usual size. A power of two. */
const EVENT_BUFFER_BYTES = 1 << 24;
/** The smallest ring buffer there is, where none is needed. */
const LEAST_BUFFER_BYTES = 1 << 12;
/** LIMIT: open calls of which something was captured at the entry, and bytes of that. */
const MAX_CAPTURES = 1 << 16;
const CAPTURE_BYTES = 1 << 26;
/** Bytes that a hash element is reckoned to cost besides its key and value. */
const ELEMENT_OVERHEAD = 128;

/** Elements of maps, and bytes of `events`, that need not hold everything: what finds no room is counted. */
export type CapacityOptions = Readonly<
  Partial<Record<"goroutines" | "frames" | "rows" | "samples" | "stacks" | "captures" | "events", number>>
>;

/** A map as it is to be made. A ring buffer's `elements` are bytes. */
export interface MapLayout {
  readonly kind: "hash" | "per-cpu-hash" | "array" | "per-cpu-array" | "ring";
  readonly elements: number;
  readonly keySize: number;
  readonly valueSize: number;
}

export type CallMapName =
  | ("balance" | "goroutines" | "frames" | "series" | "stats" | "rows" | "samples" | "stacks" | "probes" | "code")
  | ("shared_rows" | "shared_samples" | "prices" | "probe_times" | "constants" | "captures" | "workspaces" | "events");
export type MapLayouts = Readonly<Record<CallMapName, MapLayout>>;

const mostSeries = (cpus: number): number => Math.floor(PER_CPU_MAP_BYTES / (gsStats.size * cpus));

/**
 * How many series a run can have besides each function's own, which it must have; no more than are wanted. Throws an
 * UnmeasurableError when there is no room for the functions' own.
 */
export function seriesRoom(functions: number, wanted: number, cpus: number): number {
  const most = mostSeries(cpus);
  if (functions <= most) return Math.min(wanted, most - functions);
  const bytes = functions * gsStats.size * cpus;
  throw new UnmeasurableError(
    "too-many-functions",
    `${formatQuantity(functions, "function")}: their totals on ${formatQuantity(cpus, "CPU")} take ${formatBytes(bytes)}, and a run may take ${formatBytes(PER_CPU_MAP_BYTES)}`,
    { hint: `measure ${formatCount(most)} at once, or fewer` },
  );
}

const perCpuEntries = (valueSize: number, most: number, cpus: number): number =>
  Math.max(1024, Math.min(most, Math.floor(PER_CPU_MAP_BYTES / (valueSize * cpus + ELEMENT_OVERHEAD))));

type Kept = Pick<RunSettings, "seriesCapacity" | "histogram" | "stacks" | "events" | "capacities"> &
  Partial<Pick<RunSettings, "net">>;

/** Every map of a run whose settings want no more series than there is room for. */
export function mapLayouts(plan: ProbePlan, kept: Kept, { working, book }: WiredProbes, cpus: number): MapLayouts {
  const probes = plan.probes.length;
  const series = probes + kept.seriesCapacity;
  // There is one value even where nothing is captured.
  const capture = Math.max(gsCapture.size, kept.events ? captureBytes(plan) : 0);
  const hasWorkspaces = working || plan.dimensions.length > 0 || kept.stacks;
  const elements = {
    goroutines: MAX_GOROUTINES,
    frames: MAX_DEEP_FRAMES,
    rows: kept.histogram ? Math.min(series * ROWS_OF_A_SERIES, perCpuEntries(gsRow.size, MAX_ROWS, cpus)) : 1,
    samples: kept.stacks && !kept.events ? perCpuEntries(gsSample.size, MAX_SAMPLES, cpus) : 1,
    stacks: kept.stacks ? MAX_STACKS : 1,
    captures: kept.events ? Math.min(MAX_CAPTURES, Math.floor(CAPTURE_BYTES / (capture + ELEMENT_OVERHEAD))) : 1,
    events: kept.events ? EVENT_BUFFER_BYTES : LEAST_BUFFER_BYTES,
    ...kept.capacities,
  };
  const layout = (kind: MapLayout["kind"], elements: number, keySize: number, valueSize: number): MapLayout => ({
    kind,
    elements,
    keySize,
    valueSize,
  });
  const keySize = gsKey.bytes.offset + keyLayout(plan.dimensions).bytes;
  const steps = book.codeElements().length / gsStep.size;
  const constants = book.constantElements().length / gsConstant.size;
  return {
    balance: layout("per-cpu-array", 1, 4, gsBalance.size),
    goroutines: layout("hash", elements.goroutines, gsGoroutineKey.size, gsGoroutine.size),
    frames: layout("hash", elements.frames, gsFrameKey.size, gsFrame.size),
    series: layout("hash", Math.max(1, kept.seriesCapacity), keySize, 4),
    stats: layout("per-cpu-array", series, 4, gsStats.size),
    rows: layout("per-cpu-hash", elements.rows, gsRowKey.size, gsRow.size),
    samples: layout("per-cpu-hash", elements.samples, gsSampleKey.size, gsSample.size),
    shared_rows: layout("hash", Math.min(MAX_SHARED, elements.rows), gsRowKey.size, gsRow.size),
    shared_samples: layout("hash", Math.min(MAX_SHARED, elements.samples), gsSampleKey.size, gsSample.size),
    stacks: layout("hash", elements.stacks, 8, gsStack.size),
    probes: layout("array", Math.max(1, probes), 4, gsProbe.size),
    prices: layout("array", kept.net === true ? Math.max(1, probes) : 1, 4, gsPrice.size),
    probe_times: layout("per-cpu-array", kept.net === true ? series : 1, 4, 8),
    code: layout("array", steps, 4, gsStep.size),
    constants: layout("array", constants, 4, gsConstant.size),
    captures: layout("hash", elements.captures, gsFrameKey.size, capture),
    workspaces: layout("per-cpu-array", hasWorkspaces ? gsLimits.GS_WORKSPACES : 1, 4, gsLimits.GS_WORKSPACE_BYTES),
    events: layout("ring", elements.events, 0, 0),
  };
}

/** What a run keeps of each call. */
export type Keep = Readonly<Record<"histogram" | "stacks" | "events", boolean>>;

/**
 * Bytes of kernel memory that the maps of a run may grow to, on a machine that could have so many CPUs. Undefined where they
 * are too many for a run on so many functions.
 */
export function kernelMemory(
  plan: ProbePlan,
  keep: Keep,
  cpus: number,
  capacities: CapacityOptions = {},
): number | undefined {
  if (plan.probes.length > mostSeries(cpus)) return undefined;
  const wanted = plan.dimensions.length === 0 ? 0 : SERIES_CAPACITY;
  const seriesCapacity = seriesRoom(plan.probes.length, wanted, cpus);
  // Kernels without bpf_loop take no more.
  const wired = wireProbes(plan, { ...keep, hasLoop: true });
  const layouts = mapLayouts(plan, { ...keep, seriesCapacity, capacities }, wired, cpus);
  return Object.values(layouts).reduce((sum, layout) => sum + mapMemory(layout, cpus), 0);
}

/** The kernel's own sizes: of a hash element, a bucket, a pointer, a link in a list of what is free, a page. */
const HASH_ELEMENT = 48;
const HASH_BUCKET = 16;
const POINTER = 8;
const FREE_LINK = 8;
const PAGE = 4096;

const padded = (bytes: number): number => Math.ceil(bytes / 8) * 8;
const powerOfTwo = (value: number): number => 2 ** Math.ceil(Math.log2(value));

/** What the kernel's allocator takes for an object: a power of two, or one and a half times one below 256. */
function allocated(bytes: number): number {
  const power = powerOfTwo(bytes);
  return power >= 128 && power <= 256 && bytes <= 0.75 * power ? 0.75 * power : power;
}

/** Of a map that is full. */
function mapMemory({ kind, elements, keySize, valueSize }: MapLayout, cpus: number): number {
  const everywhere = padded(valueSize) * cpus;
  switch (kind) {
    case "array":
      return elements * padded(valueSize);
    case "per-cpu-array":
      return elements * (POINTER + everywhere);
    case "ring":
      return elements + 4 * PAGE;
    case "hash":
      return (
        powerOfTwo(elements) * HASH_BUCKET +
        elements * allocated(HASH_ELEMENT + padded(keySize) + padded(valueSize) + FREE_LINK)
      );
    case "per-cpu-hash":
      return (
        powerOfTwo(elements) * HASH_BUCKET +
        elements * (allocated(HASH_ELEMENT + padded(keySize) + POINTER + FREE_LINK) + FREE_LINK + POINTER + everywhere)
      );
  }
}
