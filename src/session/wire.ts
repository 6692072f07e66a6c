/**
 * The plan as the programs read it: cookies, recipes, configuration, and the layout of series keys. Everything here is
 * bpf/abi.h's, through its generated constants.
 */
import {
  gsCapture,
  gsCodes,
  gsConfig,
  gsCookie,
  gsFramePlace,
  gsIdentity,
  gsLimits,
  gsMeasure,
  gsProbe,
  gsRecipe,
  gsSiteKind,
  gsStep,
  gsValueType,
} from "../abi/index.js";
import { invariant } from "../base/index.js";
import type { Dimension, PlannedProbe, ProbePlan, Recipe, Site } from "../probes/index.js";
import { CodeBook } from "./codes.js";
import type { ProgramIdentity } from "./program-identity.js";
import type { DoneReturns } from "./returns.js";
import { wireStep, writeStep } from "./steps.js";

/** Where each dimension lies in a series key. */
export interface KeyLayout {
  /** Offsets in gs_key.bytes. */
  readonly slots: readonly number[];
  /** Bytes of gs_key.bytes in use. */
  readonly bytes: number;
}

const slotSize = (dimension: Dimension): number =>
  dimension.encoding.kind === "string" ? 8 + gsLimits.GS_STRING_BYTES : 8;

export function keyLayout(dimensions: readonly Dimension[]): KeyLayout {
  invariant(dimensions.length <= gsLimits.GS_MAX_DIMENSIONS, "the planner bounds the dimensions");
  const slots: number[] = [];
  let bytes = 0;
  for (const dimension of dimensions) {
    slots.push(bytes);
    bytes += slotSize(dimension);
  }
  return { slots, bytes };
}

function siteKind(site: Site, probe: PlannedProbe["kind"] | undefined): number {
  switch (site.kind) {
    case "entry":
      if (probe === "place") {
        return site.placement === "stack-check" ? gsSiteKind.GS_SITE_COUNT_CHECKED : gsSiteKind.GS_SITE_COUNT;
      }
      return site.placement === "stack-check" ? gsSiteKind.GS_SITE_ENTRY_CHECKED : gsSiteKind.GS_SITE_ENTRY;
    case "place":
      return gsSiteKind.GS_SITE_COUNT;
    case "return":
      return gsSiteKind.GS_SITE_RETURN;
    case "tail-jump":
      return gsSiteKind.GS_SITE_TAIL_JUMP;
    case "recovery":
      return gsSiteKind.GS_SITE_RECOVERY;
    case "goexit":
      return gsSiteKind.GS_SITE_GOEXIT;
    case "function":
      return gsSiteKind.GS_SITE_FUNCTION;
    case "function-return":
      return gsSiteKind.GS_SITE_FUNCTION_RETURN;
    case "span-begin":
      return gsSiteKind.GS_SITE_SPAN_BEGIN;
    case "span-end":
      return gsSiteKind.GS_SITE_SPAN_END;
  }
}

const GOROUTINES: Readonly<Record<PlannedProbe["goroutine"], number>> = {
  register: 0,
  tls: gsSiteKind.GS_SITE_G_IN_TLS,
  "behind-c": gsSiteKind.GS_SITE_G_BEHIND_C,
  none: gsSiteKind.GS_SITE_NO_G,
};

/** Of the file that the probe's sites are in; of the runtime's own sites without a probe. */
export function imageBaseOf({ target, libraries }: ProbePlan, owner: PlannedProbe | undefined): number {
  const file = owner === undefined || owner.file === 0 ? target : libraries[owner.file - 1];
  invariant(file !== undefined, "a probe is in a file of its plan");
  return file.imageBase;
}

/** What a program learns of the site it runs at; see `enum gs_site_kind`. The runtime's own sites belong to no probe. */
export function siteCookie(plan: ProbePlan, site: Site, probe: number, owner: PlannedProbe | undefined): bigint {
  const address = site.address - imageBaseOf(plan, owner);
  invariant(probe < 2 ** gsCookie.GS_COOKIE_PROBE_BITS, "probe number fits its cookie bits");
  invariant(address >= 0 && address < 2 ** 36, "site address fits its cookie bits");
  const goroutine = owner?.goroutine ?? (plan.runtime?.goroutineInRegister === true ? "register" : "tls");
  const kind = siteKind(site, owner?.kind) | GOROUTINES[goroutine];
  return (
    BigInt(probe) |
    (BigInt(kind) << BigInt(gsCookie.GS_COOKIE_PROBE_BITS)) |
    (BigInt(address) << BigInt(gsCookie.GS_COOKIE_PROBE_BITS + gsCookie.GS_COOKIE_KIND_BITS))
  );
}

/** What the recipes and codes of a run are made of. */
interface Wiring {
  readonly book: CodeBook;
  /** What the programs look for in recipes: codes where the run has any. */
  readonly recipes: "steps" | "codes";
  readonly imageBase: number;
  readonly events: boolean;
}

const readsCString = ({ steps }: Recipe): boolean => steps.at(-1)?.op === "c-string";

function writeRecipe(
  to: Buffer,
  recipe: Recipe,
  kind: "number" | "string",
  { book, recipes, imageBase }: Wiring,
): void {
  const text = readsCString(recipe) ? gsValueType.GS_C_STRING : gsValueType.GS_STRING;
  to.writeUInt8(kind === "string" ? text : gsValueType.GS_NUMBER, gsRecipe.type.offset);
  to.writeUInt8(recipe.phase === "return" ? 1 : 0, gsRecipe.atReturn.offset);
  invariant(recipe.steps.length <= gsLimits.GS_MAX_STEPS, "the planner bounds the steps");
  // What reads a C string is told by the recipe's type.
  const steps = recipe.steps.filter(({ op }) => op !== "c-string");
  if (recipes === "codes") {
    to.writeUInt32LE(book.add(recipe.code ?? steps, imageBase), gsRecipe.code.offset);
  } else {
    steps.forEach((step, index) => {
      writeStep(to.subarray(gsRecipe.steps.offset + index * gsStep.size), wireStep(step, imageBase));
    });
  }
  for (const step of recipe.code ?? steps) {
    if (step.op !== "linear") continue;
    const operands = [step.low, step.width, step.buckets];
    operands.forEach((operand, place) => {
      to.writeBigInt64LE(BigInt(operand), gsRecipe.linear.offset + 8 * place);
    });
  }
}

/** `struct gs_codes` of one probe. */
function writeCodes(to: Buffer, { condition, captures }: PlannedProbe, { book, imageBase, events }: Wiring): void {
  const u32 = (field: { readonly offset: number }, value: number) => to.writeUInt32LE(value, field.offset);
  const decisions = condition?.decisions ?? [];
  invariant(decisions.length <= gsLimits.GS_MAX_DECIDED, "the planner bounds the decisions");
  decisions.forEach((decision, index) => {
    to.writeUInt32LE(book.add(decision, imageBase), gsCodes.decide.offset + index * gsCodes.decide.stride);
  });
  u32(gsCodes.whereEntry, book.add(condition?.entry, imageBase));
  u32(gsCodes.whereReturn, book.add(condition?.return, imageBase));
  if (!events) return;
  for (const capture of [captures?.entry, captures?.return]) {
    invariant((capture?.slots ?? 0) <= gsLimits.GS_MAX_SLOTS, "the planner bounds what is captured");
  }
  u32(gsCodes.captureEntry, book.add(captures?.entry?.code, imageBase));
  u32(gsCodes.captureReturn, book.add(captures?.return?.code, imageBase));
  u32(gsCodes.entrySlots, captures?.entry?.slots ?? 0);
  u32(gsCodes.returnSlots, captures?.return?.slots ?? 0);
}

/** `struct gs_probe` of a probe, but for what `writeNest` writes. */
function writeProbe(bytes: Buffer, plan: ProbePlan, probe: PlannedProbe, wiring: Wiring): void {
  const recipeAt = (at: number): Buffer => bytes.subarray(at, at + gsRecipe.size);
  probe.recipes.forEach((recipe, index) => {
    const dimension = plan.dimensions[index];
    invariant(dimension !== undefined, "one recipe per dimension");
    const kind = dimension.encoding.kind === "string" ? "string" : "number";
    writeRecipe(recipeAt(gsProbe.recipes.offset + index * gsRecipe.size), recipe, kind, wiring);
  });
  if (probe.value !== undefined) writeRecipe(recipeAt(gsProbe.value.offset), probe.value, "number", wiring);
  writeCodes(bytes.subarray(gsProbe.codes.offset), probe, wiring);
  if (probe.match !== undefined) writeRecipe(recipeAt(gsProbe.match.offset), probe.match, "number", wiring);
  const frame = probe.place?.frame;
  const unknown = isWithinFunction(probe) ? gsFramePlace.GS_NO_RETURN_ADDRESS : 0;
  bytes.writeUInt32LE(frame?.returnAddress ?? unknown, gsProbe.returnAddress.offset);
  bytes.writeUInt32LE(frame?.framePointer === "saved" ? 1 : 0, gsProbe.savedFramePointer.offset);
}

/** What programs look up for each probe, whatever probes share. */
function writeNest(bytes: Buffer, { identity, nest, file }: PlannedProbe): void {
  bytes.writeUInt32LE(IDENTITIES[identity], gsProbe.identity.offset);
  bytes.writeUInt32LE(nest ?? 0, gsProbe.nest.offset);
  bytes.writeUInt32LE(file, gsProbe.file.offset);
}

/**
 * Whether its sites are somewhere in a function, so that its return address need not be where SP is. Go code has no ends of
 * spans but in functions made for them, which have no frame.
 */
function isWithinFunction({ kind, place, goroutine }: PlannedProbe): boolean {
  const isSpan = kind === "span-begin" || kind === "span-end";
  return place?.kind === "usdt" || (isSpan && (goroutine === "none" || goroutine === "behind-c"));
}

const IDENTITIES: Readonly<Record<PlannedProbe["identity"], number>> = {
  goroutine: gsIdentity.GS_BY_GOROUTINE,
  thread: gsIdentity.GS_BY_THREAD,
  value: gsIdentity.GS_BY_VALUE,
};

/** Whether the programs need to know more than Go's calls and code. */
export const hasNests = ({ probes }: ProbePlan): boolean =>
  probes.some(
    ({ identity, goroutine, place, recipes, nest }) =>
      nest !== undefined ||
      identity !== "goroutine" ||
      goroutine === "none" ||
      goroutine === "behind-c" ||
      place?.kind === "usdt" ||
      recipes.some(readsCString),
  );

/** Recipes, conditions and captures of all probes. */
export interface WiredProbes {
  /** `struct gs_probe` of each, one behind the other. */
  readonly each: Buffer;
  /** What all have but for their nests and files; undefined when they differ. */
  readonly shared: Buffer | undefined;
  readonly book: CodeBook;
  /** Whether hits take a workspace. */
  readonly working: boolean;
}

/** Whether anything of a probe is a code in such a run. */
function hasCodes({ recipes, value, match, condition, captures }: PlannedProbe, events: boolean): boolean {
  const captured = events ? [captures?.entry?.code, captures?.return?.code] : [];
  const judged = [...(condition?.decisions ?? []), condition?.entry, condition?.return];
  const evaluated = [...recipes, value, match].map((recipe) => recipe?.code);
  return [...evaluated, ...judged, ...captured].some((code) => code !== undefined);
}

export function wireProbes(plan: ProbePlan, settings: Pick<RunSettings, "events" | "hasLoop">): WiredProbes {
  if (plan.probes.some((probe) => hasCodes(probe, settings.events))) return wiredAs("codes", plan, settings);
  const wired = wiredAs("steps", plan, settings);
  // Steps that are no constants the verifier follows in every way, wherever one is evaluated: too many for its patience, soon.
  const evaluates = plan.dimensions.length > 0 || plan.measure.kind === "value";
  const differ = wired.shared === undefined && evaluates;
  return differ && settings.hasLoop ? wiredAs("codes", plan, settings) : wired;
}

function wiredAs(recipes: Wiring["recipes"], plan: ProbePlan, { events }: Pick<RunSettings, "events">): WiredProbes {
  const book = new CodeBook();
  const { probes } = plan;
  const each = Buffer.alloc(gsProbe.size * probes.length);
  const probeAt = (number: number): Buffer => each.subarray(gsProbe.size * number, gsProbe.size * (number + 1));
  for (const [number, probe] of probes.entries()) {
    writeProbe(probeAt(number), plan, probe, { book, recipes, imageBase: imageBaseOf(plan, probe), events });
  }
  const first = Buffer.from(probeAt(0));
  const shared = probes.length > 0 && probes.every((_, number) => probeAt(number).equals(first)) ? first : undefined;
  for (const [number, probe] of probes.entries()) writeNest(probeAt(number), probe);
  return { each, shared, book, working: book.used || events };
}

const padded = (bytes: number): number => Math.ceil(bytes / 8) * 8;

/** Size of a value of `captures`: what the largest of the plan's entries takes; 0 when none is captured before its end. */
export function captureBytes(plan: ProbePlan): number {
  const sizes = plan.probes
    .filter(({ kind }) => kind === "call" || kind === "span-begin")
    .flatMap(({ captures }) => captures?.entry ?? [])
    .map(({ slots, tailBytes }) => gsCapture.size + 8 * slots + padded(slots) + padded(tailBytes));
  return Math.max(0, ...sizes);
}

export interface RunSettings {
  /** 0: any process. */
  readonly tgid: number;
  /** Set when gospect is not in the initial pid namespace. */
  readonly pidNamespace: { readonly device: bigint; readonly inode: bigint } | undefined;
  /** Whose processes are measured, where files are others' too. */
  readonly program?: ProgramIdentity | undefined;
  readonly seriesCapacity: number;
  readonly histogram: boolean;
  readonly stacks: boolean;
  readonly events: boolean;
  readonly origins: boolean;
  /** Durations without probe time. */
  readonly net?: boolean;
  readonly hasLoop: boolean;
  /** Undefined: the kernel does all returns. */
  readonly returns?: DoneReturns | undefined;
  /** Of maps, by name, in place of the sizes that the plan asks for. */
  readonly capacities?: Readonly<Record<string, number>>;
}

const MEASURES: Readonly<Record<ProbePlan["measure"]["kind"], number>> = {
  duration: gsMeasure.GS_MEASURE_DURATION,
  value: gsMeasure.GS_MEASURE_VALUE,
  count: gsMeasure.GS_MEASURE_NOTHING,
};

/** `struct gs_config` of the run. */
export function wireConfig(plan: ProbePlan, settings: RunSettings, wired: WiredProbes): Buffer {
  const bytes = Buffer.alloc(gsConfig.size);
  const u32 = (field: { readonly offset: number }, value: number) => bytes.writeUInt32LE(value, field.offset);
  const flag = (field: { readonly offset: number }, value: boolean) => u32(field, value ? 1 : 0);
  const phases = plan.probes.flatMap((probe) => probe.recipes.map((recipe) => recipe.phase));
  bytes.writeBigUInt64LE(settings.pidNamespace?.device ?? 0n, gsConfig.pidNsDevice.offset);
  bytes.writeBigUInt64LE(settings.pidNamespace?.inode ?? 0n, gsConfig.pidNsInode.offset);
  u32(gsConfig.tgid, settings.tgid);
  u32(gsConfig.goidOffset, plan.runtime?.goidOffset ?? 0);
  u32(gsConfig.mOffset, plan.runtime?.mOffset ?? 0);
  u32(gsConfig.curgOffset, plan.runtime?.curgOffset ?? 0);
  u32(gsConfig.schedSpOffset, plan.runtime?.schedSpOffset ?? 0);
  u32(gsConfig.schedBpOffset, plan.runtime?.schedBpOffset ?? 0);
  flag(gsConfig.nests, hasNests(plan));
  flag(
    gsConfig.values,
    plan.probes.some(({ identity }) => identity === "value"),
  );
  bytes.writeBigUInt64LE(settings.program?.inode ?? 0n, gsConfig.exeInode.offset);
  bytes.writeBigUInt64LE(BigInt(settings.program?.device ?? 0), gsConfig.exeDevice.offset);
  bytes.writeBigUInt64LE(settings.returns?.image ?? 0n, gsConfig.returnImage.offset);
  flag(gsConfig.doesReturns, settings.returns?.by === "this run");
  // A plan without it has no probes that need it.
  bytes.writeInt32LE(plan.runtime?.tlsOffset ?? 0, gsConfig.tlsOffset.offset);
  u32(gsConfig.probes, plan.probes.length);
  u32(gsConfig.seriesCapacity, settings.seriesCapacity);
  u32(gsConfig.dimensions, plan.dimensions.length);
  const key = keyLayout(plan.dimensions);
  u32(gsConfig.keyBytes, key.bytes);
  flag(gsConfig.entryDimensions, phases.includes("entry"));
  flag(gsConfig.returnDimensions, phases.includes("return"));
  flag(gsConfig.stacks, settings.stacks);
  flag(gsConfig.histogram, settings.histogram);
  flag(gsConfig.hasLoop, settings.hasLoop);
  u32(gsConfig.measure, MEASURES[plan.measure.kind]);
  flag(gsConfig.signedValue, plan.measure.kind === "value" && plan.measure.signed);
  flag(gsConfig.working, wired.working);
  flag(gsConfig.codes, wired.book.used);
  flag(
    gsConfig.conditions,
    plan.probes.some(({ condition }) => condition !== undefined),
  );
  flag(gsConfig.events, settings.events);
  flag(gsConfig.origins, settings.origins);
  flag(gsConfig.net, settings.net === true);
  u32(gsConfig.captureBytes, settings.events ? captureBytes(plan) : 0);
  u32(gsConfig.parentGoidOffset, plan.runtime?.parentGoidOffset ?? 0);
  u32(gsConfig.gopcOffset, plan.runtime?.gopcOffset ?? 0);
  flag(gsConfig.oneRecipe, wired.shared !== undefined);
  wired.shared?.copy(bytes, gsConfig.only.offset);
  key.slots.forEach((slot, index) => {
    bytes.writeUInt32LE(slot, gsConfig.slots.offset + 4 * index);
  });
  return bytes;
}
