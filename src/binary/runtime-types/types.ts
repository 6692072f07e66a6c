/** Go types from their run-time descriptors. */
import type { GoField, GoType } from "../gotype.js";
import type { Descriptors } from "./descriptor.js";
import { ARRAY, CHAN, FIELD, KIND, MAP, POINTER, POINTER_SIZE, SLICE } from "./layout.js";
import { TypeNames } from "./names.js";
import { OncePerType } from "./once.js";

export class RuntimeTypeReader {
  private readonly descriptors: Descriptors;
  private readonly types: OncePerType<GoType>;
  private readonly names: TypeNames;

  constructor(descriptors: Descriptors) {
    this.descriptors = descriptors;
    this.types = new OncePerType((type, detail) => descriptors.region.fail(type, detail));
    this.names = new TypeNames(descriptors);
  }

  /** The type whose descriptor is at an address. */
  at(type: number): GoType {
    return this.types.get(type, () => this.build(type));
  }

  /** Its name alone. */
  nameAt(type: number): string {
    return this.names.at(type);
  }

  /** The type of pointers to this one; the program itself need not describe it. */
  pointerTo(type: number): GoType {
    return { kind: "pointer", name: `*${this.names.at(type)}`, size: POINTER_SIZE, target: () => this.at(type) };
  }

  private build(type: number): GoType {
    const { descriptors } = this;
    const { region } = descriptors;
    const kind = descriptors.kind(type);
    const size = descriptors.size(type, kind);
    const name = this.names.at(type);
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
        const methods = descriptors.interfaceMethods(type);
        return { kind: "interface", name, size, empty: methods.length === 0 };
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
    return this.descriptors.fields(type).map((field, index) => {
      const { text, embedded } = region.name(region.word(field + FIELD.name));
      const offset = region.word(field + FIELD.offset);
      const fieldType = this.at(region.word(field + FIELD.type));
      if (offset + fieldType.size > size) region.fail(type, `field ${index} ends outside the struct`);
      return { name: text, offset, embedded, type: fieldType };
    });
  }
}
