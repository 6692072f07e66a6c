/** The BPF object of calls, loaded and sized for one plan. Owns programs and maps. */
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
import { invariant, UnmeasurableError } from "../base/index.js";
import {
  type AttachMode,
  attachType,
  BpfObject,
  type MapShape,
  possibleCpus,
  readObject,
  requireShape,
  setArrayElement,
  setArrayElements,
} from "../bpf/index.js";
import { formatBytes, formatCount, formatQuantity } from "../export/index.js";
import type { ProbePlan } from "../probes/index.js";
import {
  captureBytes,
  hasNests,
  keyLayout,
  type RunSettings,
  type WiredProbes,
  wireConfig,
  wireProbes,
} from "./wire.js";

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
/** LIMIT: distinct stacks, 1 KiB each. */
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
/** Bytes a hash element costs besides its key and value. */
const ELEMENT_OVERHEAD = 64;

/** Elements of maps, and bytes of `events`, that need not hold everything: what finds no room is counted. */
export type CapacityOptions = Readonly<
  Partial<Record<"goroutines" | "frames" | "rows" | "samples" | "stacks" | "captures" | "events", number>>
>;

export interface CallMaps {
  readonly balance: MapShape;
  readonly goroutines: MapShape;
  readonly frames: MapShape;
  readonly series: MapShape;
  readonly stats: MapShape;
  readonly rows: MapShape;
  readonly samples: MapShape;
  readonly stacks: MapShape;
  readonly probes: MapShape;
  readonly captures: MapShape;
}

export interface CallPrograms extends Disposable {
  /** The program for every site. */
  readonly site: number;
  readonly maps: CallMaps;
  /** The ring buffer: its descriptor, and how large it is. */
  readonly events: { readonly fd: number; readonly bytes: number };
  /** Tells what the hits of each probe take, a struct gs_price each; where durations are without it. */
  setPrices(prices: Buffer): void;
  /** Begins or ends counting, at all sites at once; off after load. */
  measure(state: "on" | "off"): void;
}

/**
 * How many series a run can have besides each function's own, which it must have; no more than are wanted. Throws an
 * UnmeasurableError when there is no room for the functions' own.
 */
export function seriesRoom(functions: number, wanted: number, cpus: number): number {
  const bytes = gsStats.size * cpus;
  const most = Math.floor(PER_CPU_MAP_BYTES / bytes);
  if (functions <= most) return Math.min(wanted, most - functions);
  throw new UnmeasurableError(
    "too-many-functions",
    `${formatQuantity(functions, "function")}: their totals on ${formatQuantity(cpus, "CPU")} take ${formatBytes(functions * bytes)}, and a run may take ${formatBytes(PER_CPU_MAP_BYTES)}`,
    { hint: `measure ${formatCount(most)} at once, or fewer` },
  );
}

const perCpuEntries = (valueSize: number, most: number): number =>
  Math.max(1024, Math.min(most, Math.floor(PER_CPU_MAP_BYTES / (valueSize * possibleCpus() + ELEMENT_OVERHEAD))));

/** Size of a value of the map `captures`, which has one even where nothing is captured. */
const captureSize = (plan: ProbePlan, { events }: RunSettings): number =>
  Math.max(gsCapture.size, events ? captureBytes(plan) : 0);

/** Elements each sizeable map may grow to in this run; bytes of the ring buffer. */
function mapSizes(plan: ProbePlan, settings: RunSettings, { working }: WiredProbes) {
  const probes = plan.probes.length;
  const series = probes + settings.seriesCapacity;
  return {
    goroutines: MAX_GOROUTINES,
    frames: MAX_DEEP_FRAMES,
    series: Math.max(1, settings.seriesCapacity),
    stats: series,
    rows: settings.histogram ? Math.min(series * ROWS_OF_A_SERIES, perCpuEntries(gsRow.size, MAX_ROWS)) : 1,
    samples: settings.stacks && !settings.events ? perCpuEntries(gsSample.size, MAX_SAMPLES) : 1,
    stacks: settings.stacks ? MAX_STACKS : 1,
    probes: Math.max(1, probes),
    prices: settings.net === true ? Math.max(1, probes) : 1,
    captures: settings.events
      ? Math.min(MAX_CAPTURES, Math.floor(CAPTURE_BYTES / (captureSize(plan, settings) + ELEMENT_OVERHEAD)))
      : 1,
    workspaces: working || plan.dimensions.length > 0 || settings.stacks ? gsLimits.GS_WORKSPACES : 1,
    events: settings.events ? EVENT_BUFFER_BYTES : LEAST_BUFFER_BYTES,
    ...settings.capacities,
  };
}

/**
 * The programs that a run needs: Go's calls alone, or with C functions and spans; and either with what takes types of the
 * kernel (BTF), to tell the goroutine by thread-local storage, or the program that a thread runs.
 */
export type CallObject = `calls${"" | "-nests"}${"" | "-tls"}`;

function objectFor(plan: ProbePlan, { program }: RunSettings): CallObject {
  const tls =
    program !== undefined || plan.probes.some(({ goroutine }) => goroutine === "tls" || goroutine === "behind-c");
  return `calls${hasNests(plan) ? "-nests" : ""}${tls ? "-tls" : ""}`;
}

/**
 * Throws an UnmeasurableError when the plan is too large, else as BpfObject.load does. Fewer series are kept apart than
 * the settings want when their totals would take too much memory.
 */
export function loadCallPrograms(
  plan: ProbePlan,
  wanted: RunSettings,
  mode: AttachMode,
  name: CallObject = objectFor(plan, wanted),
): CallPrograms {
  const seriesCapacity = seriesRoom(plan.probes.length, wanted.seriesCapacity, possibleCpus());
  const settings = { ...wanted, seriesCapacity };
  const type = attachType(mode);
  const keySize = gsKey.bytes.offset + keyLayout(plan.dimensions).bytes;
  invariant(!settings.events || plan.measure.kind !== "value", "events are of calls and places, not of values");
  const wired = wireProbes(plan, settings);
  const sizes = mapSizes(plan, settings, wired);
  const code = wired.book.codeElements();
  const constants = wired.book.constantElements();
  const object = BpfObject.load(name, readObject(name), {
    maxEntries: { ...sizes, code: code.length / gsStep.size, constants: constants.length / gsConstant.size },
    keySizes: { series: keySize },
    valueSizes: { captures: captureSize(plan, settings) },
    readOnlyData: { ".rodata.config": wireConfig(plan, settings, wired) },
    programs: { site: type },
  });
  try {
    const map = (name: string, keySize: number, valueSize: number, perCpu: boolean): MapShape =>
      requireShape({ fd: object.mapFd(name), name, keySize, valueSize, perCpu });
    const maps: CallMaps = {
      balance: map("balance", 4, gsBalance.size, true),
      goroutines: map("goroutines", gsGoroutineKey.size, gsGoroutine.size, false),
      frames: map("frames", gsFrameKey.size, gsFrame.size, false),
      series: map("series", keySize, 4, false),
      stats: map("stats", 4, gsStats.size, true),
      rows: map("rows", gsRowKey.size, gsRow.size, true),
      samples: map("samples", gsSampleKey.size, gsSample.size, true),
      stacks: map("stacks", 8, gsStack.size, false),
      probes: map("probes", 4, gsProbe.size, false),
      captures: map("captures", gsFrameKey.size, captureSize(plan, settings), false),
    };
    const prices = map("prices", 4, gsPrice.size, false);
    const measuring = map(".data.measuring", 4, 4, false);
    if ((wired.shared === undefined || hasNests(plan)) && wired.each.length > 0) {
      setArrayElements(maps.probes, Buffer.concat(wired.each));
    }
    setArrayElements(map("code", 4, gsStep.size, false), code);
    setArrayElements(map("constants", 4, gsConstant.size, false), constants);
    return {
      site: object.programFd("site"),
      maps,
      events: { fd: object.mapFd("events"), bytes: sizes.events },
      setPrices: (each) => setArrayElements(prices, each),
      measure: (state) => {
        const value = Buffer.alloc(4);
        value.writeUInt32LE(state === "on" ? 1 : 0);
        setArrayElement(measuring, 0, value);
      },
      [Symbol.dispose]: () => object[Symbol.dispose](),
    };
  } catch (error) {
    object[Symbol.dispose]();
    throw error;
  }
}
