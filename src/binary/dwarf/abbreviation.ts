/**
 * Abbreviation tables (.debug_abbrev): the shape of each kind of debugging entry. Every shape carries a precomputed way to
 * step over an entry of its kind, because reading one function means stepping over thousands of entries.
 */
import { Cursor, FormatError } from "../../base/index.js";
import { FORM } from "./constants.js";
import type { ReadMeter } from "./meter.js";

/** How to step over attribute bytes. A positive number is that many bytes; these are the rest. */
const STEP = { string: -1, leb: -2, block1: -3, block2: -4, block4: -5, blockLeb: -6, indirect: -7 } as const;

export interface Abbreviation {
  readonly code: number;
  readonly tag: number;
  readonly hasChildren: boolean;
  readonly names: readonly number[];
  readonly forms: readonly number[];
  /** The value of a DW_FORM_implicit_const attribute, by attribute index; 0 elsewhere. */
  readonly implicit: readonly number[];
  /** Steps over all attributes, neighbouring fixed sizes merged. */
  readonly steps: readonly number[];
}

export interface UnitEncoding {
  readonly version: number;
  readonly addressSize: number;
  /** 4, or 8 in the 64-bit format. */
  readonly offsetSize: number;
}

const fixedSizes: ReadonlyMap<number, number> = new Map([
  [FORM.data1, 1],
  [FORM.flag, 1],
  [FORM.reference1, 1],
  [FORM.stringIndex1, 1],
  [FORM.addressIndex1, 1],
  [FORM.data2, 2],
  [FORM.reference2, 2],
  [FORM.stringIndex2, 2],
  [FORM.addressIndex2, 2],
  [FORM.stringIndex3, 3],
  [FORM.addressIndex3, 3],
  [FORM.data4, 4],
  [FORM.reference4, 4],
  [FORM.stringIndex4, 4],
  [FORM.addressIndex4, 4],
  [FORM.referenceSupplementary4, 4],
  [FORM.data8, 8],
  [FORM.reference8, 8],
  [FORM.referenceSignature, 8],
  [FORM.referenceSupplementary8, 8],
  [FORM.data16, 16],
  [FORM.flagPresent, 0],
  [FORM.implicitConstant, 0],
]);

const variableSteps: ReadonlyMap<number, number> = new Map([
  [FORM.string, STEP.string],
  [FORM.udata, STEP.leb],
  [FORM.sdata, STEP.leb],
  [FORM.referenceUdata, STEP.leb],
  [FORM.stringIndex, STEP.leb],
  [FORM.addressIndex, STEP.leb],
  [FORM.locationListIndex, STEP.leb],
  [FORM.rangeListIndex, STEP.leb],
  [FORM.block1, STEP.block1],
  [FORM.block2, STEP.block2],
  [FORM.block4, STEP.block4],
  [FORM.block, STEP.blockLeb],
  [FORM.expression, STEP.blockLeb],
  [FORM.indirect, STEP.indirect],
]);

/** The step over one attribute of a form; undefined for a form the specification does not know. */
const stepOf = (form: number, encoding: UnitEncoding): number | undefined => {
  switch (form) {
    case FORM.address:
      return encoding.addressSize;
    case FORM.referenceAddress:
      return encoding.version <= 2 ? encoding.addressSize : encoding.offsetSize;
    case FORM.stringPointer:
    case FORM.sectionOffset:
    case FORM.stringSupplementary:
    case FORM.lineStringPointer:
      return encoding.offsetSize;
    default:
      return fixedSizes.get(form) ?? variableSteps.get(form);
  }
};

/** The position after the bytes that `step` covers. May run past `end`; the caller compares once per entry. */
const stepOver = (bytes: Buffer, step: number, at: number, end: number, encoding: UnitEncoding): number => {
  if (step >= 0) return at + step;
  let position = at;
  switch (step) {
    case STEP.string:
      while (position < end && bytes[position] !== 0) position++;
      return position + 1;
    case STEP.leb:
      while (((bytes[position] ?? 0) & 0x80) !== 0) position++;
      return position + 1;
    case STEP.block1:
      return at + 1 + (bytes[at] ?? 0);
    case STEP.block2:
      return at + 2 + (bytes[at] ?? 0) + (bytes[at + 1] ?? 0) * 0x100;
    case STEP.block4:
      return at + 4 + new Cursor(bytes, ".debug_info", Math.min(at, bytes.length)).u32();
    case STEP.blockLeb: {
      const cursor: Cursor = new Cursor(bytes, ".debug_info", Math.min(at, bytes.length));
      const length = cursor.uleb128();
      return cursor.position + length;
    }
    default: {
      const cursor: Cursor = new Cursor(bytes, ".debug_info", Math.min(at, bytes.length));
      const inner = stepOf(cursor.uleb128(), encoding);
      if (inner === undefined || inner === STEP.indirect) cursor.fail("DW_FORM_indirect names no usable form");
      return stepOver(bytes, inner, cursor.position, end, encoding);
    }
  }
};

/** The position after one attribute of form `form` at `at`. */
export const skipForm = (bytes: Buffer, form: number, at: number, end: number, encoding: UnitEncoding): number => {
  const step = stepOf(form, encoding);
  if (step === undefined) throw new FormatError(".debug_info", at, `unknown attribute form 0x${form.toString(16)}`);
  const next = stepOver(bytes, step, at, end, encoding);
  if (next > end) throw new FormatError(".debug_info", at, "attribute runs past the end of its unit");
  return next;
};

/** The position after all attributes of an entry whose attributes begin at `at`. */
export const skipAttributes = (
  bytes: Buffer,
  abbreviation: Abbreviation,
  at: number,
  end: number,
  encoding: UnitEncoding,
): number => {
  let position = at;
  for (const step of abbreviation.steps) {
    position = step >= 0 ? position + step : stepOver(bytes, step, position, end, encoding);
  }
  if (position > end) throw new FormatError(".debug_info", at, "debugging entry runs past the end of its unit");
  return position;
};

/** LIMIT: codes below this are looked up in an array, others in a map. Compilers number from 1 without gaps. */
const DENSE_CODES = 4096;

export class AbbreviationTable {
  private readonly dense: (Abbreviation | undefined)[] = [];
  private readonly sparse = new Map<number, Abbreviation>();

  find(code: number): Abbreviation | undefined {
    return code < DENSE_CODES ? this.dense[code] : this.sparse.get(code);
  }

  add(abbreviation: Abbreviation): void {
    if (abbreviation.code < DENSE_CODES) this.dense[abbreviation.code] = abbreviation;
    else this.sparse.set(abbreviation.code, abbreviation);
  }
}

/** Parses the table at `offset` of .debug_abbrev for units of the given encoding. */
export const parseAbbreviations = (
  section: Buffer,
  offset: number,
  encoding: UnitEncoding,
  meter: ReadMeter,
): AbbreviationTable => {
  if (offset > section.length) throw new FormatError(".debug_abbrev", offset, "table lies outside the section");
  const cursor: Cursor = new Cursor(section, ".debug_abbrev", offset);
  const table = new AbbreviationTable();
  for (;;) {
    const start = cursor.position;
    const code = cursor.uleb128();
    if (code === 0) return table;
    const tag = cursor.uleb128();
    const hasChildren = cursor.u8() !== 0;
    const names: number[] = [];
    const forms: number[] = [];
    const implicit: number[] = [];
    const steps: number[] = [];
    for (;;) {
      const name = cursor.uleb128();
      const form = cursor.uleb128();
      if (name === 0 && form === 0) break;
      const step = stepOf(form, encoding);
      if (step === undefined) cursor.fail(`unknown attribute form 0x${form.toString(16)}`);
      names.push(name);
      forms.push(form);
      implicit.push(form === FORM.implicitConstant ? cursor.sleb128() : 0);
      const last = steps.length - 1;
      const previous = steps[last];
      if (step >= 0 && previous !== undefined && previous >= 0) steps[last] = previous + step;
      else steps.push(step);
    }
    meter.spend(cursor.position - start, start);
    table.add({ code, tag, hasChildren, names, forms, implicit, steps });
  }
};
