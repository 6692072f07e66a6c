/**
 * Source lines as probes: at which instructions control reaches a line. The compiler says in the line table where
 * statements begin, once for each stretch of code that a line has in the flow of control, which is where debuggers stop;
 * a loop's header has one for its beginning and one for its repetition. Of several in one basic block, which run one after
 * the other, the first counts, and none where control comes from the same line only. Where the line table was stripped, or
 * has no statement there, the runtime's own lines stand in.
 */
import type { VirtualAddress } from "../base/index.js";
import { found, type Outcome, refused, UnmeasurableError } from "../base/index.js";
import type { ControlFlow, GoBinary, SourceStretch } from "../binary/index.js";
import type { GoFunction, SymbolTable } from "../symbols/index.js";
import { type CodePlace, cheapestFirst, sureToRun } from "./code-place.js";
import type { SiteFinder } from "./code-sites.js";

export interface LineSelector {
  /** The whole path, or its last components. */
  readonly file: string;
  readonly line: number;
}

/** `FILE.go:LINE`; undefined for every other PROBE. */
export function parseLineSelector(text: string): LineSelector | undefined {
  const [, file, line] = /^(.+\.(?:go|s)):(\d+)$/.exec(text) ?? [];
  return file === undefined ? undefined : { file, line: Number(line) };
}

/** The places of a line in one function, or why there are none that can be probed. */
export interface LineInFunction {
  readonly fn: GoFunction;
  readonly name: string;
  readonly places: Outcome<readonly CodePlace[]>;
  /**
   * Whether control is at a place whenever the source says that it is at the line. The compiler moves what a line calculates:
   * before the branch that leads to it, out of its loop, together with an equal calculation. It doesn't move stores and calls.
   */
  readonly isCertain: boolean;
}

// LIMIT: nearest lines with code that are named.
const NEAREST = 4;

/**
 * Every function that has code of the line, in address order: at least one.
 * @throws UnmeasurableError `no-match` when no file is called so, `no-code-on-line` with the nearest lines that have code.
 */
export const findLine = (
  selector: LineSelector,
  text: string,
  surroundings: { readonly binary: GoBinary; readonly symbols: SymbolTable; readonly finder: SiteFinder },
): readonly LineInFunction[] =>
  codeOfLine(selector, text, surroundings.binary).flatMap(({ index, stretches }) =>
    linesIn(index, stretches, surroundings),
  );

/** Every function that has code of the line, in address order, inlined or its own: at least one. @throws as findLine */
export const functionsOnLine = (
  selector: LineSelector,
  text: string,
  { binary, symbols }: { readonly binary: GoBinary; readonly symbols: SymbolTable },
): readonly GoFunction[] =>
  codeOfLine(selector, text, binary).flatMap(({ index }) => symbols.findByAddress(binary.pclntab.entryOf(index)) ?? []);

/** A line's code in one function. */
interface CodeOfLine {
  readonly index: number;
  readonly stretches: readonly SourceStretch[];
}

function codeOfLine(selector: LineSelector, text: string, binary: GoBinary): readonly CodeOfLine[] {
  const matches = (file: string): boolean => file === selector.file || file.endsWith(`/${selector.file}`);
  const functions = binary.pclntab.functionsOfFile(matches);
  if (functions.length === 0) {
    throw new UnmeasurableError("no-match", `${text}: the program has no code of a file ${selector.file}`, {
      hint: "a file is named by its whole path or its last components, as gospect list shows them",
    });
  }
  const lines = new Set<number>();
  const result: CodeOfLine[] = [];
  for (const index of functions) {
    const stretches = Array.from(binary.pclntab.stretches(index)).filter(
      ({ file }) => file !== undefined && matches(file),
    );
    for (const { line } of stretches) lines.add(line);
    const own = stretches.filter(({ line }) => line === selector.line);
    if (own.length > 0) result.push({ index, stretches: own });
  }
  if (result.length > 0) return result;
  const nearest = [...lines]
    .sort((left, right) => Math.abs(left - selector.line) - Math.abs(right - selector.line))
    .slice(0, NEAREST)
    .sort((left, right) => left - right);
  throw new UnmeasurableError("no-code-on-line", `${text}: the line has no code`, {
    hint: `the nearest lines that have: ${nearest.join(", ")}`,
  });
}

/** A line of a function that was inlined several times into this one has places for each copy. */
function linesIn(
  index: number,
  stretches: readonly SourceStretch[],
  {
    binary,
    symbols,
    finder,
  }: { readonly binary: GoBinary; readonly symbols: SymbolTable; readonly finder: SiteFinder },
): readonly LineInFunction[] {
  const fn = symbols.findByAddress(binary.pclntab.entryOf(index));
  if (fn === undefined) return [];
  const [{ file, line } = { file: undefined, line: 0 }] = stretches;
  const at = `${file?.split("/").at(-1)}:${line}`;
  const name = `${fn.name} at ${at}`;
  if (binary.arch !== "amd64") {
    const places = refused("unsupported-machine", `places inside functions are not found on ${binary.arch} yet`);
    return [{ fn, name, places, isCertain: false }];
  }
  const flow = finder.flow(fn);
  if (!flow.ok) return [{ fn, name, places: flow, isCertain: false }];
  const isUnoptimized = binary.dwarf()?.isUnoptimizedAt(fn.entry) === true;
  let isCertain = true;
  const places: CodePlace[] = [];
  for (const call of new Set(stretches.map((stretch) => stretch.call))) {
    const own = stretches.filter((stretch) => stretch.call === call);
    const starts = startsOf(binary, fn, flow.value, own);
    if (starts.length !== 1) isCertain = false;
    for (const start of starts) {
      const address = (flow.value.address + flow.value.offsetOf(start)) as VirtualAddress;
      const end = flow.value.instructionsOf(flow.value.blockOf(start)).end;
      const rest = instructionsIn(flow.value, own).filter((each) => each > start && each < end);
      if (!isUnoptimized && ![start, ...rest].some((each) => flow.value.effectOf(each) === "pinned")) isCertain = false;
      places.push({
        kind: "line",
        name,
        file,
        line,
        fn,
        flow: flow.value,
        instructions: cheapestFirst(binary, flow.value, sureToRun(flow.value, [start, ...rest])),
        readable: [start],
        within: address,
        depth: binary.pclntab.inlineTreeAt(address).length - 1,
      });
    }
  }
  if (places.length > 0) return [{ fn, name, places: found(places), isCertain }];
  const nowhere = refused("uncertain-place", "no instruction begins the line: its code is shared with others");
  return [{ fn, name, places: nowhere, isCertain: false }];
}

function instructionsIn(flow: ControlFlow, stretches: readonly SourceStretch[]): readonly number[] {
  const all: number[] = [];
  for (const { start, end } of stretches) {
    let index = flow.findInstruction(start);
    for (; index !== undefined && index < flow.instructionCount && flow.offsetOf(index) < end; index++) all.push(index);
  }
  return all;
}

/** The first instruction of the line in each basic block in which control reaches it. */
function startsOf(
  binary: GoBinary,
  fn: GoFunction,
  flow: ControlFlow,
  stretches: readonly SourceStretch[],
): readonly number[] {
  const own = instructionsIn(flow, stretches);
  const statements = new Set(
    binary
      .dwarf()
      ?.statementsIn(fn.entry, fn.end)
      .map(({ address }) => address - fn.entry),
  );
  const marked = own.filter((index) => statements.has(flow.offsetOf(index)));
  // A statement that the compiler splits into blocks, as where the garbage collector wants to know of a store, begins anew in each.
  const begins = (marked.length > 0 ? marked : own).filter(arrivalsIn(flow, own));
  const firstOf = new Map<number, number>();
  // Growing the stack runs the prologue again.
  for (const index of begins.map((each) => Math.max(each, flow.bodyStart))) {
    const block = flow.blockOf(index);
    firstOf.set(block, Math.min(index, firstOf.get(block) ?? index));
  }
  return [...firstOf.values()].sort((left, right) => left - right);
}

/** Whether a block's control comes from elsewhere than the same line. */
function arrivalsIn(flow: ControlFlow, own: readonly number[]): (index: number) => boolean {
  const inLine = new Set(own);
  const blocks = new Set(own.map((index) => flow.blockOf(index)));
  const arrived = new Set<number>();
  for (const block of blocks) {
    const { first } = flow.instructionsOf(block);
    const sources = flow.predecessorsOf(block);
    const goesOn =
      inLine.has(first) && sources.length > 0 && sources.every((each) => inLine.has(flow.instructionsOf(each).end - 1));
    if (!goesOn || flow.isRoot(block)) arrived.add(block);
  }
  return (index) => arrived.has(flow.blockOf(index));
}
