/**
 * Go types from debugging entries. Go describes strings, slices, maps, channels and interfaces as ordinary structs,
 * pointers and typedefs; its own attributes (DW_AT_go_kind and others) say what they are.
 */
import { FormatError } from "../../base/index.js";
import type { GoField, GoType } from "../gotype.js";
import { AT, ENCODING, GO_KIND, TAG } from "./constants.js";
import { Die } from "./die.js";
import { ReadMeter } from "./meter.js";
import { requireUnitAt, type Unit } from "./unit.js";

/** LIMIT: types nested by value (struct in struct in array …) and typedefs of typedefs. Real ones stay below 20. */
const MAX_NESTING = 200;

export class TypeReader {
  private readonly units: readonly Unit[];
  private readonly known = new Map<number, GoType>();
  /** Types under construction: one that contains itself by value is damage. */
  private readonly open = new Set<number>();
  /** Each type is built once, so that only types inside each other pass an entry many times. */
  private readonly meter: ReadMeter;

  constructor(units: readonly Unit[]) {
    this.units = units;
    this.meter = new ReadMeter(".debug_info", units[0]?.sections.info.length ?? 0);
  }

  /** The type whose entry is at `offset`. */
  at(offset: number): GoType {
    const known = this.known.get(offset);
    if (known !== undefined) return known;
    if (this.open.has(offset)) throw new FormatError(".debug_info", offset, "type contains itself");
    if (this.open.size > MAX_NESTING) throw new FormatError(".debug_info", offset, "types nest too deeply");
    this.open.add(offset);
    try {
      const type = this.build(this.entry(offset));
      this.known.set(offset, type);
      return type;
    } finally {
      this.open.delete(offset);
    }
  }

  /** The type an entry's DW_AT_type names; undefined when it has none. */
  of(die: Die): GoType | undefined {
    const offset = die.number(AT.type);
    return offset === undefined ? undefined : this.at(offset);
  }

  private entry(offset: number): Die {
    const die = Die.at(requireUnitAt(this.units, offset), offset);
    if (die === undefined) throw new FormatError(".debug_info", offset, "type reference leads to a null entry");
    return die;
  }

  private require(die: Die, attribute: number, what: string): number {
    const offset = die.number(attribute);
    if (offset === undefined) throw new FormatError(".debug_info", die.offset, `${what} is missing`);
    return offset;
  }

  private build(die: Die): GoType {
    const name = die.string(AT.name) ?? "";
    switch (die.tag) {
      case TAG.baseType:
        return this.baseType(die, name);
      case TAG.pointerType:
        return this.pointer(die, name);
      case TAG.structureType:
        return this.structure(die, name);
      case TAG.arrayType:
        return this.array(die, name);
      case TAG.subroutineType:
        return { kind: "func", name, size: die.number(AT.byteSize) ?? die.unit.addressSize };
      case TAG.typedef:
        return this.typedef(die, name);
      case TAG.constType:
      case TAG.volatileType:
        return this.at(this.require(die, AT.type, "qualified type"));
      case TAG.enumerationType:
        return { kind: "int", name, size: die.number(AT.byteSize) ?? 4, signed: true };
      case TAG.unspecifiedType:
        return { kind: "struct", name, size: 0, fields: [] };
      default:
        throw new FormatError(".debug_info", die.offset, `entry of tag 0x${die.tag.toString(16)} is not a type`);
    }
  }

  private baseType(die: Die, name: string): GoType {
    const size = this.require(die, AT.byteSize, "size of a base type");
    switch (die.number(AT.encoding)) {
      case ENCODING.boolean:
        return { kind: "bool", name, size };
      case ENCODING.float:
        return { kind: "float", name, size };
      case ENCODING.complexFloat:
        return { kind: "complex", name, size };
      case ENCODING.signed:
      case ENCODING.signedChar:
        return { kind: "int", name, size, signed: true };
      default:
        return { kind: "int", name, size, signed: false };
    }
  }

  private pointer(die: Die, name: string): GoType {
    const size = die.number(AT.byteSize) ?? die.unit.addressSize;
    const target = die.number(AT.type);
    if (target === undefined || this.entry(target).tag === TAG.unspecifiedType) {
      return { kind: "opaque-pointer", name, size };
    }
    return { kind: "pointer", name, size, target: () => this.at(target) };
  }

  private structure(die: Die, name: string): GoType {
    const size = die.number(AT.byteSize) ?? 0;
    switch (die.number(AT.goKind)) {
      case GO_KIND.string:
        return { kind: "string", name, size };
      case GO_KIND.slice: {
        const element = this.require(die, AT.goElement, "element type of a slice");
        return { kind: "slice", name, size, element: () => this.at(element) };
      }
      default:
        return { kind: "struct", name, size, fields: this.fields(die) };
    }
  }

  private fields(die: Die): GoField[] {
    const fields: GoField[] = [];
    for (const member of die.children(this.meter)) {
      if (member.tag !== TAG.member) continue;
      fields.push({
        name: member.string(AT.name) ?? "",
        offset: this.require(member, AT.dataMemberLocation, "offset of a field"),
        embedded: (member.number(AT.goEmbeddedField) ?? 0) !== 0,
        type: this.at(this.require(member, AT.type, "type of a field")),
      });
    }
    return fields;
  }

  private array(die: Die, name: string): GoType {
    const element = this.require(die, AT.type, "element type of an array");
    let length = 0;
    for (const child of die.children(this.meter)) {
      if (child.tag !== TAG.subrangeType) continue;
      length = child.number(AT.count) ?? (child.number(AT.upperBound) ?? -1) + 1;
      break;
    }
    const size = die.number(AT.byteSize) ?? length * this.at(element).size;
    return { kind: "array", name, size, length, element: () => this.at(element) };
  }

  private typedef(die: Die, name: string): GoType {
    const target = die.number(AT.type);
    const size = die.unit.addressSize;
    switch (die.number(AT.goKind)) {
      case GO_KIND.map: {
        const key = this.require(die, AT.goKey, "key type of a map");
        const element = this.require(die, AT.goElement, "element type of a map");
        return { kind: "map", name, size, key: () => this.at(key), element: () => this.at(element) };
      }
      case GO_KIND.chan: {
        const element = this.require(die, AT.goElement, "element type of a channel");
        return { kind: "chan", name, size, element: () => this.at(element) };
      }
      case GO_KIND.interface: {
        // FACT(go1.19..go1.27): an interface without methods is a typedef of runtime.eface, any other of runtime.iface.
        const layout = this.at(this.require(die, AT.type, "layout of an interface"));
        return { kind: "interface", name, size: layout.size, empty: layout.name === "runtime.eface" };
      }
      default:
        if (target === undefined) return { kind: "opaque-pointer", name, size };
        return this.rename(this.at(target), name);
    }
  }

  /**
   * A named type, without the name of its declaration twice. In the body of a generic function's shape, `.param0` stands
   * for an argument of the dictionary; the shape it names says more.
   */
  private rename(type: GoType, name: string): GoType {
    // FACT(go1.18..go1.27): where a constraint asks for nothing but methods all pointers share the shape of *uint8.
    if (name.startsWith("go.shape.*uint8")) return { kind: "opaque-pointer", name, size: type.size };
    return name === "" || name.startsWith(".param") || name === type.name ? type : { ...type, name };
  }
}
