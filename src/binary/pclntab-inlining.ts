/**
 * Inlining of all of a program's functions: which source frames a pc stands for, and where the copies of a function are.
 * Turns function records, inline trees and lines into names and places. A name that nobody asked for is not decoded.
 */
import { FormatError, type VirtualAddress, virtualAddress } from "../base/index.js";
import { type InlinedCall, InlineEntryReader } from "./inline-tree.js";
import type { LineTables, SourceLine } from "./pclntab-lines.js";
import { type FunctionRecords, NO_FUNCDATA, type PclntabSource } from "./pclntab-records.js";
import { findPcValue, largestPcValue } from "./pctable.js";
import { type SourceStretch, stretchesOf } from "./source-stretches.js";

/** Where the compiler put a copy of a function's body. */
export interface InlinedPlaceInCode {
  /** Of the function that holds it. */
  readonly index: number;
  /** Its number among the inlined calls of `index`. */
  readonly call: number;
  /** Of an instruction in `index` whose source place is that of the call; it need not be run when the copy is. */
  readonly address: VirtualAddress;
  /** Of the call in the source. */
  readonly file: string | undefined;
  readonly line: number | undefined;
}

/** What inlining says of a pc, from the innermost frame outwards. */
export interface InlinedFrame {
  /** Undefined for the function itself, the last. */
  readonly call: InlinedCall | undefined;
  readonly place: SourceLine | undefined;
}

/** LIMIT: inlined calls of one function beyond one for each byte of its code. */
const MAX_CODELESS_CALLS = 256;
/** LIMIT: names whose bytes are searched for one by one; for more of them every function's inlining is decoded. */
const FEW_NAMES = 32;

/** Where a function's inlining is: entries in memory, and the pc-value table that numbers them. */
interface InlineTree {
  readonly address: VirtualAddress;
  readonly indexTable: number;
}

/** Every method throws a FormatError when the bytes it needs are damaged. */
export class Inlining {
  private readonly source: PclntabSource;
  private readonly records: FunctionRecords;
  private readonly lines: LineTables;
  private readonly entries: InlineEntryReader;
  private counts: ReadonlyMap<string, number> | undefined;

  constructor(source: PclntabSource, records: FunctionRecords, lines: LineTables) {
    this.source = source;
    this.records = records;
    this.lines = lines;
    this.entries = new InlineEntryReader(source.image, source.header.format);
  }

  /** Source frames at `offset` bytes into a function. */
  framesAt(index: number, offset: number): readonly InlinedFrame[] {
    const tree = this.treeOf(index);
    const frames: InlinedFrame[] = [];
    const seen = new Set<number>();
    for (let at = offset; ; ) {
      const place = this.lines.at(index, at);
      const call = this.callAt(tree, at, seen);
      frames.push({ call, place });
      if (call === undefined) return frames;
      at = call.parentPc;
    }
  }

  /** The first `size` bytes of a function's code in order, cut where the source place changes. */
  *stretches(index: number, size: number): Generator<SourceStretch> {
    const { layout, pcTables, quantum } = this.records;
    const [files, lines] = [this.records.field(index, layout.pcFile), this.records.field(index, layout.pcLine)];
    const placed = files !== 0 && lines !== 0;
    const tables = [placed ? files : 0, placed ? lines : 0, this.treeOf(index)?.indexTable ?? 0] as const;
    for (const { file, ...stretch } of stretchesOf(pcTables, quantum, tables, size))
      yield { ...stretch, file: file < 0 || stretch.line < 0 ? undefined : this.lines.fileOf(index, file) };
  }

  /** The inlined call with that number in the function's stretches. */
  call(index: number, number: number): InlinedCall {
    const tree = this.treeOf(index);
    if (tree === undefined)
      throw new FormatError("inline tree", index, `no call ${number} in a function without calls`);
    return this.entries.call(tree.address, number);
  }

  /** Where in a function's own source the first instruction is: where that is an inlined call's, the place of the outermost call. */
  entryPlace(index: number): SourceLine | undefined {
    const tree = this.treeOf(index);
    const seen = new Set<number>();
    let offset = 0;
    for (let call = this.callAt(tree, offset, seen); call !== undefined; call = this.callAt(tree, offset, seen))
      offset = call.parentPc;
    return this.lines.at(index, offset);
  }

  /** The callee of each call inlined into the function, directly or through another inlined one; one name per call. */
  namesIn(index: number): readonly string[] {
    const names: string[] = [];
    this.visit(index, (offset) => names.push(this.records.nameAt(offset)));
    return names;
  }

  /** How many copies of each function's body there are, by name. */
  copyCounts(): ReadonlyMap<string, number> {
    this.counts ??= this.countAll();
    return this.counts;
  }

  /** As copyCounts, of these names only. */
  copyCountsOf(names: Iterable<string>): ReadonlyMap<string, number> {
    const wanted = new Map<number, string>();
    for (const name of names) for (const offset of this.records.findNameOffsets(name)) wanted.set(offset, name);
    const counts = new Map<string, number>();
    const count = (offset: number): void => {
      const name = wanted.get(offset);
      if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1);
    };
    for (const index of this.functionsNaming(wanted.keys())) this.visit(index, count);
    return counts;
  }

  /** Every copy of the bodies of these names, by name, in address order of the functions that hold them. Names without any are absent. */
  copiesOf(names: Iterable<string>): ReadonlyMap<string, readonly InlinedPlaceInCode[]> {
    const wanted = new Map<number, string>();
    for (const name of names) for (const offset of this.records.findNameOffsets(name)) wanted.set(offset, name);
    const copies = new Map<string, InlinedPlaceInCode[]>();
    for (const index of this.functionsNaming(wanted.keys())) {
      const tree = this.treeOf(index);
      const last = tree === undefined ? -1 : this.lastEntry(index, tree);
      for (let number = 0; tree !== undefined && number <= last; number++) {
        const call = this.entries.call(tree.address, number);
        const name = wanted.get(call.nameOffset);
        if (name === undefined) continue;
        const place = this.placeOfCall(index, number, call);
        const known = copies.get(name);
        if (known === undefined) copies.set(name, [place]);
        else known.push(place);
      }
    }
    return copies;
  }

  private placeOfCall(index: number, number: number, { parentPc }: InlinedCall): InlinedPlaceInCode {
    const room = this.records.room(index);
    if (parentPc < 0 || parentPc >= room)
      throw new FormatError("inline tree", index, `a call at ${parentPc} of ${room} bytes`);
    const place = this.lines.at(index, parentPc);
    const address = virtualAddress(this.records.boundary(index) + parentPc);
    return { index, call: number, address, file: place?.file, line: place?.line };
  }

  /** The functions, ascending, whose inlining may mention one of these names. */
  private functionsNaming(offsets: Iterable<number>): readonly number[] {
    const wanted = [...offsets];
    if (wanted.length === 0) return [];
    if (wanted.length > FEW_NAMES) return Array.from({ length: this.records.count }, (_, index) => index);
    const treeOf = this.treeAddresses();
    let treeCount = 0;
    const trees = new Float64Array(treeOf.length);
    for (let index = 0; index < treeOf.length; index++) {
      const tree = treeOf[index] ?? 0;
      if (tree !== 0) trees[treeCount++] = tree;
    }
    const sorted = trees.subarray(0, treeCount).sort();
    const naming = new Set<number>();
    for (const offset of wanted) for (const tree of this.entries.findTreesNaming(sorted, offset)) naming.add(tree);
    const functions: number[] = [];
    for (let index = 0; index < treeOf.length; index++) if (naming.has(treeOf[index] ?? 0)) functions.push(index);
    return functions;
  }

  private countAll(): ReadonlyMap<string, number> {
    const byOffset = new Map<number, number>();
    const add = (offset: number) => byOffset.set(offset, (byOffset.get(offset) ?? 0) + 1);
    for (let index = 0; index < this.records.count; index++) this.visit(index, add);
    const byName = new Map<string, number>();
    for (const [offset, count] of byOffset) {
      const name = this.records.nameAt(offset);
      byName.set(name, (byName.get(name) ?? 0) + count);
    }
    return byName;
  }

  private visit(index: number, visit: (nameOffset: number) => void): void {
    const tree = this.treeOf(index);
    if (tree === undefined) return;
    this.entries.visitNameOffsets(tree.address, this.lastEntry(index, tree) + 1, visit);
  }

  /** The number of the tree's last entry. The tree does not say it: the compiler adds one when it meets the first pc in it. */
  private lastEntry(index: number, tree: InlineTree): number {
    const room = this.records.room(index);
    const last = largestPcValue(this.records.pcTables, tree.indexTable, this.records.quantum, room);
    if (last >= room + MAX_CODELESS_CALLS)
      throw new FormatError("inline tree", index, `entry ${last} in a function of ${room} bytes`);
    return last;
  }

  private callAt(tree: InlineTree | undefined, offset: number, seen: Set<number>): InlinedCall | undefined {
    if (tree === undefined) return undefined;
    const number = findPcValue(this.records.pcTables, tree.indexTable, this.records.quantum, offset) ?? -1;
    if (number < 0) return undefined;
    if (seen.has(number)) throw new FormatError("inline tree", number, "a call inlined into itself");
    seen.add(number);
    return this.entries.call(tree.address, number);
  }

  private treeOf(index: number): InlineTree | undefined {
    const address = this.treeAddress(index);
    return address === 0 ? undefined : { address: virtualAddress(address), indexTable: this.indexTableOf(index) };
  }

  /** 0 for a function without inlined calls: of most functions nothing else is ever asked. */
  private treeAddress(index: number): number {
    const tables = this.source.inlineTables;
    if (tables === undefined || this.indexTableOf(index) === 0) return 0;
    const { layout } = this.records;
    if (this.records.byte(index, layout.funcDataCount) <= tables.funcData) return 0;
    const pcDataCount = this.records.field(index, layout.pcDataCount);
    return this.funcDataAddress(index, layout.size + pcDataCount * 4, tables.funcData);
  }

  /** As treeAddress, of every function. */
  private treeAddresses(): Float64Array {
    const { count } = this.records;
    const { gofunc } = this.source.moduledata;
    const tables = this.source.inlineTables;
    const addresses = new Float64Array(count);
    if (gofunc === undefined || tables === undefined || !this.records.ascending) {
      for (let index = 0; index < count; index++) addresses[index] = this.treeAddress(index);
      return addresses;
    }
    const column = this.records.funcDataColumn(tables.pcData, tables.funcData);
    for (let index = 0; index < count; index++) {
      const offset = column[index] ?? NO_FUNCDATA;
      if (offset !== NO_FUNCDATA) addresses[index] = gofunc + offset;
    }
    return addresses;
  }

  /** Where the table that numbers the function's inlined calls is; 0 without one. */
  private indexTableOf(index: number): number {
    const { layout } = this.records;
    const pcData = this.source.inlineTables?.pcData ?? 0;
    if (this.records.field(index, layout.pcDataCount) <= pcData) return 0;
    return this.records.field(index, layout.size + pcData * 4);
  }

  /** 0 without one. `start`: where in the record the funcdata begins, without alignment. */
  private funcDataAddress(index: number, start: number, number: number): number {
    const { gofunc, functionTable } = this.source.moduledata;
    if (gofunc !== undefined) {
      const offset = this.records.field(index, start + number * 4);
      return offset === NO_FUNCDATA ? 0 : gofunc + offset;
    }
    if (this.records.layout.entrySize === 4) return 0;
    const absolute = functionTable.address + this.records.position(index) + start;
    const at = start + (absolute % 8 === 0 ? 0 : 4) + number * 8;
    return this.records.field(index, at) + this.records.field(index, at + 4) * 2 ** 32;
  }
}
