/** The BPF object of calls, loaded and sized for one plan. Owns programs and maps. */
import { gsMeasuring } from "../abi/index.js";
import { invariant } from "../base/index.js";
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
import type { ProbePlan } from "../probes/index.js";
import { type CallMapName, mapLayouts, seriesRoom } from "./capacities.js";
import { hasNests, type RunSettings, wireConfig, wireProbes } from "./wire.js";

export interface CallMaps {
  readonly balance: MapShape;
  readonly goroutines: MapShape;
  readonly frames: MapShape;
  readonly series: MapShape;
  readonly stats: MapShape;
  readonly rows: MapShape;
  readonly samples: MapShape;
  /** What of rows and samples is not each CPU's own. */
  readonly sharedRows: MapShape;
  readonly sharedSamples: MapShape;
  readonly stacks: MapShape;
  readonly probes: MapShape;
  readonly captures: MapShape;
  /** With `net` alone. */
  readonly probeTimes: MapShape | undefined;
}

/** See enum gs_measuring. */
export type MeasuringState = "off" | "on" | "ending" | "moving";

const MEASURING: Readonly<Record<MeasuringState, number>> = {
  off: gsMeasuring.GS_OFF,
  on: gsMeasuring.GS_ON,
  ending: gsMeasuring.GS_ENDING,
  moving: gsMeasuring.GS_MOVING,
};

export interface CallPrograms extends Disposable {
  /** The program for every site. */
  readonly site: number;
  readonly maps: CallMaps;
  /** The ring buffer: its descriptor, and how large it is. */
  readonly events: { readonly fd: number; readonly bytes: number };
  /** What the programs do, at all sites at once; off after load. Returns are theirs only where they were loaded for that. */
  measure(state: MeasuringState, returns?: "kernel"): void;
  /** Tells what the hits of each probe take, a struct gs_price each; where durations are without it. */
  setPrices(prices: Buffer): void;
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
  wantedObject?: CallObject,
): CallPrograms {
  const seriesCapacity = seriesRoom(plan.probes.length, wanted.seriesCapacity, possibleCpus());
  const settings = { ...wanted, seriesCapacity };
  const type = attachType(mode);
  invariant(!settings.events || plan.measure.kind !== "value", "events are of calls and places, not of values");
  const wired = wireProbes(plan, settings);
  const name = wantedObject ?? objectFor(plan, settings);
  const layouts = mapLayouts(plan, settings, wired, possibleCpus());
  const object = BpfObject.load(name, readObject(name), {
    maxEntries: Object.fromEntries(Object.entries(layouts).map(([name, { elements }]) => [name, elements])),
    keySizes: { series: layouts.series.keySize },
    valueSizes: { captures: layouts.captures.valueSize },
    readOnlyData: { ".rodata.config": wireConfig(plan, settings, wired) },
    programs: { site: type },
  });
  try {
    const map = (name: CallMapName): MapShape => {
      const { kind, keySize, valueSize } = layouts[name];
      return requireShape({ fd: object.mapFd(name), name, keySize, valueSize, perCpu: kind.startsWith("per-cpu") });
    };
    const maps: CallMaps = {
      balance: map("balance"),
      goroutines: map("goroutines"),
      frames: map("frames"),
      series: map("series"),
      stats: map("stats"),
      rows: map("rows"),
      samples: map("samples"),
      sharedRows: map("shared_rows"),
      sharedSamples: map("shared_samples"),
      stacks: map("stacks"),
      probes: map("probes"),
      captures: map("captures"),
      probeTimes: settings.net === true ? map("probe_times") : undefined,
    };
    const measuring = requireShape({
      fd: object.mapFd(".data.measuring"),
      name: ".data.measuring",
      keySize: 4,
      valueSize: 4,
      perCpu: false,
    });
    const prices = map("prices");
    if ((wired.shared === undefined || hasNests(plan)) && wired.each.length > 0) {
      setArrayElements(maps.probes, wired.each);
    }
    setArrayElements(map("code"), wired.book.codeElements());
    setArrayElements(map("constants"), wired.book.constantElements());
    return {
      site: object.programFd("site"),
      maps,
      events: { fd: object.mapFd("events"), bytes: layouts.events.elements },
      measure: (state, returns) => {
        const value = Buffer.alloc(4);
        value.writeUInt32LE(MEASURING[state] | (returns === "kernel" ? 0 : gsMeasuring.GS_RETURNING));
        setArrayElement(measuring, 0, value);
      },
      setPrices: (each) => setArrayElements(prices, each),
      [Symbol.dispose]: () => object[Symbol.dispose](),
    };
  } catch (error) {
    object[Symbol.dispose]();
    throw error;
  }
}
