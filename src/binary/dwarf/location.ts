/**
 * Where a variable lives at an instruction: location lists (.debug_loc of DWARF 4, .debug_loclists of DWARF 5) and those
 * location expressions that Go and C compilers write for variables. Others are reported as such, never guessed.
 */
import { Cursor, FormatError } from "../../base/index.js";
import { AT, FORM } from "./constants.js";
import type { Die } from "./die.js";
import { readAddressEntry, readBlock, readNumber, readOffset, readTargetAddress, readTargetOffset } from "./form.js";
import { isBaseMarker } from "./ranges.js";
import type { Unit } from "./unit.js";

/** One piece of a value. `size` is in bytes; undefined means the rest of the value. */
export type LocationPiece =
  /** `register` is a DWARF register number (amd64: 0 is RAX, 3 RBX, 17 XMM0). */
  | { readonly kind: "register"; readonly register: number; readonly size: number | undefined }
  /** Memory at the canonical frame address (the stack pointer before the call's return address was pushed) plus `offset`. */
  | { readonly kind: "frame"; readonly offset: number; readonly size: number | undefined }
  /** Memory at a register's value plus `offset`. */
  | { readonly kind: "based"; readonly register: number; readonly offset: number; readonly size: number | undefined }
  /** Memory at a virtual address. */
  | { readonly kind: "address"; readonly address: number; readonly size: number | undefined }
  /** Optimized away here. */
  | { readonly kind: "absent"; readonly size: number | undefined }
  /** An expression this reader does not evaluate. */
  | { readonly kind: "unknown"; readonly opcode: number; readonly size: number | undefined };

const OP = {
  addr: 0x03,
  plusUnsignedConstant: 0x23,
  register0: 0x50,
  register31: 0x6f,
  based0: 0x70,
  based31: 0x8f,
  register: 0x90,
  frameBase: 0x91,
  based: 0x92,
  piece: 0x93,
  callFrameCfa: 0x9c,
  addressIndex: 0xa1,
} as const;

const LLE = {
  endOfList: 0,
  baseAddressIndex: 1,
  startIndexEndIndex: 2,
  startIndexLength: 3,
  offsetPair: 4,
  defaultLocation: 5,
  baseAddress: 6,
  startEnd: 7,
  startLength: 8,
} as const;

type Present =
  | { readonly kind: "register"; readonly register: number }
  | { readonly kind: "frame"; readonly offset: number }
  | { readonly kind: "based"; readonly register: number; readonly offset: number }
  | { readonly kind: "address"; readonly address: number }
  | { readonly kind: "absent" };

const ABSENT = { kind: "absent" } as Present;

/** Parses a location expression. FACT(go1.19..go1.27): the frame base of every Go function is its canonical frame address. */
export const parseLocation = (unit: Unit, expression: Buffer): LocationPiece[] => {
  const cursor = new Cursor(expression, "location expression");
  const pieces: LocationPiece[] = [];
  let present = ABSENT;
  while (!cursor.atEnd) {
    const opcode = cursor.u8();
    if (opcode >= OP.register0 && opcode <= OP.register31) {
      present = { kind: "register", register: opcode - OP.register0 };
    } else if (opcode >= OP.based0 && opcode <= OP.based31) {
      present = { kind: "based", register: opcode - OP.based0, offset: cursor.sleb128() };
    } else if (opcode === OP.register) present = { kind: "register", register: cursor.uleb128() };
    else if (opcode === OP.based) present = { kind: "based", register: cursor.uleb128(), offset: cursor.sleb128() };
    else if (opcode === OP.frameBase) present = { kind: "frame", offset: cursor.sleb128() };
    else if (opcode === OP.callFrameCfa) present = { kind: "frame", offset: 0 };
    else if (opcode === OP.addr) present = { kind: "address", address: readTargetAddress(cursor, unit.addressSize) };
    else if (opcode === OP.addressIndex) {
      present = { kind: "address", address: readAddressEntry(unit, cursor.uleb128()) };
    } else if (opcode === OP.plusUnsignedConstant && (present.kind === "frame" || present.kind === "based")) {
      present = { ...present, offset: present.offset + cursor.uleb128() };
    } else if (opcode === OP.piece) {
      pieces.push({ ...present, size: cursor.uleb128() });
      present = ABSENT;
    } else return [{ kind: "unknown", opcode, size: undefined }];
  }
  if (pieces.length === 0 || present.kind !== "absent") pieces.push({ ...present, size: undefined });
  return pieces;
};

/** The expression that a DWARF 4 list gives for `address`. */
const findInListV4 = (unit: Unit, offset: number, address: number): Buffer | undefined => {
  const cursor = new Cursor(unit.sections.locations, ".debug_loc");
  cursor.seek(offset);
  let base = unit.baseAddress;
  for (;;) {
    const start = readTargetOffset(cursor, unit.addressSize);
    const end = readTargetOffset(cursor, unit.addressSize);
    if (start === 0 && end === 0) return undefined;
    if (isBaseMarker(start, unit.addressSize)) {
      base = end;
      continue;
    }
    const expression = cursor.slice(cursor.u16());
    if (address >= base + start && address < base + end) return expression;
  }
};

/** The expression that a DWARF 5 list gives for `address`. */
const findInListV5 = (unit: Unit, offset: number, address: number): Buffer | undefined => {
  const cursor = new Cursor(unit.sections.locationLists, ".debug_loclists");
  cursor.seek(offset);
  let base = unit.baseAddress;
  let otherwise: Buffer | undefined;
  for (;;) {
    const kind = cursor.u8();
    let start = 0;
    let end = 0;
    switch (kind) {
      case LLE.endOfList:
        return otherwise;
      case LLE.baseAddressIndex:
        base = readAddressEntry(unit, cursor.uleb128());
        continue;
      case LLE.baseAddress:
        base = readTargetAddress(cursor, unit.addressSize);
        continue;
      case LLE.startIndexEndIndex:
        start = readAddressEntry(unit, cursor.uleb128());
        end = readAddressEntry(unit, cursor.uleb128());
        break;
      case LLE.startIndexLength:
        start = readAddressEntry(unit, cursor.uleb128());
        end = start + cursor.uleb128();
        break;
      case LLE.offsetPair:
        start = base + cursor.uleb128Offset();
        end = base + cursor.uleb128Offset();
        break;
      case LLE.defaultLocation:
        otherwise = cursor.slice(cursor.uleb128());
        continue;
      case LLE.startEnd:
        start = readTargetAddress(cursor, unit.addressSize);
        end = readTargetAddress(cursor, unit.addressSize);
        break;
      case LLE.startLength:
        start = readTargetAddress(cursor, unit.addressSize);
        end = start + cursor.uleb128();
        break;
      default:
        cursor.fail(`unknown location list entry ${kind}`);
    }
    const expression = cursor.slice(cursor.uleb128());
    if (address >= start && address < end) return expression;
  }
};

/** Where the variable of `die` lives at `address`; undefined where the debug data knows no place for it. */
export const locationAt = (die: Die, address: number): readonly LocationPiece[] | undefined => {
  const { unit } = die;
  const place = die.find(AT.location);
  if (place === undefined) return undefined;
  let expression = readBlock(unit, place);
  if (expression === undefined) {
    let offset = readNumber(unit, place);
    if (offset === undefined) throw new FormatError(".debug_info", die.offset, "location of an unknown form");
    if (place.form === FORM.locationListIndex) {
      const cursor = new Cursor(unit.sections.locationLists, ".debug_loclists");
      cursor.seek(unit.locationListsBase + offset * unit.offsetSize);
      offset = unit.locationListsBase + readOffset(cursor, unit.offsetSize);
    }
    expression = unit.version >= 5 ? findInListV5(unit, offset, address) : findInListV4(unit, offset, address);
  }
  if (expression === undefined || expression.length === 0) return undefined;
  return parseLocation(unit, expression);
};
