/** Go types from their run-time descriptors. */
import type { GoField, GoType } from "../gotype.js";
import type { Descriptors } from "./descriptor.js";
import {
  ARRAY,
  CHAN,
  FIELD,
  INTERFACE,
  INTERFACE_METHOD,
  KIND,
  MAP,
  POINTER,
  POINTER_SIZE,
  SLICE,
  STRUCT,
} from "./layout.js";

/** LIMIT: types nested by value (struct in struct in array …), and unnamed types within one name. Real ones stay below 20. */
const MAX_NESTING = 200;

/** LIMIT: names spelled with import paths; longer ones are left as the runtime has them. */
const MAX_NAME_LENGTH = 2 ** 14;

/** Does `build` for a descriptor once, and never inside itself. */
class OncePerType<T> {
  private readonly known = new Map<number, T>();
  private readonly open = new Set<number>();
  private readonly fail: (type: number, detail: string) => never;

  constructor(fail: (type: number, detail: string) => never) {
    this.fail = fail;
  }

  get(type: number, build: () => T): T {
    const known = this.known.get(type);
    if (known !== undefined) return known;
    if (this.open.has(type)) this.fail(type, "type contains itself");
    if (this.open.size > MAX_NESTING) this.fail(type, "types nest too deeply");
    this.open.add(type);
    try {
      const built = build();
      this.known.set(type, built);
      return built;
    } finally {
      this.open.delete(type);
    }
  }
}

export class RuntimeTypeReader {
  private readonly descriptors: Descriptors;
  private readonly types: OncePerType<GoType>;
  private readonly names: OncePerType<string>;

  constructor(descriptors: Descriptors) {
    this.descriptors = descriptors;
    const fail = (type: number, detail: string): never => descriptors.region.fail(type, detail);
    this.types = new OncePerType(fail);
    this.names = new OncePerType(fail);
  }

  /** The type whose descriptor is at an address. */
  at(type: number): GoType {
    return this.types.get(type, () => this.build(type));
  }

  /** The type of pointers to this one; the program itself need not describe it. */
  pointerTo(type: number): GoType {
    return { kind: "pointer", name: `*${this.name(type)}`, size: POINTER_SIZE, target: () => this.at(type) };
  }

  /** As the linker names it: as Go prints it, with import paths. */
  private name(type: number): string {
    return this.names.get(type, () => {
      const spelled = this.descriptors.isNamed(type) ? this.namedTypeName(type) : this.unnamedTypeName(type);
      return spelled.length > MAX_NAME_LENGTH ? this.descriptors.string(type) : spelled;
    });
  }

  /** `http.Request` of package `net/http` is `net/http.Request`; type arguments have their import paths already. */
  private namedTypeName(type: number): string {
    const text = this.descriptors.string(type);
    const path = this.descriptors.packagePath(type);
    const dot = text.indexOf(".");
    return path === undefined || dot < 0 ? text : path + text.slice(dot);
  }

  private unnamedTypeName(type: number): string {
    const { region } = this.descriptors;
    const nameOf = (at: number): string => this.name(region.word(type + at));
    switch (this.descriptors.kind(type)) {
      case KIND.pointer:
        return `*${nameOf(POINTER.element)}`;
      case KIND.slice:
        return `[]${nameOf(SLICE.element)}`;
      case KIND.array:
        return `[${region.word(type + ARRAY.length)}]${nameOf(ARRAY.element)}`;
      case KIND.map:
        return `map[${nameOf(MAP.key)}]${nameOf(MAP.element)}`;
      case KIND.chan:
        return this.channelName(type, nameOf(CHAN.element));
      case KIND.func:
        return this.functionName(type);
      default:
        return this.descriptors.string(type);
    }
  }

  private channelName(type: number, element: string): string {
    const direction = this.descriptors.region.word(type + CHAN.direction);
    if (direction === 1) return `<-chan ${element}`;
    if (direction === 2) return `chan<- ${element}`;
    return element.startsWith("<-") ? `chan (${element})` : `chan ${element}`;
  }

  private functionName(type: number): string {
    const { parameters, results, variadic } = this.descriptors.functionTypes(type);
    const inward = parameters.map((each) => this.name(each));
    const last = inward.at(-1);
    if (variadic && last?.startsWith("[]")) inward[inward.length - 1] = `...${last.slice(2)}`;
    const outward = results.map((each) => this.name(each)).join(", ");
    const tail = results.length > 1 ? ` (${outward})` : results.length === 1 ? ` ${outward}` : "";
    return `func(${inward.join(", ")})${tail}`;
  }

  private build(type: number): GoType {
    const { descriptors } = this;
    const { region } = descriptors;
    const kind = descriptors.kind(type);
    const size = descriptors.size(type, kind);
    const name = this.name(type);
    const part = (at: number): (() => GoType) => {
      const element = region.word(type + at);
      return () => this.at(element);
    };
    switch (kind) {
      case KIND.bool:
        return { kind: "bool", name, size };
      case KIND.float32:
      case KIND.float64:
        return { kind: "float", name, size };
      case KIND.complex64:
      case KIND.complex128:
        return { kind: "complex", name, size };
      case KIND.array:
        return this.array(type, name, size);
      case KIND.chan:
        return { kind: "chan", name, size, element: part(CHAN.element) };
      case KIND.func:
        return { kind: "func", name, size };
      case KIND.interface: {
        const { count } = descriptors.slice(type + INTERFACE.methods, INTERFACE_METHOD.size);
        return { kind: "interface", name, size, empty: count === 0 };
      }
      case KIND.map:
        return { kind: "map", name, size, key: part(MAP.key), element: part(MAP.element) };
      case KIND.pointer:
        return { kind: "pointer", name, size, target: part(POINTER.element) };
      case KIND.slice:
        return { kind: "slice", name, size, element: part(SLICE.element) };
      case KIND.string:
        return { kind: "string", name, size };
      case KIND.struct:
        return { kind: "struct", name, size, fields: this.fields(type, size) };
      case KIND.unsafePointer:
        return { kind: "opaque-pointer", name, size };
      default:
        return { kind: "int", name, size, signed: kind < KIND.uint };
    }
  }

  private array(type: number, name: string, size: number): GoType {
    const { region } = this.descriptors;
    const length = region.word(type + ARRAY.length);
    const element = region.word(type + ARRAY.element);
    if (this.at(element).size * length !== size) region.fail(type, `${length} elements do not make ${size} bytes`);
    return { kind: "array", name, size, length, element: () => this.at(element) };
  }

  private fields(type: number, size: number): readonly GoField[] {
    const { region } = this.descriptors;
    const { address, count } = this.descriptors.slice(type + STRUCT.fields, FIELD.size);
    return Array.from({ length: count }, (_, index) => {
      const field = address + FIELD.size * index;
      const { text, embedded } = region.name(region.word(field + FIELD.name));
      const offset = region.word(field + FIELD.offset);
      const fieldType = this.at(region.word(field + FIELD.type));
      if (offset + fieldType.size > size) region.fail(type, `field ${index} ends outside the struct`);
      return { name: text, offset, embedded, type: fieldType };
    });
  }
}
