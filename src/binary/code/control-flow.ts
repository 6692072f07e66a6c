/**
 * The ways control takes through one function: basic blocks, and which of them must have run before another does.
 *
 * An edge too many makes fewer blocks dominate and more of them lie on cycles, so whoever proves something by either is
 * never wrong for an edge that is not really taken. An edge too few would be: what can't be followed is refused.
 */
import type { Outcome, VirtualAddress } from "../../base/index.js";
import { found, hex, refused } from "../../base/index.js";
import type { Architecture } from "./architecture.js";
import {
  bytesOf,
  CALL,
  CONDITIONAL_JUMP,
  type DecodedCode,
  decodeWhole,
  findInstruction,
  INDEXED_JUMP,
  INDIRECT_CALL,
  INDIRECT_JUMP,
  type Instruction,
  instructionAt,
  JUMP,
  RETURN,
  TRAP,
} from "./instruction.js";

/** What must be known of the binary around the function. */
export interface FlowContext {
  /** True for the entry of a runtime function that grows the stack. */
  growsStack(target: number): boolean;
  /** True for the entry of a function that never returns. */
  neverReturns(target: number): boolean;
  /** True for the function that runs deferred calls: a call that panicked and recovered goes on where it is called. */
  runsDeferred(target: number): boolean;
  /** The word at an address of the loaded program; undefined where there is none. */
  readWord(address: VirtualAddress): number | undefined;
}

/** What `effectOf` says of an instruction. */
export type InstructionEffect =
  /** Always runs where its source says, and exactly as often: a call, a store outside of the stack. */
  | "pinned"
  /** A conditional jump stays where it is too, but may have the line of what runs before it in its block. */
  | "branch"
  /** Reads memory outside of the stack: compilers may move it, but not to where its source would not run. */
  | "load"
  /** Touches memory outside of the stack in some other way, or may: where the pointer is nil, nothing behind it runs. */
  | "access"
  | "other";

interface FlowParts {
  readonly starts: readonly number[];
  readonly successors: readonly (readonly number[])[];
  readonly roots: readonly number[];
  readonly bodyStart: number;
}

/** A function's code in blocks. Instructions and blocks are spoken of by number; blocks are in address order. */
export class ControlFlow {
  readonly address: VirtualAddress;
  readonly instructionCount: number;
  readonly blockCount: number;
  /** The first instruction behind the stack check and what sets up the frame. */
  readonly bodyStart: number;
  private readonly architecture: Architecture;
  private readonly code: DecodedCode;
  /** First instruction of each block, and behind the last one the count of instructions. */
  private readonly starts: Int32Array;
  private readonly successors: readonly (readonly number[])[];
  private readonly roots: readonly number[];
  private immediate: Int32Array | undefined;
  private predecessors: readonly (readonly number[])[] | undefined;

  constructor(architecture: Architecture, code: DecodedCode, { starts, successors, roots, bodyStart }: FlowParts) {
    this.architecture = architecture;
    this.code = code;
    this.address = code.address;
    this.instructionCount = code.count;
    this.blockCount = starts.length;
    this.starts = Int32Array.from([...starts, code.count]);
    this.successors = successors;
    this.roots = roots;
    this.bodyStart = bodyStart;
  }

  /** The number of the instruction that begins at an offset from the function's entry. */
  findInstruction(offset: number): number | undefined {
    return findInstruction(this.code, offset);
  }

  offsetOf(index: number): number {
    return this.code.offsets[index] ?? 0;
  }

  bytesOf(index: number): Buffer {
    return bytesOf(this.code, index);
  }

  instruction(index: number): Instruction {
    return instructionAt(this.architecture.instructions, this.code, index);
  }

  /** Where a direct call goes, from the function's entry; undefined for every other instruction. */
  callTarget(index: number): number | undefined {
    return this.code.kinds[index] === CALL ? this.code.targets[index] : undefined;
  }

  effectOf(index: number): InstructionEffect {
    const kind = this.code.kinds[index];
    if (kind === CALL || kind === INDIRECT_CALL) return "pinned";
    if (kind === CONDITIONAL_JUMP) return "branch";
    return this.architecture.effectOf(this.bytesOf(index));
  }

  blockOf(index: number): number {
    let low = 0;
    let high = this.blockCount;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.starts[middle] ?? 0) <= index) low = middle;
      else high = middle;
    }
    return low;
  }

  /** The instructions of a block: the first, and the one behind the last. */
  instructionsOf(block: number): { readonly first: number; readonly end: number } {
    return { first: this.starts[block] ?? 0, end: this.starts[block + 1] ?? 0 };
  }

  successorsOf(block: number): readonly number[] {
    return this.successors[block] ?? [];
  }

  predecessorsOf(block: number): readonly number[] {
    this.predecessors ??= this.findPredecessors();
    return this.predecessors[block] ?? [];
  }

  /** True when control can begin a block without having been in any other. */
  isRoot(block: number): boolean {
    return this.roots.includes(block);
  }

  /** Whether every way to `block` leads through `dominator`, which may be the block itself. */
  dominates(dominator: number, block: number): boolean {
    this.immediate ??= this.findDominators();
    for (let at = block; at >= 0; at = this.immediate[at] ?? -1) if (at === dominator) return true;
    return false;
  }

  /** Whether control can come back to a block, of a set of blocks: without leaving it. */
  canRepeat(block: number, within?: ReadonlySet<number>): boolean {
    const seen = new Set<number>();
    const waiting = [...this.successorsOf(block)];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (next === block) return true;
      if (within?.has(next) === false || seen.has(next)) continue;
      seen.add(next);
      waiting.push(...this.successorsOf(next));
    }
    return false;
  }

  /**
   * Each block's immediate dominator; -1 for those that have none. Follows Cooper, Harvey and Kennedy, A Simple, Fast
   * Dominance Algorithm; the roots hang below a block of their own, which is not kept.
   */
  private findDominators(): Int32Array {
    const root = this.blockCount;
    const order = this.postorder();
    const rank = new Int32Array(root + 1).fill(-1);
    order.forEach((block, index) => {
      rank[block] = index;
    });
    rank[root] = order.length;
    const predecessors = this.findPredecessors();
    for (const block of this.roots) predecessors[block]?.push(root);
    const immediate = new Int32Array(root + 1).fill(-1);
    immediate[root] = root;
    const common = (left: number, right: number): number => {
      let [a, b] = [left, right];
      while (a !== b) {
        while ((rank[a] ?? 0) < (rank[b] ?? 0)) a = immediate[a] ?? root;
        while ((rank[b] ?? 0) < (rank[a] ?? 0)) b = immediate[b] ?? root;
      }
      return a;
    };
    for (let changed = true; changed; ) {
      changed = false;
      for (let index = order.length - 1; index >= 0; index--) {
        const block = order[index] ?? 0;
        let best = -1;
        for (const each of predecessors[block] ?? []) {
          if ((immediate[each] ?? -1) < 0) continue;
          best = best < 0 ? each : common(best, each);
        }
        if (best < 0 || immediate[block] === best) continue;
        immediate[block] = best;
        changed = true;
      }
    }
    return immediate.map((each) => (each === root ? -1 : each)).subarray(0, root);
  }

  private findPredecessors(): number[][] {
    const predecessors: number[][] = Array.from({ length: this.blockCount }, () => []);
    this.successors.forEach((all, block) => {
      for (const next of all) predecessors[next]?.push(block);
    });
    return predecessors;
  }

  private postorder(): readonly number[] {
    const order: number[] = [];
    const seen = new Set<number>();
    for (const root of this.roots) {
      if (seen.has(root)) continue;
      seen.add(root);
      const path = [{ block: root, next: 0 }];
      for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
        const successor = this.successorsOf(top.block)[top.next++];
        if (successor === undefined) {
          order.push(top.block);
          path.pop();
        } else if (!seen.has(successor)) {
          seen.add(successor);
          path.push({ block: successor, next: 0 });
        }
      }
    }
    return order;
  }
}

/** Refused: `undecodable`, `computed-jump` for a jump that leads where nothing tells. */
export function analyzeFlow(
  architecture: Architecture,
  bytes: Buffer,
  address: VirtualAddress,
  context: FlowContext,
): Outcome<ControlFlow> {
  const decoded = decodeWhole(architecture.instructions, bytes, address);
  if (!decoded.ok) return decoded;
  const { count, offsets, kinds, targets: directTargets } = decoded.value;
  // The decoder's arrays are used again for the next function.
  const code: DecodedCode = {
    ...decoded.value,
    bytes: Buffer.from(decoded.value.bytes),
    offsets: offsets.slice(0, count + 1),
    kinds: kinds.slice(0, count),
    targets: directTargets.slice(0, count),
  };
  const tables = new Map<number, readonly number[]>();
  const resumed: number[] = [];
  const leaders = new Set([0]);
  for (let index = 0; index < code.count; index++) {
    const kind = code.kinds[index] ?? 0;
    if (kind === INDEXED_JUMP) {
      const targets = followTable(architecture, code, index, context);
      if (targets === undefined) {
        const at = hex(address + (code.offsets[index] ?? 0));
        return refused("computed-jump", `where the jump at ${at} leads can't be told`);
      }
      tables.set(index, targets);
      for (const target of targets) leaders.add(target);
    }
    if (kind === JUMP || kind === CONDITIONAL_JUMP) {
      const target = findInstruction(code, code.targets[index] ?? 0);
      if (target !== undefined) leaders.add(target);
    }
    if (kind === CALL && context.runsDeferred(address + (code.targets[index] ?? 0))) {
      leaders.add(index);
      resumed.push(index);
    }
    if (endsBlock(code, index, context) && index + 1 < code.count) leaders.add(index + 1);
  }
  const starts = [...leaders].sort((left, right) => left - right);
  const blockAt = new Map(starts.map((start, block) => [start, block]));
  const toBlocks = (targets: readonly number[]): number[] => targets.flatMap((target) => blockAt.get(target) ?? []);
  const successors = starts.map((_, block) => {
    const last = (starts[block + 1] ?? code.count) - 1;
    return [...new Set(toBlocks(leadsTo(code, last, tables.get(last), context)))];
  });
  const roots = rootsOf(successors, toBlocks(resumed));
  const bodyStart = findBody(architecture, code, context);
  return found(new ControlFlow(architecture, code, { starts, successors, roots, bodyStart }));
}

function findBody(architecture: Architecture, code: DecodedCode, context: FlowContext): number {
  const check = architecture.findStackCheck(code, (target) => context.growsStack(target));
  let index = check === undefined ? architecture.countNeutral(code) : check.jump + 1;
  while (index < code.count - 1 && architecture.makesFrame(bytesOf(code, index))) index++;
  return Math.min(index, code.count - 1);
}

function endsBlock(code: DecodedCode, index: number, context: FlowContext): boolean {
  switch (code.kinds[index]) {
    case RETURN:
    case JUMP:
    case CONDITIONAL_JUMP:
    case INDEXED_JUMP:
    case INDIRECT_JUMP:
    case TRAP:
      return true;
    case CALL:
      return context.neverReturns(code.address + (code.targets[index] ?? 0));
    default:
      return false;
  }
}

/** The instructions to which control may go from this one, inside the function. */
function leadsTo(
  code: DecodedCode,
  index: number,
  table: readonly number[] | undefined,
  context: FlowContext,
): readonly number[] {
  if (table !== undefined) return table;
  const kind = code.kinds[index];
  const target =
    kind === JUMP || kind === CONDITIONAL_JUMP ? findInstruction(code, code.targets[index] ?? 0) : undefined;
  const next = kind === CONDITIONAL_JUMP || !endsBlock(code, index, context) ? [index + 1] : [];
  return target === undefined ? next : [target, ...next];
}

/** The entry, where recovered calls go on, and whatever nothing seems to lead to. */
function rootsOf(successors: readonly (readonly number[])[], resumed: readonly number[]): readonly number[] {
  const roots = [0, ...resumed.filter((block) => block !== 0)];
  const seen = new Set<number>();
  const visit = (from: number): void => {
    const waiting = [from];
    for (let block = waiting.pop(); block !== undefined; block = waiting.pop()) {
      if (seen.has(block)) continue;
      seen.add(block);
      waiting.push(...(successors[block] ?? []));
    }
  };
  roots.forEach(visit);
  successors.forEach((_, block) => {
    if (seen.has(block)) return;
    roots.push(block);
    visit(block);
  });
  return roots;
}

// LIMIT: entries read of one jump table.
const MAX_TABLE = 2 ** 14;

/**
 * Instructions that a jump through a table may lead to. Nothing says how long the table is: words are taken as long as they
 * are addresses of this function's instructions, which may be a few too many.
 */
function followTable(
  architecture: Architecture,
  code: DecodedCode,
  jump: number,
  context: FlowContext,
): readonly number[] | undefined {
  const table = architecture.findJumpTable(code, jump);
  if (table === undefined) return undefined;
  const targets: number[] = [];
  for (let entry = 0; entry < MAX_TABLE; entry++) {
    const word = context.readWord((table + 8 * entry) as VirtualAddress);
    const target = word === undefined ? undefined : findInstruction(code, word - code.address);
    if (target === undefined) break;
    targets.push(target);
  }
  return targets.length === 0 ? undefined : targets;
}
