/**
 * Turns the type descriptors that a Go program keeps for its runtime into signatures of methods, and tells which type an
 * interface value has. They are there also in a program without symbols and debug data; they have types but no names of
 * parameters, and only what the linker left.
 *
 * Knows moduledata, and nothing of pclntab, DWARF, probes or processes.
 */
import { FormatError, type VirtualAddress } from "../../base/index.js";
import type { GoVersion } from "../build-info.js";
import type { GoType, GoVariable, Signature } from "../gotype.js";
import type { ImageReader } from "../image.js";
import type { Moduledata } from "../moduledata.js";
import { Descriptors } from "./descriptor.js";
import { type Itab, TypeDirectory } from "./directory.js";
import { findTypeLayout } from "./layout.js";
import { indexMethods, type MethodIndex } from "./methods.js";
import { TypeRegion } from "./region.js";
import { RuntimeTypeReader } from "./types.js";

export type { Itab } from "./directory.js";

/** The types of a program, and its methods by their code. Every question throws a FormatError where the bytes it needs are damaged. */
export class RuntimeTypes {
  private readonly descriptors: Descriptors;
  private readonly reader: RuntimeTypeReader;
  private readonly methods: () => MethodIndex;
  private readonly directory: () => TypeDirectory;
  private readonly addresses: () => ReadonlyMap<string, readonly VirtualAddress[]>;

  constructor(image: ImageReader, moduledata: Moduledata, descriptors: Descriptors) {
    this.descriptors = descriptors;
    this.reader = new RuntimeTypeReader(descriptors);
    this.methods = madeOnce(() => indexMethods(descriptors, image, moduledata));
    this.directory = madeOnce(() => new TypeDirectory(descriptors, image, moduledata));
    this.addresses = madeOnce(() => this.readAddresses());
  }

  /**
   * The signature of the method whose code is at `entry` and whose symbol is `name`; undefined when the program does not keep
   * it. Parameters and results have no names; the receiver comes first.
   */
  findSignature(entry: VirtualAddress, name: string): Signature | undefined {
    if (!mayBeMethod(name)) return undefined;
    const method = this.methods().find(entry);
    // Different methods may have the same code: all that the linker removed have that of runtime.unreachableMethod.
    if (method === undefined || !name.endsWith(`.${this.descriptors.region.name(method.name).text}`)) return undefined;
    const { parameters, results } = this.descriptors.functionTypes(method.functionType);
    const receiver = method.byAddress ? this.reader.pointerTo(method.receiver) : this.reader.at(method.receiver);
    const unnamed = (type: number): GoVariable => ({ name: "", type: this.reader.at(type) });
    return {
      parameters: [{ name: "", type: receiver }, ...parameters.map(unnamed)],
      results: results.map(unnamed),
      hasReceiver: true,
      source: "runtime-types",
    };
  }

  /**
   * The type whose descriptor is at an address: what the first word of an `any` holds, and the second word of an itab.
   * Undefined where the program has none: reflection makes types at run time.
   */
  typeAt(address: VirtualAddress): GoType | undefined {
    return this.directory().has(address) ? this.reader.at(address) : undefined;
  }

  /** The types of the parameters that functions of the type at an address have; undefined where no function type is. */
  parametersAt(address: VirtualAddress): readonly GoType[] | undefined {
    if (this.typeAt(address)?.kind !== "func") return undefined;
    return this.descriptors.functionTypes(address).parameters.map((type) => this.reader.at(type));
  }

  /**
   * Where the type with this name is described: `*errors.errorString`, `map[string]net/http.Header`. Types that are
   * declared in functions may share a name; empty when the linker kept none.
   */
  addressesOf(name: string): readonly VirtualAddress[] {
    return this.addresses().get(name) ?? [];
  }

  /** The addresses of all types, ascending. */
  types(): Iterable<VirtualAddress> {
    return this.directory().types();
  }

  /** The interface tables that the linker kept, in address order; the runtime makes others when a program needs them. */
  itabs(): readonly Itab[] {
    return this.directory().itabs;
  }

  private readAddresses(): ReadonlyMap<string, readonly VirtualAddress[]> {
    const addresses = new Map<string, VirtualAddress[]>();
    for (const type of this.types()) {
      const name = this.reader.nameAt(type);
      const known = addresses.get(name);
      if (known === undefined) addresses.set(name, [type]);
      else known.push(type);
    }
    return addresses;
  }
}

/** The value that `make` returns, or the FormatError it throws, every time: damage would cost each question anew. */
function madeOnce<T>(make: () => T): () => T {
  let made: { readonly value: T } | FormatError | undefined;
  const attempt = (): { readonly value: T } | FormatError => {
    try {
      return { value: make() };
    } catch (error) {
      if (error instanceof FormatError) return error;
      throw error;
    }
  };
  return () => {
    made ??= attempt();
    if (made instanceof FormatError) throw made;
    return made.value;
  };
}

/** The shortest is `package.Type.Method`; the method of another package has that one's import path before it. */
const mayBeMethod = (name: string): boolean => name.indexOf(".") !== name.lastIndexOf(".");

/**
 * The run-time types of a program; undefined for a release whose layout is not known (before go1.17, or newer than this
 * gospect). Reads the type data as a whole, and no more until asked.
 */
export function openRuntimeTypes(
  image: ImageReader,
  moduledata: Moduledata,
  version: GoVersion,
): RuntimeTypes | undefined {
  const layout = findTypeLayout(version);
  const { types, etypes } = moduledata;
  if (layout === undefined || types === undefined || etypes === undefined) return undefined;
  const region = new TypeRegion(image, { address: types, size: etypes - types });
  return new RuntimeTypes(image, moduledata, new Descriptors(region, layout));
}
