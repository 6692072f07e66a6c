/** Attribute values: what the bytes of each form mean. Positions are in .debug_info. */
import { Cursor } from "../../base/index.js";
import { FORM } from "./constants.js";
import type { AttributePlace } from "./die.js";
import type { Unit } from "./unit.js";

/** A 64-bit value that need not be exact above 2^53: such an address belongs to nothing that can be probed. */
export const readLooseU64 = (cursor: Cursor): number => {
  const low = cursor.u32();
  return low + cursor.u32() * 2 ** 32;
};

const u24 = (cursor: Cursor): number => {
  const low = cursor.u16();
  return low + cursor.u8() * 0x10000;
};

export const readOffset = (cursor: Cursor, offsetSize: number): number =>
  offsetSize === 8 ? cursor.u64AsNumber() : cursor.u32();

/** An address of the unit's size, straight from the bytes. */
export const readTargetAddress = (cursor: Cursor, addressSize: number): number =>
  addressSize === 8 ? readLooseU64(cursor) : cursor.u32();

/** A number of the unit's address size that is added to a base modulo 2^64: from 2^63 on it is negative. */
export const readTargetOffset = (cursor: Cursor, addressSize: number): number => {
  const low = cursor.u32();
  return addressSize === 8 ? low + (cursor.u32() | 0) * 2 ** 32 : low;
};

/** Replaces DW_FORM_indirect by the form it names. */
const settle = (unit: Unit, place: AttributePlace): { form: number; cursor: Cursor } => {
  const cursor = new Cursor(unit.sections.info, ".debug_info", place.position);
  if (place.form !== FORM.indirect) return { form: place.form, cursor };
  const form = cursor.uleb128();
  if (form === FORM.indirect) cursor.fail("DW_FORM_indirect names itself");
  return { form, cursor };
};

/** Entry `index` of the unit's part of .debug_addr. */
export const readAddressEntry = (unit: Unit, index: number): number => {
  const section = unit.sections.addresses;
  const cursor = new Cursor(section, ".debug_addr");
  cursor.seek(unit.addressBase + index * unit.addressSize);
  return readTargetAddress(cursor, unit.addressSize);
};

export const readAddress = (unit: Unit, place: AttributePlace): number | undefined => {
  const { form, cursor } = settle(unit, place);
  switch (form) {
    case FORM.address:
      return readTargetAddress(cursor, unit.addressSize);
    case FORM.addressIndex:
      return readAddressEntry(unit, cursor.uleb128());
    case FORM.addressIndex1:
      return readAddressEntry(unit, cursor.u8());
    case FORM.addressIndex2:
      return readAddressEntry(unit, cursor.u16());
    case FORM.addressIndex3:
      return readAddressEntry(unit, u24(cursor));
    case FORM.addressIndex4:
      return readAddressEntry(unit, cursor.u32());
    default:
      return undefined;
  }
};

export const readNumber = (unit: Unit, place: AttributePlace): number | undefined => {
  const { form, cursor } = settle(unit, place);
  switch (form) {
    case FORM.data1:
    case FORM.flag:
      return cursor.u8();
    case FORM.data2:
      return cursor.u16();
    case FORM.data4:
      return cursor.u32();
    case FORM.data8:
      return readLooseU64(cursor);
    case FORM.udata:
    case FORM.rangeListIndex:
    case FORM.locationListIndex:
      return cursor.uleb128();
    case FORM.sdata:
      return cursor.sleb128();
    case FORM.sectionOffset:
      return readOffset(cursor, unit.offsetSize);
    case FORM.flagPresent:
      return 1;
    case FORM.implicitConstant:
      return place.implicit;
    case FORM.reference1:
      return unit.offset + cursor.u8();
    case FORM.reference2:
      return unit.offset + cursor.u16();
    case FORM.reference4:
      return unit.offset + cursor.u32();
    case FORM.reference8:
      return unit.offset + cursor.u64AsNumber();
    case FORM.referenceUdata:
      return unit.offset + cursor.uleb128();
    case FORM.referenceAddress:
      return readOffset(cursor, unit.version <= 2 ? unit.addressSize : unit.offsetSize);
    default:
      return undefined;
  }
};

const stringEntry = (unit: Unit, index: number): string => {
  const offsets = new Cursor(unit.sections.stringOffsets, ".debug_str_offsets");
  offsets.seek(unit.stringOffsetsBase + index * unit.offsetSize);
  return stringAt(unit.sections.strings, ".debug_str", readOffset(offsets, unit.offsetSize));
};

const stringAt = (section: Buffer, name: string, offset: number): string => {
  const cursor = new Cursor(section, name);
  cursor.seek(offset);
  return cursor.cString();
};

export const readString = (unit: Unit, place: AttributePlace): string | undefined => {
  const { form, cursor } = settle(unit, place);
  switch (form) {
    case FORM.string:
      return cursor.cString();
    case FORM.stringPointer:
      return stringAt(unit.sections.strings, ".debug_str", readOffset(cursor, unit.offsetSize));
    case FORM.lineStringPointer:
      return stringAt(unit.sections.lineStrings, ".debug_line_str", readOffset(cursor, unit.offsetSize));
    case FORM.stringIndex:
      return stringEntry(unit, cursor.uleb128());
    case FORM.stringIndex1:
      return stringEntry(unit, cursor.u8());
    case FORM.stringIndex2:
      return stringEntry(unit, cursor.u16());
    case FORM.stringIndex3:
      return stringEntry(unit, u24(cursor));
    case FORM.stringIndex4:
      return stringEntry(unit, cursor.u32());
    default:
      return undefined;
  }
};

export const readBlock = (unit: Unit, place: AttributePlace): Buffer | undefined => {
  const { form, cursor } = settle(unit, place);
  switch (form) {
    case FORM.block1:
      return cursor.slice(cursor.u8());
    case FORM.block2:
      return cursor.slice(cursor.u16());
    case FORM.block4:
      return cursor.slice(cursor.u32());
    case FORM.block:
    case FORM.expression:
      return cursor.slice(cursor.uleb128());
    default:
      return undefined;
  }
};
