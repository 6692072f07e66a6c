/** The two lists that the linker leaves in every program: of types, and of interface tables (itabs). */
import { FormatError, virtualAddress } from "../../base/index.js";
import type { ImageReader } from "../image.js";
import type { ItabLinks, TypeLinks } from "../moduledata.js";
import type { Descriptors } from "./descriptor.js";
import { ITAB, KIND, POINTER_SIZE } from "./layout.js";

/** All descriptors begin at a multiple of it. */
export const DESCRIPTOR_ALIGNMENT = 8;

/** LIMIT: itabs are read in pieces of this size, since they lie among other read-only data before go1.27. */
const WINDOW_SIZE = 2 ** 16;

/** Calls `use` for every type that programs can make at run time: the descriptors that `links` lead to. */
export function eachLinkedType(
  descriptors: Descriptors,
  image: ImageReader,
  links: TypeLinks,
  use: (type: number) => void,
): void {
  const { region } = descriptors;
  const { address, size } = links.range;
  if (links.kind === "offsets") {
    const offsets = image.read(address, size);
    for (let at = 0; at + 4 <= size; at += 4) use(region.start + offsets.readInt32LE(at));
    return;
  }
  // FACT(go1.27): the first descriptor lies one word behind the start.
  for (let type = address + POINTER_SIZE; type < address + size; ) {
    use(type);
    type = Math.ceil(descriptors.wholeEnd(type) / DESCRIPTOR_ALIGNMENT) * DESCRIPTOR_ALIGNMENT;
  }
}

/** Bytes of the image, read in pieces that serve several reads in ascending order. */
class Window {
  private readonly image: ImageReader;
  private start = 0;
  private bytes: Buffer = Buffer.alloc(0);

  constructor(image: ImageReader) {
    this.image = image;
  }

  words(address: number, count: number): readonly number[] {
    const size = count * POINTER_SIZE;
    if (address < this.start || address + size > this.start + this.bytes.length) this.move(address, size);
    const at = address - this.start;
    return Array.from({ length: count }, (_, index) => {
      const low = this.bytes.readUInt32LE(at + POINTER_SIZE * index);
      return low + this.bytes.readUInt32LE(at + POINTER_SIZE * index + 4) * 2 ** 32;
    });
  }

  private move(address: number, size: number): void {
    this.bytes = this.readAhead(address) ?? this.image.read(virtualAddress(address), size);
    if (this.bytes.length < size) this.bytes = this.image.read(virtualAddress(address), size);
    this.start = address;
  }

  /** Undefined near the end of a segment. */
  private readAhead(address: number): Buffer | undefined {
    try {
      return this.image.read(virtualAddress(address), WINDOW_SIZE);
    } catch (error) {
      if (error instanceof FormatError) return undefined;
      throw error;
    }
  }
}

/** One interface table: how a concrete type implements an interface. */
export interface ItabRecord {
  readonly address: number;
  readonly interface: number;
  readonly concrete: number;
  /** Where the interface describes each of its methods. */
  readonly methods: readonly number[];
  /** The code of each; 0 where the linker cleared it. */
  readonly functions: readonly number[];
}

const ITAB_HEAD_WORDS = 2;

function readItab(descriptors: Descriptors, window: Window, address: number): ItabRecord {
  const [inter = 0, concrete = 0] = window.words(address, ITAB_HEAD_WORDS);
  if (descriptors.kind(inter) !== KIND.interface) descriptors.region.fail(inter, "an itab's interface is none");
  const methods = descriptors.interfaceMethods(inter);
  const functions = window.words(address + ITAB.functions, methods.length);
  return { address, interface: inter, concrete, methods, functions };
}

/** Calls `use` for every itab that `links` lead to, in address order. */
export function eachItab(
  descriptors: Descriptors,
  image: ImageReader,
  links: ItabLinks,
  use: (itab: ItabRecord) => void,
): void {
  const window = new Window(image);
  const { address, size } = links.range;
  if (links.kind === "records") {
    for (let at = address as number; at < address + size; ) {
      const itab = readItab(descriptors, window, at);
      use(itab);
      at += ITAB.functions + POINTER_SIZE * itab.methods.length;
    }
    return;
  }
  const pointers = image.read(address, size);
  const itabs = new Float64Array(Math.floor(size / POINTER_SIZE));
  for (let each = 0; each < itabs.length; each++) {
    const at = each * POINTER_SIZE;
    itabs[each] = pointers.readUInt32LE(at) + pointers.readUInt32LE(at + 4) * 2 ** 32;
  }
  for (const itab of itabs.sort()) use(readItab(descriptors, window, itab));
}
