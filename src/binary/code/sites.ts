/**
 * Finds the instructions at which a Go function begins a call and gives control back to its caller.
 *
 * A uretprobe is not an option in a Go process: the kernel replaces the return address on the stack, and the runtime
 * aborts when it next walks or moves that stack. Each return instruction gets a uprobe of its own.
 *
 * The entry site must be reached exactly once a call, with SP at the return address and the arguments where the ABI
 * puts them. The first instruction alone is not enough: growing the stack runs it again. So the site is, in this order,
 * the stack check's jump (the program drops the hit when it is taken), a frame push at the start, the first
 * instruction. Whatever is not understood is refused with a reason.
 */
import type { Outcome, VirtualAddress } from "../../base/index.js";
import { found, hex, refused } from "../../base/index.js";
import type { Architecture, StackCheck } from "./architecture.js";
import {
  bytesOf,
  CALL,
  CONDITIONAL_JUMP,
  type DecodedCode,
  decodeWhole,
  findInstruction,
  INDEXED_JUMP,
  INDIRECT_JUMP,
  type Instruction,
  instructionAt,
  JUMP,
  OTHER,
  RETURN,
} from "./instruction.js";

/** Why the entry site is where it is: the stack check's jump, the frame push, or the first instruction. */
export type EntryPlacement = "stack-check" | "push" | "first";

export interface EntrySite {
  readonly place: EntryPlacement;
  readonly instruction: Instruction;
}

/** A return, or a jump that leaves the function: whoever it reaches returns to the caller. */
export interface ExitSite {
  readonly kind: "return" | "tail-jump";
  readonly instruction: Instruction;
}

export interface FunctionSites {
  readonly entry: EntrySite;
  /** In address order; at least one where they are needed. */
  readonly exits: readonly ExitSite[];
}

/** What the analysis must know of the binary around the function. */
export interface CodeContext {
  /** True for the entry of a runtime function that grows the stack (`runtime.morestack` and its kin). */
  growsStack(target: number): boolean;
  /** The function is assembly: its author kept no compiler's promises. */
  readonly assembly: boolean;
  /** `unneeded`: a call's beginning is all that is asked for, so that it need not have an end. */
  readonly exits: "needed" | "unneeded";
}

/** What `list` says of a function's sites. */
export interface SiteSummary {
  readonly entry: EntrySite;
  readonly exitCount: number;
}

/** Sites of a function; refused: `undecodable`, `no-return`, `entry-is-exit`, `entry-repeats`, `leaves-conditionally`, `computed-jump`, `unprobeable`. */
export function findSites(
  architecture: Architecture,
  bytes: Buffer,
  address: VirtualAddress,
  context: CodeContext,
): Outcome<FunctionSites> {
  const located = locateSites(architecture, bytes, address, context);
  if (!located.ok) return located;
  const { code, entry, exits } = located.value;
  return found({
    entry: entrySite(architecture, code, entry),
    exits: exits.map((index) => ({
      kind: code.kinds[index] === RETURN ? "return" : "tail-jump",
      instruction: instructionAt(architecture.instructions, code, index),
    })),
  });
}

/** As findSites, without the exits as values of their own: what a program's functions have is told in a third of the time. */
export function summarizeSites(
  architecture: Architecture,
  bytes: Buffer,
  address: VirtualAddress,
  context: CodeContext,
): Outcome<SiteSummary> {
  const located = locateSites(architecture, bytes, address, context);
  if (!located.ok) return located;
  const { code, entry, exits } = located.value;
  return found({ entry: entrySite(architecture, code, entry), exitCount: exits.length });
}

interface EntryIndex {
  readonly place: EntryPlacement;
  readonly index: number;
}

const entrySite = (architecture: Architecture, code: DecodedCode, { place, index }: EntryIndex): EntrySite => ({
  place,
  instruction: instructionAt(architecture.instructions, code, index),
});

/** Sites as indexes of instructions. */
interface LocatedSites {
  readonly code: DecodedCode;
  readonly entry: EntryIndex;
  readonly exits: readonly number[];
}

function locateSites(
  architecture: Architecture,
  bytes: Buffer,
  address: VirtualAddress,
  context: CodeContext,
): Outcome<LocatedSites> {
  const decoded = decodeWhole(architecture.instructions, bytes, address);
  if (!decoded.ok) return decoded;
  const code = decoded.value;
  const last = code.kinds[code.count - 1];
  if (context.assembly && (last === OTHER || last === CONDITIONAL_JUMP)) {
    return refused("undecodable", "it runs on into the next function");
  }
  const check = architecture.findStackCheck(code, context.growsStack);
  const entry = placeEntry(architecture, code, check);
  const exits = findExits(architecture, code, context);
  if (!exits.ok) return exits;
  if (exits.value.length === 0 && context.exits === "needed") {
    return refused("no-return", "it never returns: there is no return and no jump out of it");
  }
  const repeated = findRepetition(code, entry.index, check);
  if (repeated !== undefined) {
    const at = hex(address + (code.offsets[repeated] ?? 0));
    return refused("entry-repeats", `the jump at ${at} leads back to its beginning: entries could not be told apart`);
  }
  const at = (index: number): Instruction => instructionAt(architecture.instructions, code, index);
  if (exits.value.includes(entry.index)) {
    return refused("entry-is-exit", `its only place for an entry probe, \`${at(entry.index).text}\`, leaves it`);
  }
  for (const index of [entry.index, ...exits.value]) {
    const objection = architecture.uprobeObjection(bytesOf(code, index));
    if (objection !== undefined) {
      const instruction = at(index);
      const where = `\`${instruction.text}\` at ${hex(instruction.address)}`;
      return refused("unprobeable", `the kernel takes no uprobe on ${where}: ${objection}`);
    }
  }
  return found({ code, entry, exits: exits.value });
}

function placeEntry(architecture: Architecture, code: DecodedCode, check: StackCheck | undefined): EntryIndex {
  if (check !== undefined) return { place: "stack-check", index: check.jump };
  const first = Math.min(architecture.countNeutral(code), code.count - 1);
  const offset = code.offsets[first];
  if (architecture.isFramePush(code.bytes.subarray(offset, code.offsets[first + 1])))
    return { place: "push", index: first };
  return { place: "first", index: 0 };
}

function findExits(architecture: Architecture, code: DecodedCode, context: CodeContext): Outcome<readonly number[]> {
  const exits: number[] = [];
  const at = (index: number): Instruction => instructionAt(architecture.instructions, code, index);
  for (let index = 0; index < code.count; index++) {
    const kind = code.kinds[index];
    if (kind === OTHER) continue;
    if (kind === RETURN) {
      exits.push(index);
    } else if (kind === JUMP || kind === CONDITIONAL_JUMP) {
      const target = code.targets[index] ?? 0;
      if (target >= 0 && target < code.bytes.length) {
        if (findInstruction(code, target) !== undefined) continue;
        return refused("undecodable", `\`${at(index).text}\` leads into the middle of an instruction`);
      }
      if (kind === CONDITIONAL_JUMP) {
        return refused("leaves-conditionally", `\`${at(index).text}\` may leave it: its end could not be told`);
      }
      exits.push(index);
    } else if (kind === INDIRECT_JUMP) {
      if (context.assembly) {
        return refused("computed-jump", `\`${at(index).text}\` may lead anywhere, inside it or out of it`);
      }
      // FACT(go1.19..go1.27): compiled code jumps inside a function through a table only, which is an indexed jump.
      exits.push(index);
    } else if (kind === INDEXED_JUMP && context.assembly) {
      return refused("computed-jump", `\`${at(index).text}\` may lead anywhere, inside it or out of it`);
    }
  }
  return found(exits);
}

/** A jump that would bring control to the entry site again; the one that restarts a function on a larger stack is no such. */
function findRepetition(code: DecodedCode, entry: number, check: StackCheck | undefined): number | undefined {
  const end = code.offsets[entry] ?? 0;
  for (let index = 0; index < code.count; index++) {
    const kind = code.kinds[index];
    if (kind !== JUMP && kind !== CONDITIONAL_JUMP) continue;
    const target = code.targets[index] ?? 0;
    if (target >= 0 && target <= end && index !== check?.restart) return index;
  }
  return undefined;
}

/** Direct calls of a function whose target is wanted, in address order; undefined when the bytes are not understood. */
export function findCalls(
  architecture: Architecture,
  bytes: Buffer,
  address: VirtualAddress,
  wanted: (target: number) => boolean,
): readonly Instruction[] | undefined {
  const code = architecture.instructions.decode(bytes, address);
  if (code === undefined) return undefined;
  const calls: Instruction[] = [];
  for (let index = 0; index < code.count; index++) {
    if (code.kinds[index] === CALL && wanted(address + (code.targets[index] ?? 0))) {
      calls.push(instructionAt(architecture.instructions, code, index));
    }
  }
  return calls;
}
