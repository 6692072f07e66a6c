/** Run-time type descriptors one at a time: what kind, how large, where its own parts and its methods are. */
import {
  FIELD,
  FIXED_SIZES,
  FLAG,
  FUNC,
  INTERFACE,
  INTERFACE_METHOD,
  KIND,
  KIND_MASK,
  METHOD,
  POINTER_SIZE,
  STRUCT,
  TYPE,
  type TypeLayout,
  UNCOMMON,
  VARIADIC,
} from "./layout.js";
import type { TypeRegion } from "./region.js";

const KIND_SIZES: ReadonlyMap<number, number> = new Map([
  [KIND.array, 72],
  [KIND.chan, 64],
  [KIND.func, 56],
  [KIND.interface, 80],
  [KIND.pointer, 56],
  [KIND.slice, 56],
  [KIND.struct, 80],
]);

/** A list of records inside the region, all of which are there. */
interface RecordList {
  readonly address: number;
  readonly count: number;
}

const NO_RECORDS: RecordList = { address: 0, count: 0 };

const addressesOf = ({ address, count }: RecordList, size: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => address + size * index);

/** Reads the region as descriptors; everything throws a FormatError for what is none. */
export class Descriptors {
  readonly region: TypeRegion;
  private readonly layout: TypeLayout;

  constructor(region: TypeRegion, layout: TypeLayout) {
    this.region = region;
    this.layout = layout;
  }

  kind(type: number): number {
    const kind = this.region.u8(type + TYPE.kind) & KIND_MASK;
    if (kind === 0 || kind > KIND.unsafePointer) this.region.fail(type, `there is no kind ${kind} of types`);
    return kind;
  }

  /** Bytes that a value takes. */
  size(type: number, kind: number): number {
    const size = this.region.word(type + TYPE.size);
    if (size !== (FIXED_SIZES.get(kind) ?? size))
      this.region.fail(type, `a type of kind ${kind} can't have ${size} bytes`);
    return size;
  }

  isNamed(type: number): boolean {
    return (this.region.u8(type + TYPE.flags) & FLAG.named) !== 0;
  }

  /** Whether an interface holds such a value itself, not its address. */
  isDirectInInterfaces(type: number): boolean {
    const { at, bit } = this.layout.directInterface;
    return (this.region.u8(type + at) & bit) !== 0;
  }

  /** The type as Go prints it, with package names for import paths. */
  string(type: number): string {
    const { text } = this.region.name(this.region.start + this.region.i32(type + TYPE.string));
    return (this.region.u8(type + TYPE.flags) & FLAG.extraStar) !== 0 && text.startsWith("*") ? text.slice(1) : text;
  }

  /** The import path of a named type; undefined for those without a package. */
  packagePath(type: number): string | undefined {
    const uncommon = this.uncommon(type);
    if (uncommon === undefined) return undefined;
    const offset = this.region.i32(uncommon + UNCOMMON.package);
    return offset === 0 ? undefined : this.region.name(this.region.start + offset).text;
  }

  /** Methods in a type's table; 0 for most types. */
  methodCount(type: number): number {
    const uncommon = this.uncommon(type);
    return uncommon === undefined ? 0 : this.region.u16(uncommon + UNCOMMON.methodCount);
  }

  /** Where the table of a type with methods is. */
  methodTable(type: number, count: number): number {
    const uncommon = this.uncommon(type) ?? type;
    return this.records(uncommon + this.region.u32(uncommon + UNCOMMON.methods), count, METHOD.size).address;
  }

  /** The types of a function's parameters and results. */
  functionTypes(type: number): {
    readonly parameters: readonly number[];
    readonly results: readonly number[];
    readonly variadic: boolean;
  } {
    const { region } = this;
    const inCount = region.u16(type + FUNC.inCount);
    const outCount = region.u16(type + FUNC.outCount);
    const results = outCount & ~VARIADIC;
    const list = this.end(type, KIND.func) + (this.hasUncommon(type) ? UNCOMMON.size : 0);
    const { address } = this.records(list, inCount + results, POINTER_SIZE);
    const types = Array.from({ length: inCount + results }, (_, index) => region.word(address + POINTER_SIZE * index));
    return {
      parameters: types.slice(0, inCount),
      results: types.slice(inCount),
      variadic: (outCount & VARIADIC) !== 0,
    };
  }

  /** The addresses of a struct's fields. */
  fields(type: number): readonly number[] {
    return addressesOf(this.slice(type + STRUCT.fields, FIELD.size), FIELD.size);
  }

  /** The addresses of an interface's methods. */
  interfaceMethods(type: number): readonly number[] {
    return addressesOf(this.slice(type + INTERFACE.methods, INTERFACE_METHOD.size), INTERFACE_METHOD.size);
  }

  /** Where a descriptor ends with everything that the compiler puts behind it: uncommon part, lists, method table. */
  wholeEnd(type: number): number {
    const kind = this.kind(type);
    const { region } = this;
    const lists = (): number => {
      switch (kind) {
        case KIND.func:
          return POINTER_SIZE * (region.u16(type + FUNC.inCount) + (region.u16(type + FUNC.outCount) & ~VARIADIC));
        case KIND.interface:
          return INTERFACE_METHOD.size * region.word(type + INTERFACE.methodCount);
        case KIND.struct:
          return FIELD.size * region.word(type + STRUCT.fieldCount);
        default:
          return 0;
      }
    };
    const uncommon = this.uncommon(type);
    const methods =
      uncommon === undefined ? 0 : UNCOMMON.size + METHOD.size * region.u16(uncommon + UNCOMMON.methodCount);
    return this.end(type, kind) + lists() + methods;
  }

  /** A Go slice of records, whose address and length are at `at` and behind. */
  private slice(at: number, recordSize: number): RecordList {
    return this.records(this.region.word(at), this.region.word(at + POINTER_SIZE), recordSize);
  }

  private hasUncommon(type: number): boolean {
    return (this.region.u8(type + TYPE.flags) & FLAG.uncommon) !== 0;
  }

  private end(type: number, kind: number): number {
    return type + (kind === KIND.map ? this.layout.mapSize : (KIND_SIZES.get(kind) ?? TYPE.end));
  }

  private uncommon(type: number): number | undefined {
    return this.hasUncommon(type) ? this.end(type, this.kind(type)) : undefined;
  }

  private records(address: number, count: number, size: number): RecordList {
    if (count === 0) return NO_RECORDS;
    this.region.require(address, count * size);
    return { address, count };
  }
}
