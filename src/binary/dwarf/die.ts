/**
 * Debugging entries: one asked for by its offset (`Die`), and a walk over all entries of a unit (`DieWalk`) that makes no
 * object until one is wanted.
 */
import { Cursor, FormatError } from "../../base/index.js";
import { type Abbreviation, skipAttributes, skipForm } from "./abbreviation.js";
import { readAddress, readBlock, readNumber, readString } from "./form.js";
import type { ReadMeter } from "./meter.js";
import type { Unit } from "./unit.js";

/** Where the value of one attribute lies. */
export interface AttributePlace {
  readonly form: number;
  readonly position: number;
  readonly implicit: number;
}

export class Die {
  readonly unit: Unit;
  /** Position in .debug_info; references name it. */
  readonly offset: number;
  readonly abbreviation: Abbreviation;
  private readonly attributesAt: number;

  constructor(unit: Unit, offset: number, abbreviation: Abbreviation, attributesAt: number) {
    this.unit = unit;
    this.offset = offset;
    this.abbreviation = abbreviation;
    this.attributesAt = attributesAt;
  }

  /** The entry at `offset`; undefined where a null entry stands. */
  static at(unit: Unit, offset: number): Die | undefined {
    const cursor = new Cursor(unit.sections.info, ".debug_info", offset);
    const code = cursor.uleb128();
    if (code === 0) return undefined;
    const abbreviation = unit.abbreviations.find(code);
    if (abbreviation === undefined) throw new FormatError(".debug_info", offset, `abbreviation ${code} is not defined`);
    return new Die(unit, offset, abbreviation, cursor.position);
  }

  get tag(): number {
    return this.abbreviation.tag;
  }

  find(name: number): AttributePlace | undefined {
    const { names, forms, implicit } = this.abbreviation;
    const index = names.indexOf(name);
    if (index < 0) return undefined;
    const bytes = this.unit.sections.info;
    let position = this.attributesAt;
    for (let i = 0; i < index; i++) position = skipForm(bytes, forms[i] ?? 0, position, this.unit.end, this.unit);
    return { form: forms[index] ?? 0, position, implicit: implicit[index] ?? 0 };
  }

  has(name: number): boolean {
    return this.abbreviation.names.includes(name);
  }

  /** A constant, offset, flag or reference (as a position in .debug_info). Undefined when absent or of another class. */
  number(name: number): number | undefined {
    const place = this.find(name);
    return place === undefined ? undefined : readNumber(this.unit, place);
  }

  /** An address-class attribute. Undefined when absent or of another class. */
  address(name: number): number | undefined {
    const place = this.find(name);
    return place === undefined ? undefined : readAddress(this.unit, place);
  }

  string(name: number): string | undefined {
    const place = this.find(name);
    return place === undefined ? undefined : readString(this.unit, place);
  }

  /** A block or location expression. */
  block(name: number): Buffer | undefined {
    const place = this.find(name);
    return place === undefined ? undefined : readBlock(this.unit, place);
  }

  /** The entries directly below this one, in file order. `meter` hears of every entry below it that is passed. */
  *children(meter?: ReadMeter): Generator<Die> {
    const walk = new DieWalk(this.unit, this.offset);
    walk.next();
    if (!this.abbreviation.hasChildren) return;
    while (walk.next() && walk.depth > 0) {
      meter?.spend(1, walk.offset);
      if (walk.depth === 1) yield walk.die();
    }
  }
}

/**
 * Walks the entries of a unit in file order, from `start` (the root by default). After `next()` returned true, `tag`,
 * `depth` (0 at the start) and `offset` describe the present entry.
 */
export class DieWalk {
  offset = 0;
  depth = 0;
  private abbreviation: Abbreviation | undefined;
  private attributesAt = 0;
  private position: number;
  private readonly unit: Unit;
  private readonly bytes: Buffer;
  private nextDepth = 0;

  constructor(unit: Unit, start = unit.rootOffset) {
    this.unit = unit;
    this.bytes = unit.sections.info;
    this.position = start;
  }

  get tag(): number {
    return this.abbreviation?.tag ?? 0;
  }

  /** Steps to the next entry; false at the end of the subtree that began at the start. */
  next(): boolean {
    const { unit, bytes } = this;
    const present = this.abbreviation;
    if (present !== undefined) {
      this.position = skipAttributes(bytes, present, this.attributesAt, unit.end, unit);
      if (present.hasChildren) this.nextDepth++;
      else if (this.nextDepth === 0) return false;
    }
    for (;;) {
      // A unit may end without its closing null entries.
      if (this.position >= unit.end) {
        this.abbreviation = undefined;
        return false;
      }
      this.offset = this.position;
      const first = bytes[this.position] ?? 0;
      let code = first;
      if (first < 0x80) this.position++;
      else {
        const cursor = new Cursor(bytes, ".debug_info", this.position);
        code = cursor.uleb128();
        this.position = cursor.position;
      }
      if (code !== 0) {
        this.abbreviation = unit.abbreviations.find(code);
        if (this.abbreviation === undefined) {
          throw new FormatError(".debug_info", this.offset, `abbreviation ${code} is not defined`);
        }
        this.attributesAt = this.position;
        this.depth = this.nextDepth;
        return true;
      }
      if (this.nextDepth <= 1) {
        this.abbreviation = undefined;
        this.nextDepth = 0;
        this.position = unit.end;
        return false;
      }
      this.nextDepth--;
    }
  }

  die(): Die {
    if (this.abbreviation === undefined) throw new FormatError(".debug_info", this.offset, "no entry here");
    return new Die(this.unit, this.offset, this.abbreviation, this.attributesAt);
  }
}
