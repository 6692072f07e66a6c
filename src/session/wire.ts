/**
 * The plan as the programs read it: cookies, recipes, configuration, and the layout of series keys. Everything here is
 * bpf/abi.h's, through its generated constants.
 */
import {
  gsConfig,
  gsCookie,
  gsLimits,
  gsMeasure,
  gsOpcode,
  gsProbe,
  gsRecipe,
  gsRegister,
  gsSiteKind,
  gsStep,
  gsValueType,
} from "../abi/index.js";
import { invariant } from "../base/index.js";
import type { Dimension, FetchStep, PlannedProbe, ProbePlan, Recipe, Site } from "../probes/index.js";

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
    case "return":
      return gsSiteKind.GS_SITE_RETURN;
    case "tail-jump":
      return gsSiteKind.GS_SITE_TAIL_JUMP;
    case "recovery":
      return gsSiteKind.GS_SITE_RECOVERY;
    case "goexit":
      return gsSiteKind.GS_SITE_GOEXIT;
  }
}

/** What a program learns of the site it runs at; see `enum gs_site_kind`. The runtime's own sites belong to no probe. */
export function siteCookie(plan: ProbePlan, site: Site, probe: number, owner: PlannedProbe | undefined): bigint {
  const address = site.address - plan.target.imageBase;
  invariant(probe < 2 ** gsCookie.GS_COOKIE_PROBE_BITS, "probe number fits its cookie bits");
  invariant(address >= 0 && address < 2 ** 36, "site address fits its cookie bits");
  const goroutine = owner?.goroutine ?? (plan.runtime.goroutineInRegister ? "register" : "tls");
  const kind = siteKind(site, owner?.kind) | (goroutine === "tls" ? gsSiteKind.GS_SITE_G_IN_TLS : 0);
  return (
    BigInt(probe) |
    (BigInt(kind) << BigInt(gsCookie.GS_COOKIE_PROBE_BITS)) |
    (BigInt(address) << BigInt(gsCookie.GS_COOKIE_PROBE_BITS + gsCookie.GS_COOKIE_KIND_BITS))
  );
}

const REGISTERS: Readonly<Record<(FetchStep & { op: "register" })["register"], number>> = {
  ax: gsRegister.GS_AX,
  bx: gsRegister.GS_BX,
  cx: gsRegister.GS_CX,
  di: gsRegister.GS_DI,
  si: gsRegister.GS_SI,
  r8: gsRegister.GS_R8,
  r9: gsRegister.GS_R9,
  r10: gsRegister.GS_R10,
  r11: gsRegister.GS_R11,
  dx: gsRegister.GS_DX,
  r14: gsRegister.GS_R14,
  r15: gsRegister.GS_R15,
  bp: gsRegister.GS_BP,
  r12: gsRegister.GS_R12,
  r13: gsRegister.GS_R13,
};

interface WireStep {
  readonly opcode: number;
  readonly a?: number;
  readonly b?: number;
  readonly imm?: number;
}

function wireStep(step: FetchStep, imageBase: number): WireStep {
  switch (step.op) {
    case "register":
      return { opcode: gsOpcode.GS_REGISTER, a: REGISTERS[step.register] };
    case "register-b":
      return { opcode: gsOpcode.GS_REGISTER_B, a: REGISTERS[step.register] };
    case "stack":
      return { opcode: gsOpcode.GS_STACK, imm: step.offset };
    case "image":
      // Unsigned 32 bits on the other side: an image of up to 4 GiB.
      return { opcode: gsOpcode.GS_IMAGE, imm: (step.address - imageBase) | 0 };
    case "load":
      return { opcode: gsOpcode.GS_LOAD, a: step.size, b: step.signed ? 1 : 0, imm: step.offset };
    case "load-pair":
      return { opcode: gsOpcode.GS_LOAD_PAIR, imm: step.offset };
    case "add":
      return { opcode: gsOpcode.GS_ADD, imm: step.value };
    case "take-b":
      return { opcode: gsOpcode.GS_TAKE_B };
    case "give-b":
      return { opcode: gsOpcode.GS_GIVE_B };
    case "log2":
      return { opcode: gsOpcode.GS_LOG2, b: step.signed ? 1 : 0 };
    case "linear":
      return { opcode: gsOpcode.GS_LINEAR, b: step.signed ? 1 : 0 };
    case "truncate":
      return { opcode: gsOpcode.GS_TRUNCATE, a: step.size, b: step.signed ? 1 : 0 };
    case "not-zero":
      return { opcode: gsOpcode.GS_NOT_ZERO };
  }
}

function writeRecipe(to: Buffer, recipe: Recipe, kind: "number" | "string", imageBase: number): void {
  const type = kind === "string" ? gsValueType.GS_STRING : gsValueType.GS_NUMBER;
  to.writeUInt8(type, gsRecipe.type.offset);
  to.writeUInt8(recipe.phase === "return" ? 1 : 0, gsRecipe.atReturn.offset);
  invariant(recipe.steps.length <= gsLimits.GS_MAX_STEPS, "the planner bounds the steps");
  recipe.steps.forEach((step, index) => {
    const wire = wireStep(step, imageBase);
    const at = gsRecipe.steps.offset + index * gsStep.size;
    to.writeUInt8(wire.opcode, at + gsStep.opcode.offset);
    to.writeUInt8(wire.a ?? 0, at + gsStep.a.offset);
    to.writeUInt8(wire.b ?? 0, at + gsStep.b.offset);
    to.writeInt32LE(wire.imm ?? 0, at + gsStep.imm.offset);
    if (step.op === "linear") {
      const operands = [step.low, step.width, step.buckets];
      operands.forEach((operand, place) => {
        to.writeBigInt64LE(BigInt(operand), gsRecipe.linear.offset + 8 * place);
      });
    }
  });
}

/** `struct gs_probe` of one probe. */
export function wireProbe(plan: ProbePlan, probe: PlannedProbe): Buffer {
  const bytes = Buffer.alloc(gsProbe.size);
  probe.recipes.forEach((recipe, index) => {
    const dimension = plan.dimensions[index];
    invariant(dimension !== undefined, "one recipe per dimension");
    const at = gsProbe.recipes.offset + index * gsRecipe.size;
    const kind = dimension.encoding.kind === "string" ? "string" : "number";
    writeRecipe(bytes.subarray(at, at + gsRecipe.size), recipe, kind, plan.target.imageBase);
  });
  if (probe.value !== undefined) {
    const at = gsProbe.value.offset;
    writeRecipe(bytes.subarray(at, at + gsRecipe.size), probe.value, "number", plan.target.imageBase);
  }
  return bytes;
}

/** The recipes of every probe when all have the same; undefined when they differ. */
export function sharedRecipes(plan: ProbePlan): Buffer | undefined {
  const [first, ...rest] = plan.probes.map((probe) => wireProbe(plan, probe));
  return first !== undefined && rest.every((other) => other.equals(first)) ? first : undefined;
}

export interface RunSettings {
  /** 0: any process. */
  readonly tgid: number;
  /** Set when gospect is not in the initial pid namespace. */
  readonly pidNamespace: { readonly device: bigint; readonly inode: bigint } | undefined;
  readonly seriesCapacity: number;
  readonly histogram: boolean;
  readonly stacks: boolean;
  readonly hasLoop: boolean;
  /** Of maps, by name, in place of the sizes that the plan asks for. */
  readonly capacities?: Readonly<Record<string, number>>;
}

const MEASURES: Readonly<Record<ProbePlan["measure"]["kind"], number>> = {
  duration: gsMeasure.GS_MEASURE_DURATION,
  value: gsMeasure.GS_MEASURE_VALUE,
  count: gsMeasure.GS_MEASURE_NOTHING,
};

/** `struct gs_config` of the run. */
export function wireConfig(plan: ProbePlan, settings: RunSettings): Buffer {
  const bytes = Buffer.alloc(gsConfig.size);
  const u32 = (field: { readonly offset: number }, value: number) => bytes.writeUInt32LE(value, field.offset);
  const flag = (field: { readonly offset: number }, value: boolean) => u32(field, value ? 1 : 0);
  const phases = plan.probes.flatMap((probe) => probe.recipes.map((recipe) => recipe.phase));
  bytes.writeBigUInt64LE(settings.pidNamespace?.device ?? 0n, gsConfig.pidNsDevice.offset);
  bytes.writeBigUInt64LE(settings.pidNamespace?.inode ?? 0n, gsConfig.pidNsInode.offset);
  u32(gsConfig.tgid, settings.tgid);
  u32(gsConfig.goidOffset, plan.runtime.goidOffset);
  u32(gsConfig.mOffset, plan.runtime.mOffset);
  u32(gsConfig.curgOffset, plan.runtime.curgOffset);
  u32(gsConfig.schedSpOffset, plan.runtime.schedSpOffset);
  // A plan without it has no probes that need it.
  bytes.writeInt32LE(plan.runtime.tlsOffset ?? 0, gsConfig.tlsOffset.offset);
  u32(gsConfig.probes, plan.probes.length);
  u32(gsConfig.seriesCapacity, settings.seriesCapacity);
  u32(gsConfig.dimensions, plan.dimensions.length);
  flag(gsConfig.entryDimensions, phases.includes("entry"));
  flag(gsConfig.returnDimensions, phases.includes("return"));
  flag(gsConfig.stacks, settings.stacks);
  flag(gsConfig.histogram, settings.histogram);
  flag(gsConfig.hasLoop, settings.hasLoop);
  u32(gsConfig.measure, MEASURES[plan.measure.kind]);
  flag(gsConfig.signedValue, plan.measure.kind === "value" && plan.measure.signed);
  const only = sharedRecipes(plan);
  flag(gsConfig.oneRecipe, only !== undefined);
  only?.copy(bytes, gsConfig.only.offset);
  keyLayout(plan.dimensions).slots.forEach((slot, index) => {
    bytes.writeUInt32LE(slot, gsConfig.slots.offset + 4 * index);
  });
  return bytes;
}
