/** A place in the middle of a function, as it is found in the code: which instructions stand for it. */
import type { VirtualAddress } from "../base/index.js";
import { architectureOf, type ControlFlow, type GoBinary } from "../binary/index.js";
import type { GoFunction } from "../symbols/index.js";
import type { FrameAtSite, PlannedPlace } from "./plan.js";

export interface CodePlace {
  readonly kind: PlannedPlace["kind"];
  /** What results call it. */
  readonly name: string;
  /** In the source: the line; of a copy, where its call is. */
  readonly file: string | undefined;
  readonly line: number | undefined;
  /** Whose code it is in. */
  readonly fn: GoFunction;
  readonly flow: ControlFlow;
  /** Instructions that run each time the place is passed, and no other time, in the order in which they run. */
  readonly instructions: readonly number[];
  /** The first of these at which variables have the values that they have there, in the same order. */
  readonly readable: readonly number[];
  /** An instruction that debug data count among the place's function, and how many calls were inlined around it. */
  readonly within: VirtualAddress;
  readonly depth: number;
}

/** As many of these, in the order in which they run, as nothing before them can keep from running: no call, no fault. */
export function sureToRun(flow: ControlFlow, instructions: readonly number[]): readonly number[] {
  const [first] = instructions;
  if (first === undefined) return [];
  const last = instructions.at(-1) ?? first;
  let end = first;
  while (end < last && flow.effectOf(end) === "other") end++;
  return instructions.filter((index) => index <= end);
}

/** Those that the kernel emulates before those that it does not, which cost six times as much. */
export function cheapestFirst(binary: GoBinary, flow: ControlFlow, instructions: readonly number[]): readonly number[] {
  const architecture = architectureOf(binary.arch);
  const cost = (index: number): number => (architecture.isEmulated(flow.bytesOf(index)) ? 0 : 1);
  return [...instructions].sort((left, right) => cost(left) - cost(right));
}

/**
 * Where the callers' frames begin at an instruction behind the function's prologue. Undefined when no table says how deep
 * the stack is. FACT(go1.12..go1.27): a function with a frame of its own keeps the caller's frame pointer at its top.
 */
export function frameAt(binary: GoBinary, address: VirtualAddress): FrameAtSite | undefined {
  const returnAddress = binary.pclntab.stackDepthAt(address);
  if (returnAddress === undefined || returnAddress < 0) return undefined;
  return { returnAddress, framePointer: returnAddress === 0 ? "register" : "saved" };
}
