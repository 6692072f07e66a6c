/** Address ranges of an entry: low and high pc, or a list in .debug_ranges (DWARF 4) or .debug_rnglists (DWARF 5). */
import { Cursor } from "../../base/index.js";
import { AT, FORM } from "./constants.js";
import type { Die } from "./die.js";
import { readAddressEntry, readNumber, readOffset, readTargetAddress, readTargetOffset } from "./form.js";
import type { ReadMeter } from "./meter.js";
import type { Unit } from "./unit.js";

/** Virtual addresses `start` (inclusive) to `end` (exclusive). */
export interface AddressRange {
  readonly start: number;
  readonly end: number;
}

const RLE = {
  endOfList: 0,
  baseAddressIndex: 1,
  startIndexEndIndex: 2,
  startIndexLength: 3,
  offsetPair: 4,
  baseAddress: 5,
  startEnd: 6,
  startLength: 7,
} as const;

/** The largest address of the unit's size, as readTargetOffset gives it: what marks a base address in a DWARF 4 list. */
export const isBaseMarker = (offset: number, addressSize: number): boolean =>
  offset === (addressSize === 8 ? -1 : 0xffffffff);

const readRangesV4 = (unit: Unit, offset: number, meter?: ReadMeter): AddressRange[] => {
  const cursor = new Cursor(unit.sections.ranges, ".debug_ranges");
  cursor.seek(offset);
  const ranges: AddressRange[] = [];
  let base = unit.baseAddress;
  for (;;) {
    meter?.spend(2 * unit.addressSize, cursor.position);
    const start = readTargetOffset(cursor, unit.addressSize);
    const end = readTargetOffset(cursor, unit.addressSize);
    if (start === 0 && end === 0) return ranges;
    if (isBaseMarker(start, unit.addressSize)) base = end;
    // FACT(go1.21..go1.24): the base is the unit's first function; with a profile's order others lie below it.
    else if (start < end) ranges.push({ start: base + start, end: base + end });
  }
};

const readRangesV5 = (unit: Unit, offset: number, meter?: ReadMeter): AddressRange[] => {
  const cursor = new Cursor(unit.sections.rangeLists, ".debug_rnglists");
  cursor.seek(offset);
  const ranges: AddressRange[] = [];
  const add = (start: number, end: number): void => {
    if (start < end) ranges.push({ start, end });
  };
  let base = unit.baseAddress;
  for (;;) {
    meter?.spend(1, cursor.position);
    const kind = cursor.u8();
    switch (kind) {
      case RLE.endOfList:
        return ranges;
      case RLE.baseAddressIndex:
        base = readAddressEntry(unit, cursor.uleb128());
        break;
      case RLE.startIndexEndIndex: {
        const start = readAddressEntry(unit, cursor.uleb128());
        add(start, readAddressEntry(unit, cursor.uleb128()));
        break;
      }
      case RLE.startIndexLength: {
        const start = readAddressEntry(unit, cursor.uleb128());
        add(start, start + cursor.uleb128());
        break;
      }
      case RLE.offsetPair: {
        // FACT(go1.25..go1.27): the base is the unit's first function; with a profile's order others lie below it.
        const start = base + cursor.uleb128Offset();
        add(start, base + cursor.uleb128Offset());
        break;
      }
      case RLE.baseAddress:
        base = readTargetAddress(cursor, unit.addressSize);
        break;
      case RLE.startEnd: {
        const start = readTargetAddress(cursor, unit.addressSize);
        add(start, readTargetAddress(cursor, unit.addressSize));
        break;
      }
      case RLE.startLength: {
        const start = readTargetAddress(cursor, unit.addressSize);
        add(start, start + cursor.uleb128());
        break;
      }
      default:
        cursor.fail(`unknown range list entry ${kind}`);
    }
  }
};

/**
 * The ranges an entry covers, in the order the file gives them; none for an entry without code. `meter` hears of what is
 * read of lists.
 */
export const rangesOf = (die: Die, meter?: ReadMeter): readonly AddressRange[] => {
  const { unit } = die;
  const list = die.find(AT.ranges);
  if (list !== undefined) {
    const value = readNumber(unit, list) ?? 0;
    if (unit.version < 5) return readRangesV4(unit, value, meter);
    if (list.form !== FORM.rangeListIndex) return readRangesV5(unit, value, meter);
    const cursor = new Cursor(unit.sections.rangeLists, ".debug_rnglists");
    cursor.seek(unit.rangeListsBase + value * unit.offsetSize);
    return readRangesV5(unit, unit.rangeListsBase + readOffset(cursor, unit.offsetSize), meter);
  }
  const start = die.address(AT.lowPc);
  if (start === undefined) return [];
  const end = die.address(AT.highPc) ?? start + (die.number(AT.highPc) ?? 0);
  return start < end ? [{ start, end }] : [];
};

/** Which of many owners (units, functions) an address belongs to: sorted intervals in typed arrays. */
export class RangeIndex {
  private readonly starts: Float64Array;
  private readonly ends: Float64Array;
  private readonly owners: Int32Array;

  constructor(ranges: readonly { readonly range: AddressRange; readonly owner: number }[]) {
    const sorted = [...ranges].sort((a, b) => a.range.start - b.range.start);
    this.starts = Float64Array.from(sorted, (entry) => entry.range.start);
    this.ends = Float64Array.from(sorted, (entry) => entry.range.end);
    this.owners = Int32Array.from(sorted, (entry) => entry.owner);
  }

  /** The owner of the last interval that begins at or before `address`, if it covers it. */
  find(address: number): number | undefined {
    const index = lastAtMost(this.starts, address);
    if (index < 0 || address >= (this.ends[index] ?? 0)) return undefined;
    return this.owners[index];
  }
}

/** The last position of an ascending array whose value is at most `value`; −1 when there is none. */
export const lastAtMost = (values: Float64Array, value: number): number => {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] ?? 0) <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
};
