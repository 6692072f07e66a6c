/**
 * Which types a program describes, and where. There is no list of all of them: the linker's own names those without a
 * name, and the others are what these are made of.
 */
import { type VirtualAddress, virtualAddress } from "../../base/index.js";
import type { ImageReader } from "../image.js";
import type { Moduledata } from "../moduledata.js";
import type { Descriptors } from "./descriptor.js";
import { ARRAY, CHAN, FIELD, INTERFACE_METHOD, KIND, MAP, POINTER, SLICE } from "./layout.js";
import { DESCRIPTOR_ALIGNMENT, eachItab, eachLinkedType } from "./links.js";

/** An interface table that the compiler foresaw: the first word of an interface value that has methods. */
export interface Itab {
  readonly address: VirtualAddress;
  /** Descriptors: of the interface, and of the type of the value in it. */
  readonly interface: VirtualAddress;
  readonly concrete: VirtualAddress;
}

/** The descriptors a descriptor refers to. */
function partsOf(descriptors: Descriptors, type: number): readonly number[] {
  const { region } = descriptors;
  const at = (...places: readonly number[]): readonly number[] => places.map((place) => region.word(type + place));
  switch (descriptors.kind(type)) {
    case KIND.pointer:
      return at(POINTER.element);
    case KIND.slice:
      return at(SLICE.element);
    case KIND.array:
      return at(ARRAY.element, ARRAY.slice);
    case KIND.chan:
      return at(CHAN.element);
    case KIND.map:
      return at(MAP.key, MAP.element);
    case KIND.func: {
      const { parameters, results } = descriptors.functionTypes(type);
      return [...parameters, ...results];
    }
    case KIND.struct:
      return descriptors.fields(type).map((field) => region.word(field + FIELD.type));
    case KIND.interface:
      return descriptors
        .interfaceMethods(type)
        .map((method) => region.start + region.i32(method + INTERFACE_METHOD.type));
    default:
      return [];
  }
}

/** Every type and itab of a program. Reading it follows all descriptors; damaged ones throw a FormatError. */
export class TypeDirectory {
  readonly itabs: readonly Itab[];
  /** One byte for each place where a descriptor can begin, 1 where one does. */
  private readonly present: Uint8Array;
  private readonly start: number;

  constructor(descriptors: Descriptors, image: ImageReader, { typeLinks, itabLinks }: Moduledata) {
    const { region } = descriptors;
    this.start = region.start;
    this.present = new Uint8Array(Math.ceil(region.size / DESCRIPTOR_ALIGNMENT));
    const waiting: number[] = [];
    const add = (type: number): void => {
      region.require(type, 1);
      if (type % DESCRIPTOR_ALIGNMENT !== 0) region.fail(type, "a descriptor off its alignment");
      const place = this.place(type);
      if (this.present[place] === 1) return;
      this.present[place] = 1;
      waiting.push(type);
    };
    if (typeLinks !== undefined) eachLinkedType(descriptors, image, typeLinks, add);
    const itabs: Itab[] = [];
    if (itabLinks !== undefined)
      eachItab(descriptors, image, itabLinks, ({ address, interface: inter, concrete }) => {
        add(inter);
        add(concrete);
        itabs.push({
          address: virtualAddress(address),
          interface: virtualAddress(inter),
          concrete: virtualAddress(concrete),
        });
      });
    this.itabs = itabs;
    for (let type = waiting.pop(); type !== undefined; type = waiting.pop())
      for (const part of partsOf(descriptors, type)) add(part);
  }

  has(type: number): boolean {
    return type % DESCRIPTOR_ALIGNMENT === 0 && this.present[this.place(type)] === 1;
  }

  /** The addresses of all descriptors, ascending. */
  *types(): Generator<VirtualAddress> {
    for (let place = 0; place < this.present.length; place++)
      if (this.present[place] === 1) yield virtualAddress(this.start + place * DESCRIPTOR_ALIGNMENT);
  }

  private place(type: number): number {
    return Math.floor((type - this.start) / DESCRIPTOR_ALIGNMENT);
  }
}
