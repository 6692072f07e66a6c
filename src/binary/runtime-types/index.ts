/**
 * Turns the type descriptors that a Go program keeps for its runtime into signatures of methods. They are there also in a
 * program without symbols and debug data; they have types but no names of parameters, and only what the linker left.
 *
 * Knows moduledata, and nothing of pclntab, DWARF, probes or processes.
 */
import { FormatError, type VirtualAddress } from "../../base/index.js";
import type { GoVersion } from "../build-info.js";
import type { GoVariable, Signature } from "../gotype.js";
import type { ImageReader } from "../image.js";
import type { Moduledata } from "../moduledata.js";
import { Descriptors } from "./descriptor.js";
import { findTypeLayout } from "./layout.js";
import { indexMethods, type MethodIndex } from "./methods.js";
import { TypeRegion } from "./region.js";
import { RuntimeTypeReader } from "./types.js";

/** The methods of a program, by their code. Every question throws a FormatError where the bytes it needs are damaged. */
export class RuntimeTypes {
  private readonly image: ImageReader;
  private readonly moduledata: Moduledata;
  private readonly descriptors: Descriptors;
  private readonly reader: RuntimeTypeReader;
  /** Kept also when it can't be made: every function would try again. */
  private index: MethodIndex | FormatError | undefined;

  constructor(image: ImageReader, moduledata: Moduledata, descriptors: Descriptors) {
    this.image = image;
    this.moduledata = moduledata;
    this.descriptors = descriptors;
    this.reader = new RuntimeTypeReader(descriptors);
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

  private methods(): MethodIndex {
    this.index ??= this.makeIndex();
    if (this.index instanceof FormatError) throw this.index;
    return this.index;
  }

  private makeIndex(): MethodIndex | FormatError {
    try {
      return indexMethods(this.descriptors, this.image, this.moduledata);
    } catch (error) {
      if (error instanceof FormatError) return error;
      throw error;
    }
  }
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
