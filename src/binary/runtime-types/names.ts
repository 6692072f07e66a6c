/**
 * Names of types as the linker spells them: as Go prints them, with import paths. The runtime's own text has package names
 * in their place, so only a named type's own part is taken from it and the rest is put together.
 */
import type { Descriptors } from "./descriptor.js";
import { ARRAY, CHAN, FIELD, INTERFACE, INTERFACE_METHOD, KIND, MAP, POINTER, SLICE, STRUCT } from "./layout.js";
import { OncePerType } from "./once.js";
import type { StoredName } from "./region.js";

/** LIMIT: longer names are left as the runtime has them; generated code has some of a few kilobytes. */
const MAX_NAME_LENGTH = 2 ** 14;

/** The parts of a name, up to where it is too long to be used. */
function joinSome<T>(items: readonly T[], separator: string, spell: (item: T, index: number) => string): string {
  let text = "";
  for (const [index, item] of items.entries()) {
    text += (index === 0 ? "" : separator) + spell(item, index);
    if (text.length > MAX_NAME_LENGTH) break;
  }
  return text;
}

const RECEIVE_ONLY = 1;
const SEND_ONLY = 2;

const isExported = (name: string): boolean => /^\p{Lu}/u.test(name);

export class TypeNames {
  private readonly descriptors: Descriptors;
  private readonly names: OncePerType<string>;

  constructor(descriptors: Descriptors) {
    this.descriptors = descriptors;
    this.names = new OncePerType((type, detail) => descriptors.region.fail(type, detail));
  }

  at(type: number): string {
    return this.names.get(type, () => {
      const spelled = this.descriptors.isNamed(type) ? this.named(type) : this.unnamed(type);
      return spelled.length > MAX_NAME_LENGTH ? this.descriptors.string(type) : spelled;
    });
  }

  /** `http.Request` of package `net/http` is `net/http.Request`; type arguments have their import paths already. */
  private named(type: number): string {
    const text = this.descriptors.string(type);
    const path = this.descriptors.packagePath(type);
    const dot = text.indexOf(".");
    // FACT(go1.18..go1.27): the package of shapes is called by its whole path.
    if (path !== undefined && text.startsWith(`${path}.`)) return text;
    return path === undefined || dot < 0 ? text : path + text.slice(dot);
  }

  private unnamed(type: number): string {
    const { region } = this.descriptors;
    const nameOf = (at: number): string => this.at(region.word(type + at));
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
        return this.channel(type, nameOf(CHAN.element));
      case KIND.func:
        return `func${this.parametersAndResults(type)}`;
      case KIND.struct:
        return this.struct(type);
      case KIND.interface:
        return this.interface(type);
      default:
        return this.descriptors.string(type);
    }
  }

  private channel(type: number, element: string): string {
    const direction = this.descriptors.region.word(type + CHAN.direction);
    if (direction === RECEIVE_ONLY) return `<-chan ${element}`;
    if (direction === SEND_ONLY) return `chan<- ${element}`;
    return element.startsWith("<-") ? `chan (${element})` : `chan ${element}`;
  }

  private parametersAndResults(type: number): string {
    const { parameters, results, variadic } = this.descriptors.functionTypes(type);
    const inward = joinSome(parameters, ", ", (each, index) => {
      const name = this.at(each);
      const isRest = variadic && index === parameters.length - 1 && name.startsWith("[]");
      return isRest ? `...${name.slice(2)}` : name;
    });
    const outward = joinSome(results, ", ", (each) => this.at(each));
    const tail = results.length > 1 ? ` (${outward})` : results.length === 1 ? ` ${outward}` : "";
    return `(${inward})${tail}`;
  }

  private struct(type: number): string {
    const { region } = this.descriptors;
    const fields = joinSome(this.descriptors.fields(type), "; ", (field) => {
      const name = region.name(region.word(field + FIELD.name));
      const fieldType = this.at(region.word(field + FIELD.type));
      const spelled = name.embedded
        ? fieldType
        : `${this.qualified(name, region.word(type + STRUCT.package))} ${fieldType}`;
      return name.tag === "" ? spelled : `${spelled} ${JSON.stringify(name.tag)}`;
    });
    return fields === "" ? "struct {}" : `struct { ${fields} }`;
  }

  private interface(type: number): string {
    const { region } = this.descriptors;
    const methods = joinSome(this.descriptors.interfaceMethods(type), "; ", (method) => {
      const name = region.name(region.start + region.i32(method + INTERFACE_METHOD.name));
      const functionType = region.start + region.i32(method + INTERFACE_METHOD.type);
      return this.qualified(name, region.word(type + INTERFACE.package)) + this.parametersAndResults(functionType);
    });
    return methods === "" ? "interface {}" : `interface { ${methods} }`;
  }

  /** Names that a package keeps to itself have its path before them: their own, or that of the type they belong to. */
  private qualified(name: StoredName, packageOfType: number): string {
    if (isExported(name.text)) return name.text;
    const path = name.package ?? packageOfType;
    const spelled = path === 0 ? "" : this.descriptors.region.name(path).text;
    // What the compiler makes for itself, such as the groups of maps, is of no package.
    return spelled === "" ? name.text : `${spelled}.${name.text}`;
  }
}
