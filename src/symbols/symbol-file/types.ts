/**
 * The types table: Go types as a graph. A record is its kind (a place in KINDS), name and size, then what its kind has.
 * Other types are named by the difference of their number to the record's own, because they tend to be neighbours. Most
 * pointers and slices are called after what they lead to; they have kinds of their own, whose records have no name.
 */
import { type Cursor, FormatError } from "../../base/index.js";
import type { GoField, GoType } from "../../binary/index.js";
import { readCount, readText, readZigzag, requireEnd } from "./byte-reader.js";
import { ByteWriter } from "./byte-writer.js";
import { findByName } from "./name-index.js";
import type { RecordTable } from "./record-table.js";

/** `signed` and `empty` are kinds of their own here. */
const KINDS = [
  "int",
  "uint",
  "bool",
  "float",
  "complex",
  "string",
  "slice",
  "array",
  "struct",
  "pointer",
  "opaque-pointer",
  "interface",
  "empty-interface",
  "map",
  "chan",
  "func",
  "pointer-to",
  "slice-of",
] as const;
type Kind = (typeof KINDS)[number];

/** LIMIT: types nested by value. Real ones stay below 20. */
const MAX_NESTING = 200;

/** What goes before the other type's name. */
const PREFIXES: Readonly<Partial<Record<Kind, string>>> = { "pointer-to": "*", "slice-of": "[]" };

const kindOf = (type: GoType): Kind => {
  if (type.kind === "pointer" && type.name === `*${type.target().name}`) return "pointer-to";
  if (type.kind === "slice" && type.name === `[]${type.element().name}`) return "slice-of";
  if (type.kind === "int") return type.signed ? "int" : "uint";
  if (type.kind === "interface") return type.empty ? "empty-interface" : "interface";
  return type.kind;
};

/** Gives types their numbers and writes them, with everything they lead to. Equal objects are one type. */
export class TypeCollector {
  readonly records: Buffer[] = [];
  readonly names: string[] = [];
  private readonly numbers = new Map<GoType, number>();
  private readonly waiting: GoType[] = [];

  /** The type's number. */
  add(type: GoType): number {
    const number = this.number(type);
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) this.write(next);
    return number;
  }

  private number(type: GoType): number {
    const known = this.numbers.get(type);
    if (known !== undefined) return known;
    const number = this.numbers.size;
    this.numbers.set(type, number);
    this.names.push(type.name);
    this.waiting.push(type);
    return number;
  }

  private write(type: GoType): void {
    const own = this.records.length;
    const writer = new ByteWriter();
    const refer = (other: GoType): void => writer.zigzag(this.number(other) - own);
    const kind = kindOf(type);
    writer.u8(KINDS.indexOf(kind));
    if (PREFIXES[kind] === undefined) writer.text(type.name);
    writer.uleb128(type.size);
    switch (type.kind) {
      case "slice":
      case "chan":
        refer(type.element());
        break;
      case "array":
        refer(type.element());
        writer.uleb128(type.length);
        break;
      case "pointer":
        refer(type.target());
        break;
      case "map":
        refer(type.key());
        refer(type.element());
        break;
      case "struct":
        writer.uleb128(type.fields.length);
        for (const field of type.fields) {
          writer.text(field.name);
          writer.uleb128(field.offset * 2 + (field.embedded ? 1 : 0));
          refer(field.type);
        }
        break;
    }
    this.records.push(writer.take());
  }
}

/** The types of an open file; one is decoded when asked for, what a pointer leads to when that is asked for. */
export class TypeTable {
  private readonly table: RecordTable;
  private readonly index: RecordTable;
  private readonly known = new Map<number, GoType>();
  /** Types under construction: one that contains itself by value is damage. */
  private readonly open = new Set<number>();

  constructor(table: RecordTable, index: RecordTable) {
    this.table = table;
    this.index = index;
  }

  at(number: number): GoType {
    const known = this.known.get(number);
    if (known !== undefined) return known;
    if (this.open.has(number)) throw new FormatError("types", number, "type contains itself");
    if (this.open.size > MAX_NESTING) throw new FormatError("types", number, "types nest too deeply");
    this.open.add(number);
    try {
      const cursor = this.table.cursor(number);
      const type = this.read(cursor, number);
      requireEnd(cursor);
      this.known.set(number, type);
      return type;
    } finally {
      this.open.delete(number);
    }
  }

  find(name: string): GoType | undefined {
    const search = { name, count: this.table.count, groupSize: 1 };
    const [first] = findByName(this.index, search, (number) => this.nameAt(number) === name);
    return first === undefined ? undefined : this.at(first);
  }

  private nameAt(number: number): string {
    let prefixes = "";
    for (let at = number, depth = 0; ; depth++) {
      const cursor = this.table.cursor(at);
      const prefix = PREFIXES[KINDS[cursor.u8()] ?? "int"];
      if (prefix === undefined) return prefixes + readText(cursor);
      if (depth > MAX_NESTING) cursor.fail("a name without an end");
      prefixes += prefix;
      cursor.uleb128();
      at = this.readReference(cursor, at);
    }
  }

  private readReference(cursor: Cursor, own: number): number {
    const number = own + readZigzag(cursor);
    if (!(number >= 0 && number < this.table.count)) cursor.fail(`no type ${number}`);
    return number;
  }

  private read(cursor: Cursor, own: number): GoType {
    const kind = KINDS[cursor.u8()];
    const name = kind !== undefined && PREFIXES[kind] !== undefined ? this.nameAt(own) : readText(cursor);
    const size = cursor.uleb128();
    const refer = (): (() => GoType) => {
      const number = this.readReference(cursor, own);
      return () => this.at(number);
    };
    switch (kind) {
      case "pointer-to":
        return { kind: "pointer", name, size, target: refer() };
      case "slice-of":
        return { kind: "slice", name, size, element: refer() };
      case "int":
      case "uint":
        return { kind: "int", name, size, signed: kind === "int" };
      case "interface":
      case "empty-interface":
        return { kind: "interface", name, size, empty: kind === "empty-interface" };
      case "slice":
      case "chan":
        return { kind, name, size, element: refer() };
      case "array":
        return { kind, name, size, element: refer(), length: cursor.uleb128() };
      case "pointer":
        return { kind, name, size, target: refer() };
      case "map":
        return { kind, name, size, key: refer(), element: refer() };
      case "struct":
        return { kind, name, size, fields: readFields(cursor, refer) };
      case undefined:
        return cursor.fail("unknown kind of type");
      default:
        return { kind, name, size };
    }
  }
}

function readFields(cursor: Cursor, refer: () => () => GoType): GoField[] {
  return Array.from({ length: readCount(cursor) }, () => {
    const name = readText(cursor);
    const place = cursor.uleb128();
    return { name, offset: Math.floor(place / 2), embedded: place % 2 === 1, type: refer()() };
  });
}
