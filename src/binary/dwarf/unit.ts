/**
 * Units of .debug_info. Listing the units of a large program reads their headers only; what a root entry says is read when
 * it is asked for, and entries below the root are not touched here.
 */
import { Cursor, FormatError } from "../../base/index.js";
import { type AbbreviationTable, parseAbbreviations, type UnitEncoding } from "./abbreviation.js";
import { AT, LANGUAGE_GO, TAG } from "./constants.js";
import { Die } from "./die.js";
import { ReadMeter } from "./meter.js";
import type { DebugSections } from "./sections.js";

/** DW_UT_*: what a DWARF 5 header announces. */
const UNIT_TYPE = { compile: 1, type: 2, partial: 3, skeleton: 4, splitCompile: 5, splitType: 6 } as const;

interface UnitHeader extends UnitEncoding {
  readonly offset: number;
  /** Where the next unit begins. */
  readonly end: number;
  /** Position of the root entry. */
  readonly rootOffset: number;
  readonly abbreviationOffset: number;
}

/** One compile unit: in Go one package, or the assembly of one package. What its root entry says is read when asked for. */
export class Unit implements UnitHeader {
  readonly sections: DebugSections;
  readonly offset: number;
  readonly end: number;
  readonly rootOffset: number;
  readonly abbreviationOffset: number;
  readonly version: number;
  readonly addressSize: number;
  readonly offsetSize: number;
  readonly abbreviations: AbbreviationTable;
  private knownRoot: { readonly entry: Die | undefined } | undefined;
  /** Of other sections, by the attribute that says it. */
  private readonly bases = new Map<number, number>();
  private knownAddress: number | undefined;
  private written: boolean | undefined;
  private knownCompiler: { readonly minor: number | undefined } | undefined;

  constructor(sections: DebugSections, header: UnitHeader, abbreviations: AbbreviationTable) {
    this.sections = sections;
    this.offset = header.offset;
    this.end = header.end;
    this.rootOffset = header.rootOffset;
    this.abbreviationOffset = header.abbreviationOffset;
    this.version = header.version;
    this.addressSize = header.addressSize;
    this.offsetSize = header.offsetSize;
    this.abbreviations = abbreviations;
  }

  /** The root entry; undefined when the unit is empty. */
  get root(): Die | undefined {
    if (this.knownRoot === undefined) {
      const entry = Die.at(this, this.rootOffset);
      this.knownRoot = { entry: entry?.tag === TAG.compileUnit ? entry : undefined };
    }
    return this.knownRoot.entry;
  }

  get isGo(): boolean {
    this.written ??= this.root?.number(AT.language) === LANGUAGE_GO;
    return this.written;
  }

  /** FACT(go1.19..go1.27): up to Go 1.21 blank parameters are left out of the debug data; later they are `~p0`, `~p1`, …. */
  get listsBlankParameters(): boolean {
    return this.isAfter(21);
  }

  /**
   * Whether its compiler writes down where closures hold captured variables.
   * FACT(go1.19..go1.27): DW_AT_go_closure_offset is written from Go 1.23 on.
   */
  get listsCaptures(): boolean {
    return this.isAfter(22);
  }

  /** DW_AT_low_pc of the root: what DWARF 4 range and location lists count from. */
  get baseAddress(): number {
    this.knownAddress ??= this.root?.address(AT.lowPc) ?? 0;
    return this.knownAddress;
  }

  get addressBase(): number {
    return this.base(AT.addressBase, 0);
  }

  get stringOffsetsBase(): number {
    return this.base(AT.stringOffsetsBase, 0);
  }

  get rangeListsBase(): number {
    return this.base(AT.rangeListsBase, 4);
  }

  get locationListsBase(): number {
    return this.base(AT.locationListsBase, 4);
  }

  /** Without the attribute, index forms count from behind the header of the section's first table: 8 or 16 bytes, and `more`. */
  private base(attribute: number, more: number): number {
    let base = this.bases.get(attribute);
    if (base === undefined) {
      base = this.root?.number(attribute) ?? (this.offsetSize === 8 ? 16 : 8) + more;
      this.bases.set(attribute, base);
    }
    return base;
  }

  /** Whether its compiler is of a later release than Go 1.`minor`. */
  private isAfter(minor: number): boolean {
    if (this.knownCompiler === undefined) {
      const found = /\bgo1\.(\d+)/.exec(this.root?.string(AT.producer) ?? "")?.[1];
      this.knownCompiler = { minor: found === undefined ? undefined : Number(found) };
    }
    const { minor: own } = this.knownCompiler;
    return own === undefined || own > minor;
  }
}

const parseHeader = (cursor: Cursor): { header: UnitHeader; readable: boolean } => {
  const offset = cursor.position;
  let length = cursor.u32();
  let offsetSize = 4;
  if (length === 0xffffffff) {
    length = cursor.u64AsNumber();
    offsetSize = 8;
  } else if (length >= 0xfffffff0) cursor.fail(`reserved unit length 0x${length.toString(16)}`);
  const end = cursor.position + length;
  if (end > cursor.length) cursor.fail(`unit of ${length} bytes runs past the section`);
  const readOffset = (): number => (offsetSize === 8 ? cursor.u64AsNumber() : cursor.u32());
  const version = cursor.u16();
  if (version < 2 || version > 5) cursor.fail(`DWARF version ${version} is not known`);
  let type: number = UNIT_TYPE.compile;
  let addressSize: number;
  let abbreviationOffset: number;
  if (version >= 5) {
    type = cursor.u8();
    addressSize = cursor.u8();
    abbreviationOffset = readOffset();
    if (type === UNIT_TYPE.skeleton || type === UNIT_TYPE.splitCompile) cursor.skip(8);
    if (type === UNIT_TYPE.type || type === UNIT_TYPE.splitType) cursor.skip(8 + offsetSize);
  } else {
    abbreviationOffset = readOffset();
    addressSize = cursor.u8();
  }
  if (addressSize !== 4 && addressSize !== 8) cursor.fail(`addresses of ${addressSize} bytes are not supported`);
  if (cursor.position > end) cursor.fail("unit is shorter than its header");
  return {
    header: { offset, end, rootOffset: cursor.position, abbreviationOffset, version, addressSize, offsetSize },
    readable: type === UNIT_TYPE.compile || type === UNIT_TYPE.partial,
  };
};

/** All units of the file, in file order. Type units and split units are stepped over: Go writes none. */
export const parseUnits = (sections: DebugSections): readonly Unit[] => {
  const cursor = new Cursor(sections.info, ".debug_info");
  const units: Unit[] = [];
  const tables = new Map<string, AbbreviationTable>();
  const meter = new ReadMeter(".debug_abbrev", sections.abbreviations.length);
  while (!cursor.atEnd) {
    const { header, readable } = parseHeader(cursor);
    cursor.seek(header.end);
    if (!readable || header.rootOffset === header.end) continue;
    const key = `${header.abbreviationOffset} ${header.version} ${header.addressSize} ${header.offsetSize}`;
    let table = tables.get(key);
    if (table === undefined) {
      table = parseAbbreviations(sections.abbreviations, header.abbreviationOffset, header, meter);
      tables.set(key, table);
    }
    units.push(new Unit(sections, header, table));
  }
  return units;
};

/** The first unit that ends behind position `offset` of .debug_info; it may begin behind it, too. */
export const findUnitAt = (units: readonly Unit[], offset: number): Unit | undefined => {
  let low = 0;
  let high = units.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((units[middle]?.end ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  return units[low];
};

/** The unit that holds position `offset` of .debug_info. */
export const requireUnitAt = (units: readonly Unit[], offset: number): Unit => {
  const unit = findUnitAt(units, offset);
  if (unit === undefined || offset < unit.rootOffset) {
    throw new FormatError(".debug_info", offset, "reference leads to no unit");
  }
  return unit;
};
