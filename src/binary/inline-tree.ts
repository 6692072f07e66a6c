/**
 * Inlining as the runtime knows it: which calls the compiler replaced by the callee's body, for each physical function.
 *
 * A function's FUNCDATA_InlTree is an array with one entry per inlined call; PCDATA_InlTreeIndex says which entry the
 * code at a pc belongs to. An entry's `parentPc` is an instruction at the call's own place: looking that up again gives
 * the next outer frame. Follows `inlinedCall` in runtime/symtab.go (before go1.20) and runtime/symtabinl.go.
 */
import { FormatError, type VirtualAddress, virtualAddress } from "../base/index.js";
import type { ImageReader } from "./image.js";
import type { PclntabFormat } from "./pclntab-format.js";

/** Byte offsets inside an inline tree entry. */
interface InlineEntryLayout {
  readonly size: number;
  readonly functionId: number;
  readonly nameOffset: number;
  readonly parentPc: number;
  readonly startLine: number | undefined;
}

const OLD_ENTRY: InlineEntryLayout = { size: 20, functionId: 2, nameOffset: 12, parentPc: 16, startLine: undefined };
const NEW_ENTRY: InlineEntryLayout = { size: 16, functionId: 0, nameOffset: 4, parentPc: 8, startLine: 12 };

/** Which of a function's numbered tables hold its inlining. */
export interface InlineTableNumbers {
  readonly pcData: number;
  readonly funcData: number;
}

/**
 * FACT(go1.14..go1.27): PCDATA_InlTreeIndex is 2; FUNCDATA_InlTree is 4, and 3 since go1.16.
 * LIMIT: the inlining of programs older than go1.14, whose numbers moved from release to release, is not read.
 */
export function inlineTableNumbers(format: PclntabFormat, goMinor: number): InlineTableNumbers | undefined {
  if (format !== "go1.2") return { pcData: 2, funcData: 3 };
  return goMinor >= 14 ? { pcData: 2, funcData: 4 } : undefined;
}

/** One inlined call. Offsets are from the physical function's entry. */
export interface InlinedCall {
  readonly functionId: number;
  /** Into the table of function names. */
  readonly nameOffset: number;
  readonly parentPc: number;
  /** Line of the callee's declaration; undefined before go1.20. */
  readonly startLine: number | undefined;
}

const PAGE_SIZE = 2 ** 16;

/** LIMIT: bytes searched for a name at once; the trees of a 100 MB program take about ten. */
const MAX_SEARCHED = 2 ** 26;

function lastAtMost(ascending: Float64Array, value: number): number | undefined {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] ?? 0) <= value) low = middle + 1;
    else high = middle;
  }
  return ascending[low - 1];
}

/** Reads inline tree entries through a cache of pages: a whole-binary count reads hundreds of thousands of them. */
export class InlineEntryReader {
  readonly entrySize: number;
  private readonly layout: InlineEntryLayout;
  private readonly image: ImageReader;
  private readonly pages = new Map<number, Buffer | undefined>();

  constructor(image: ImageReader, format: PclntabFormat) {
    this.image = image;
    this.layout = format === "go1.20" ? NEW_ENTRY : OLD_ENTRY;
    this.entrySize = this.layout.size;
  }

  call(tree: VirtualAddress, index: number): InlinedCall {
    const { size, functionId, nameOffset, parentPc, startLine } = this.layout;
    const bytes = this.bytes(tree + index * size, size);
    return {
      functionId: bytes.readUInt8(functionId),
      nameOffset: bytes.readInt32LE(nameOffset),
      parentPc: bytes.readInt32LE(parentPc),
      startLine: startLine === undefined ? undefined : bytes.readInt32LE(startLine),
    };
  }

  /** Calls `visit` with the name offset of each of the tree's `count` entries. */
  visitNameOffsets(tree: VirtualAddress, count: number, visit: (nameOffset: number) => void): void {
    for (let index = 0; index < count; index++) {
      const address = tree + index * this.layout.size + this.layout.nameOffset;
      const page = this.page(Math.floor(address / PAGE_SIZE));
      const at = address % PAGE_SIZE;
      visit(page !== undefined && at + 4 <= PAGE_SIZE ? page.readInt32LE(at) : this.bytes(address, 4).readInt32LE(0));
    }
  }

  /**
   * Those of `trees`, ascending addresses, that may have an entry with this name: found by the name's bytes, so that a
   * question about one function leaves nearly all trees undecoded.
   */
  findTreesNaming(trees: Float64Array, nameOffset: number): ReadonlySet<number> {
    const first = trees[0];
    const last = trees.at(-1);
    if (first === undefined || last === undefined) return new Set();
    const bytes = this.stretch(first, last - first);
    if (bytes === undefined) return new Set(trees);
    // Where the last tree ends is not known, so it is always among them.
    const found = new Set([last]);
    const needle = Buffer.alloc(4);
    needle.writeInt32LE(nameOffset);
    for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + 1)) {
      const entry = first + at - this.layout.nameOffset;
      const tree = lastAtMost(trees, entry);
      if (tree !== undefined && (entry - tree) % this.layout.size === 0) found.add(tree);
    }
    return found;
  }

  /** Undefined when it is not all in the file, or too big to search. */
  private stretch(start: number, size: number): Buffer | undefined {
    if (!Number.isSafeInteger(start) || size > MAX_SEARCHED) return undefined;
    try {
      return this.image.read(virtualAddress(start), size);
    } catch (error) {
      if (error instanceof FormatError) return undefined;
      throw error;
    }
  }

  private bytes(address: number, size: number): Buffer {
    if (!Number.isSafeInteger(address)) throw new FormatError("inline tree", 0, "an address out of range");
    const page = this.page(Math.floor(address / PAGE_SIZE));
    const at = address % PAGE_SIZE;
    if (page !== undefined && at + size <= PAGE_SIZE) return page.subarray(at, at + size);
    return this.image.read(virtualAddress(address), size);
  }

  /** Undefined for a page that is only partly in the file; its entries are then read one by one. */
  private page(number: number): Buffer | undefined {
    const cached = this.pages.get(number);
    if (cached !== undefined || this.pages.has(number)) return cached;
    let page: Buffer | undefined;
    try {
      page = this.image.read(virtualAddress(number * PAGE_SIZE), PAGE_SIZE);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
    }
    this.pages.set(number, page);
    return page;
  }
}
