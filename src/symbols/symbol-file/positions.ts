/**
 * The positions table: where in the source a function's code comes from, as a source map's `mappings` (ECMA-426). One
 * string per function with two lines.
 *
 * The first line has a segment for each stretch of code: its offset from the entry, the call that it belongs to, the line
 * relative to the callee's declaration. The second has a segment for each call, numbered from 0: its number, the call
 * around it (itself for the function's own code), the call's line relative to the outer callee's declaration, and the
 * number of the callee's scope, relative to the function's own. Lines are relative because a body that was inlined a hundred times then reads the same a
 * hundred times, which is what compression lives on. Before go1.20 declarations have no lines, and lines are absolute.
 *
 * Calls nest, so each line of this tree could be written as ranges; as parents they need no second set of offsets.
 */
import { decode, encode, type SourceMapSegment } from "@jridgewell/sourcemap-codec";
import { FormatError } from "../../base/index.js";
import type { Pclntab, SourceStretch } from "../../binary/index.js";
import type { Scope } from "./scopes.js";

/** A call that was inlined, or, when it is its own parent, the function itself. */
interface Call {
  readonly parent: number;
  /** In the parent's body. */
  readonly line: number;
  readonly scope: Scope;
  readonly scopeNumber: number;
}

/** LIMIT: calls inlined into each other. Compilers stop far below. */
const MAX_NESTING = 1000;

const baseOf = ({ startLine }: Scope): number => startLine ?? 0;

/** Collects the calls of one function. A callee whose body is in several files (`//line`) counts as one call for each. */
class CallCollector {
  readonly calls: Call[] = [];
  private readonly numbers = new Map<string, number>();
  private readonly pclntab: Pclntab;
  private readonly index: number;
  private readonly stretches: readonly SourceStretch[];
  private readonly numberOfScope: (scope: Scope) => number;
  private depth = 0;

  constructor(
    pclntab: Pclntab,
    index: number,
    stretches: readonly SourceStretch[],
    numberOfScope: (scope: Scope) => number,
  ) {
    this.pclntab = pclntab;
    this.index = index;
    this.stretches = stretches;
    this.numberOfScope = numberOfScope;
  }

  number(call: number, file: string | undefined): number {
    const key = `${call} ${file ?? ""}`;
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    if (++this.depth > MAX_NESTING) throw new FormatError("inline tree", call, "a call inlined into itself");
    const made = this.make(call, file);
    this.depth--;
    const number = this.calls.length;
    this.calls.push({ ...made, parent: made.parent ?? number });
    this.numbers.set(key, number);
    return number;
  }

  private make(call: number, file: string | undefined): Omit<Call, "parent"> & { parent: number | undefined } {
    if (call < 0) {
      const { pclntab, index } = this;
      const [name, startLine] = [pclntab.nameOf(index), pclntab.startLineOf(index)];
      const scope = { name, file, startLine, wrapper: pclntab.isWrapper(index) };
      return { parent: undefined, line: baseOf(scope), scope, scopeNumber: this.numberOfScope(scope) };
    }
    const { function: name, startLine, wrapper, parentOffset } = this.pclntab.inlinedCall(this.index, call);
    const place = stretchAt(this.stretches, parentOffset);
    const parent = this.number(place?.call ?? -1, place?.file);
    const scope = { name, file, startLine, wrapper };
    return { parent, line: place?.line ?? 0, scope, scopeNumber: this.numberOfScope(scope) };
  }
}

function stretchAt(stretches: readonly SourceStretch[], offset: number): SourceStretch | undefined {
  let low = 0;
  let high = stretches.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((stretches[middle]?.end ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  const stretch = stretches[low];
  return stretch !== undefined && stretch.start <= offset ? stretch : undefined;
}

/** The function's string. `numberOfScope` gives scopes their numbers. */
export function encodePositions(pclntab: Pclntab, index: number, numberOfScope: (scope: Scope) => number): string {
  const stretches = [...pclntab.stretches(index)];
  const collector = new CallCollector(pclntab, index, stretches, numberOfScope);
  const code: SourceMapSegment[] = [];
  let before = "";
  for (const { start, call, file, line } of stretches) {
    const number = collector.number(call, file);
    const scope = collector.calls[number]?.scope;
    const relative = scope?.file === undefined ? 0 : line - baseOf(scope);
    const position = `${number} ${relative}`;
    if (position !== before) code.push([start, number, relative, 0]);
    before = position;
  }
  const calls = collector.calls.map(({ parent, line, scopeNumber }, number): SourceMapSegment => {
    const outer = collector.calls[parent]?.scope;
    return [number, parent, outer?.file === undefined ? 0 : line - baseOf(outer), 0, scopeNumber - index];
  });
  return encode([code, calls]);
}

/** One frame of a position, as PositionTable hands it out. */
export interface PositionFrame {
  readonly scope: Scope;
  /** Undefined when no table of the binary says. */
  readonly line: number | undefined;
  readonly inlined: boolean;
}

/** The decoded string of one function. */
export class Positions {
  private readonly code: readonly SourceMapSegment[];
  private readonly calls: readonly SourceMapSegment[];
  private readonly index: number;

  /** Of function `index`. Throws a FormatError unless every reference in it leads somewhere. */
  constructor(mappings: string, index: number) {
    this.index = index;
    const [code = [], calls = [], ...more] = decode(mappings);
    this.code = code;
    this.calls = calls;
    let before = -1;
    for (const segment of code) {
      if (segment.length !== 4 || segment[0] <= before || !(segment[1] >= 0 && segment[1] < calls.length))
        this.fail("a stretch of code out of order");
      before = segment[0];
    }
    calls.forEach((segment, number) => {
      if (segment.length !== 5 || segment[0] !== number || !(segment[1] >= 0 && segment[1] <= number))
        this.fail("a call out of order");
    });
    if (more.length > 0 || (code.length > 0 && code[0]?.[0] !== 0)) this.fail("not two lines from the entry on");
  }

  /** Innermost first; empty when nothing is known of the function's code. */
  framesAt(offset: number, scopeAt: (number: number) => Scope): readonly PositionFrame[] {
    const segment = this.find(offset);
    if (segment === undefined || segment.length === 1) return [];
    const frames: PositionFrame[] = [];
    for (let number = segment[1], relative = segment[2]; ; ) {
      const call = this.calls[number];
      if (call === undefined || call.length !== 5) return this.fail("a call that is not there");
      const scope = scopeAt(this.index + call[4]);
      const inlined = call[1] !== number;
      frames.push({ scope, line: scope.file === undefined ? undefined : relative + baseOf(scope), inlined });
      if (!inlined) return frames;
      number = call[1];
      relative = call[2];
    }
  }

  private find(offset: number): SourceMapSegment | undefined {
    let low = 0;
    let high = this.code.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.code[middle]?.[0] ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return this.code[low - 1];
  }

  private fail(detail: string): never {
    throw new FormatError(`positions ${this.index}`, 0, detail);
  }
}
