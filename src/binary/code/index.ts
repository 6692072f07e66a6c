/**
 * Turns a function's bytes into instructions, and those into the places where a call of it begins and ends. Knows what Go
 * compilers write around a body and what uprobes accept; knows nothing of files, symbols, types or kernels at hand.
 */

import type { VirtualAddress } from "../../base/index.js";
import { AMD64_ARCHITECTURE } from "./amd64-prologue.js";
import type { Architecture } from "./architecture.js";
import { ARM64_ARCHITECTURE } from "./arm64-prologue.js";
import { type Instruction, instructionAt } from "./instruction.js";

export type { Architecture } from "./architecture.js";
export { analyzeFlow, type ControlFlow, type FlowContext, type InstructionEffect } from "./control-flow.js";
export type { Instruction, InstructionKind } from "./instruction.js";
export {
  type CodeContext,
  type EntryPlacement,
  type EntrySite,
  type ExitSite,
  type FunctionSites,
  findCalls,
  findSites,
  type SiteSummary,
  summarizeSites,
} from "./sites.js";

export const architectureOf = (arch: "amd64" | "arm64"): Architecture =>
  arch === "amd64" ? AMD64_ARCHITECTURE : ARM64_ARCHITECTURE;

/**
 * Every instruction of a function, padding left out; undefined when the bytes are not instructions from end to end. With
 * `most`, the first so many, whatever follows them.
 */
export function decodeFunction(
  architecture: Architecture,
  bytes: Buffer,
  address: VirtualAddress,
  most?: number,
): readonly Instruction[] | undefined {
  const code = architecture.instructions.decode(bytes, address, most);
  if (code === undefined) return undefined;
  return Array.from({ length: code.count }, (_, index) => instructionAt(architecture.instructions, code, index));
}
