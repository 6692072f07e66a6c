/**
 * Where an inlined copy of a function can be counted: at instructions that run exactly once for each call that it stands
 * for.
 *
 * The compiler writes a mark where an inlined body begins, a value that no pass moves to another block and that runs when
 * the call would have. It becomes a NOP of one byte, to which the inline tree's `parentPc` leads. But where another
 * instruction has the call's source line, that one gets the mark's role and the NOP is left out (genssa in
 * cmd/compile/internal/ssagen): such an instruction need not run when the copy does. So a mark is believed only when
 * it is a NOP that no other copy shares.
 *
 * Without one, the copy's own instructions must tell, and most of them may be elsewhere than their source: values are moved
 * to their only use (tighten), out of loops (licm), or shared with an equal one before (cse). A store outside of the stack,
 * a call and a conditional jump stay in their block. Where such a one of the copy follows another of the code around it in
 * one block, and the block dominates all of the copy, the mark was between the two, in that block.
 *
 * FACT(go1.26..go1.27): the branch around a copy of few operations may be replaced by a conditional move or by arithmetic
 * (branchelim), mark included: then the mark runs whether the call would have or not. Older releases do that to no block with a
 * mark. A copy with a load, a store or a call is never treated so, nor one with a branch: its own line says so of every branch
 * but the one in the block where the copy begins, which may have got its line from the copy when blocks were joined (fuse).
 */
import type { Outcome, VirtualAddress } from "../base/index.js";
import { found, refused } from "../base/index.js";
import { architectureOf, type ControlFlow, type GoBinary } from "../binary/index.js";
import type { InlinedCopy, SymbolTable } from "../symbols/index.js";
import { type CodePlace, cheapestFirst, sureToRun } from "./code-place.js";
import type { SiteFinder } from "./code-sites.js";

/** A copy of a function, counted or not. */
export interface FoundCopy {
  readonly copy: InlinedCopy;
  readonly place: Outcome<CodePlace>;
}

/** Every copy of these functions' bodies, by name, in address order of the functions that hold them. */
export function findCopies(
  binary: GoBinary,
  symbols: SymbolTable,
  finder: SiteFinder,
  names: ReadonlySet<string>,
): ReadonlyMap<string, readonly FoundCopy[]> {
  const inlinings = new Map<number, Inlining>();
  const inliningOf = (index: number): Inlining => {
    const known = inlinings.get(index) ?? new Inlining(binary, index);
    inlinings.set(index, known);
    return known;
  };
  const result = new Map<string, readonly FoundCopy[]>();
  for (const [name, copies] of symbols.inlinedPlaces(names)) {
    result.set(
      name,
      copies.map((copy) => ({ copy, place: placeOf(name, copy, inliningOf(copy.index), { binary, symbols, finder }) })),
    );
  }
  return result;
}

interface Surroundings {
  readonly binary: GoBinary;
  readonly symbols: SymbolTable;
  readonly finder: SiteFinder;
}

/** FACT(go1.26..go1.27): see above. */
const SPECULATES_SINCE = 26;

function placeOf(name: string, copy: InlinedCopy, inlining: Inlining, around: Surroundings): Outcome<CodePlace> {
  const { binary, symbols, finder } = around;
  const fn = symbols.findByAddress(binary.pclntab.entryOf(copy.index));
  if (fn === undefined) return refused("no-code", "the function that holds it is not known");
  if (binary.arch !== "amd64") {
    return refused("unsupported-machine", `places inside functions are not found on ${binary.arch} yet`);
  }
  const flow = finder.flow(fn);
  if (!flow.ok) return flow;
  const body = inlining.body(flow.value, copy.call);
  const [first] = body;
  if (first === undefined) return refused("no-code", "it has no instruction of its own");
  const mark = inlining.mark(flow.value, copy.call, binary);
  const common = {
    kind: "copy",
    name,
    file: copy.file,
    line: copy.line,
    fn,
    flow: flow.value,
    within: addressOf(flow.value, first),
    depth: inlining.depthOf(copy.call),
  } as const;
  const start = mark ?? findStart(flow.value, body);
  if (start === undefined) {
    return refused("uncertain-place", "no instruction is sure to run exactly once for each of its calls");
  }
  if (binary.version.minor >= SPECULATES_SINCE && mayBeSpeculated(flow.value, start, body)) {
    return refused("speculated", "its code may run where the call would not have been made");
  }
  if (mark === undefined) return found({ ...common, instructions: [start], readable: [start] });
  const { end } = flow.value.instructionsOf(flow.value.blockOf(mark));
  const own = body.find((index) => index > mark && index < end);
  const readable = sureToRun(flow.value, range(mark, own ?? mark));
  return found({
    ...common,
    instructions: [mark],
    readable: cheapestFirst(binary, flow.value, readable),
  });
}

const addressOf = (flow: ControlFlow, index: number): VirtualAddress =>
  (flow.address + flow.offsetOf(index)) as VirtualAddress;

const range = (first: number, last: number): readonly number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

/** Whether the branch around a copy may have been replaced by operations that always run. */
function mayBeSpeculated(flow: ControlFlow, start: number, body: readonly number[]): boolean {
  const block = flow.blockOf(start);
  return !body.some((index) => {
    const effect = flow.effectOf(index);
    return effect === "pinned" || effect === "load" || (effect === "branch" && flow.blockOf(index) !== block);
  });
}

/**
 * An instruction of the copy in the block where it begins, when that is proven: with nothing between the mark and it, nor
 * between it and what proves it, that may keep the rest of the block from running.
 */
function findStart(flow: ControlFlow, body: readonly number[]): number | undefined {
  const inBody = new Set(body);
  const blocks = new Set(body.map((index) => flow.blockOf(index)));
  const block = [...blocks].find((each) => [...blocks].every((other) => flow.dominates(each, other)));
  if (block === undefined || flow.canRepeat(block, blocks)) return undefined;
  const { first, end } = flow.instructionsOf(block);
  const pinned = (index: number): boolean => ["pinned", "branch"].includes(flow.effectOf(index));
  const own = range(first, end - 1).find((index) => inBody.has(index) && pinned(index));
  if (own === undefined) return undefined;
  const before = range(first, own - 1).filter((index) => flow.effectOf(index) !== "other");
  const around = before.filter((index) => !inBody.has(index));
  // What the function begins with runs once for each of its calls, and so did the mark, which dominates this.
  if (!around.some(pinned) && (flow.blockOf(flow.bodyStart) !== block || flow.canRepeat(block))) return undefined;
  const last = around.at(-1) ?? first - 1;
  if (before.some((index) => inBody.has(index) && index < last)) return undefined;
  return range(last + 1, own).find((index) => inBody.has(index));
}

interface Body {
  readonly start: number;
  readonly end: number;
  readonly call: number;
}

/** What the runtime's tables say of the calls inlined into one function. */
class Inlining {
  private readonly pclntab: GoBinary["pclntab"];
  private readonly index: number;
  private readonly stretches: readonly Body[];
  private readonly chains = new Map<number, readonly number[]>();
  /** How many inlined calls have the same parentPc. */
  private readonly parents = new Map<number, number>();

  constructor(binary: GoBinary, index: number) {
    this.pclntab = binary.pclntab;
    this.index = index;
    this.stretches = Array.from(binary.pclntab.stretches(index));
    const last = this.stretches.reduce((most, { call }) => Math.max(most, call), -1);
    for (let call = 0; call <= last; call++) {
      const { parentOffset } = binary.pclntab.inlinedCall(index, call);
      this.parents.set(parentOffset, (this.parents.get(parentOffset) ?? 0) + 1);
    }
  }

  /** How many calls were inlined around a copy's code, its own included. */
  depthOf(call: number): number {
    return this.chainOf(call).length;
  }

  /** The instructions of a copy and of what was inlined into it, ascending. */
  body(flow: ControlFlow, call: number): readonly number[] {
    const body: number[] = [];
    for (const { start, end, call: innermost } of this.stretches) {
      if (!this.chainOf(innermost).includes(call)) continue;
      let index = flow.findInstruction(start);
      for (; index !== undefined && index < flow.instructionCount && flow.offsetOf(index) < end; index++)
        body.push(index);
    }
    return body;
  }

  /** The NOP that marks where a copy begins; undefined where another instruction took its place. */
  mark(flow: ControlFlow, call: number, binary: GoBinary): number | undefined {
    const { parentOffset } = this.pclntab.inlinedCall(this.index, call);
    if (this.parents.get(parentOffset) !== 1) return undefined;
    const mark = flow.findInstruction(parentOffset);
    if (mark === undefined || !architectureOf(binary.arch).isNop(flow.bytesOf(mark))) return undefined;
    const block = flow.blockOf(mark);
    const { first, end } = flow.instructionsOf(block);
    // FACT(go1.19..go1.27): other such NOPs are in an endless loop without instructions, and behind a call that never returns.
    const endless = mark === first && end - first <= 2 && flow.successorsOf(block).every((next) => next === block);
    const unreachable = mark === first && block !== 0 && flow.isRoot(block);
    return endless || unreachable ? undefined : mark;
  }

  /** The copy and those that it was inlined into, from the inside outwards; empty for the function's own code. */
  private chainOf(call: number): readonly number[] {
    if (call < 0) return [];
    const known = this.chains.get(call);
    if (known !== undefined) return known;
    const chain: number[] = [];
    for (let next = call; next >= 0 && !chain.includes(next); ) {
      chain.push(next);
      const { parentOffset } = this.pclntab.inlinedCall(this.index, next);
      next = this.stretches.find(({ start, end }) => start <= parentOffset && parentOffset < end)?.call ?? -1;
    }
    this.chains.set(call, chain);
    return chain;
  }
}
