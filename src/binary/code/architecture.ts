/** What the analysis of a function asks of an architecture, beyond decoding. */
import type { VirtualAddress } from "../../base/index.js";
import type { InstructionEffect } from "./control-flow.js";
import type { DecodedCode, InstructionSet } from "./instruction.js";

/** A Go stack check: the conditional jump to the code that grows the stack. */
export interface StackCheck {
  /** Index of the jump that is taken when the stack is too small. */
  readonly jump: number;
  /** Index of the instruction that calls the runtime to grow the stack. */
  readonly growCall: number;
  /** Index of the jump back to the function's start. */
  readonly restart: number;
}

export interface Architecture {
  readonly instructions: InstructionSet;
  /** What every byte between two functions is. */
  readonly padding: number;
  /** How many instructions at the start do nothing at all (branch landing marks, padding). */
  countNeutral(code: DecodedCode): number;
  /** The stack check at the function's start, recognised strictly; `growsStack` knows the runtime's entry points. */
  findStackCheck(code: DecodedCode, growsStack: (target: number) => boolean): StackCheck | undefined;
  /** True for an instruction that saves the frame pointer by a push and may carry the entry probe. */
  isFramePush(bytes: Buffer): boolean;
  /** Why the kernel would not take a uprobe on this instruction; undefined when it does. */
  uprobeObjection(bytes: Buffer): string | undefined;
  /** True when the kernel emulates the instruction under a uprobe: one trap instead of two. */
  isEmulated(bytes: Buffer): boolean;
  /** True for the instruction of one byte that does nothing, and with which Go's compiler marks a call that it inlined. */
  isNop(bytes: Buffer): boolean;
  /** True for what sets up a frame behind the stack check: saves the frame pointer, sets it, makes room. */
  makesFrame(bytes: Buffer): boolean;
  /** What an instruction does that is no jump, call or return. */
  effectOf(bytes: Buffer): InstructionEffect;
  /** Address of the table of addresses through which an indexed jump goes; undefined where it can't be told. */
  findJumpTable(code: DecodedCode, jump: number): VirtualAddress | undefined;
}

/**
 * The slow path behind a stack check: registers are saved, the runtime is called, registers are restored, and the
 * function begins anew. Shared by all architectures.
 */
export function findSlowPath(
  code: DecodedCode,
  first: number,
  start: number,
  kinds: { readonly other: number; readonly call: number; readonly jump: number },
  growsStack: (target: number) => boolean,
): { readonly growCall: number; readonly restart: number } | undefined {
  let index = first;
  while (index < code.count && code.kinds[index] === kinds.other) index++;
  if (code.kinds[index] !== kinds.call || !growsStack(code.address + (code.targets[index] ?? 0))) return undefined;
  const growCall = index++;
  while (index < code.count && code.kinds[index] === kinds.other) index++;
  if (code.kinds[index] !== kinds.jump || code.targets[index] !== start) return undefined;
  return { growCall, restart: index };
}
