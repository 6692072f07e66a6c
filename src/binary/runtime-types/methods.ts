/**
 * Which code is a method of which type, from two sources that the linker leaves in every program.
 *
 * Method tables, behind the descriptors of types: name, type and code of each method. The linker clears the type or the
 * code where the program can't come by them at run time. Interface tables (itabs), which the compiler makes where
 * it sees a value become an interface: the code of each method of the interface, whose type the interface has.
 */
import { FormatError, type VirtualAddress, virtualAddress } from "../../base/index.js";
import type { ImageReader } from "../image.js";
import type { ItabLinks, Moduledata, TypeLinks } from "../moduledata.js";
import type { Descriptors } from "./descriptor.js";
import { INTERFACE_METHOD, ITAB, KIND, METHOD, POINTER, POINTER_SIZE } from "./layout.js";

/** A method by the address of its code. Addresses are of descriptors and of a name, none of them read yet. */
export interface MethodEntry {
  readonly name: number;
  /** Without the receiver. */
  readonly functionType: number;
  readonly receiver: number;
  /** Whether it takes the receiver's address in place of the receiver. */
  readonly byAddress: boolean;
}

/** LIMIT: methods of one program, counted once per table they are in; the largest programs known have half a million. */
const MAX_METHODS = 2 ** 21;

/** FACT(go1.19..go1.27): what the linker writes for a type or code that it left out; 0 is no type either. */
const ABSENT = -1;

/** LIMIT: itabs are read in pieces of this size, since they lie among other read-only data before go1.27. */
const WINDOW_SIZE = 2 ** 16;

const ALIGNMENT = 8;

/** Numbers per method: name, function type, receiver, whether by address. */
const COLUMNS = 4;

/** Methods by their code, as plain numbers: a large program has so many that an object each would take longer than reading. */
export class MethodIndex {
  private readonly rows = new Map<number, number>();
  private columns = new Float64Array(2 ** 12 * COLUMNS);
  private readonly descriptors: Descriptors;
  private readonly text: VirtualAddress;
  private counted = 0;

  constructor(descriptors: Descriptors, text: VirtualAddress) {
    this.descriptors = descriptors;
    this.text = text;
  }

  find(code: VirtualAddress): MethodEntry | undefined {
    const row = this.rows.get(code);
    if (row === undefined) return undefined;
    const [name = 0, functionType = 0, receiver = 0, byAddress] = this.columns.subarray(row, row + COLUMNS);
    return { name, functionType, receiver, byAddress: byAddress === 1 };
  }

  /** Before so many methods are added. */
  count(methods: number, at: number): void {
    this.counted += methods;
    if (this.counted > MAX_METHODS) this.descriptors.region.fail(at, `more than ${MAX_METHODS} methods`);
  }

  add(code: number, name: number, functionType: number, receiver: number, byAddress: 0 | 1): void {
    if (this.rows.has(code)) return;
    const row = this.rows.size * COLUMNS;
    if (row === this.columns.length) {
      const longer = new Float64Array(2 * row);
      longer.set(this.columns);
      this.columns = longer;
    }
    this.rows.set(code, row);
    this.columns[row] = name;
    this.columns[row + 1] = functionType;
    this.columns[row + 2] = receiver;
    this.columns[row + 3] = byAddress;
  }

  addTable(receiver: number): void {
    const { descriptors, text } = this;
    const { region } = descriptors;
    const count = descriptors.methodCount(receiver);
    if (count === 0) return;
    this.count(count, receiver);
    const table = descriptors.methodTable(receiver, count);
    for (let at = table; at < table + count * METHOD.size; at += METHOD.size) {
      const type = region.i32(at + METHOD.type);
      if (type === ABSENT || type === 0) continue;
      const name = region.start + region.i32(at + METHOD.name);
      const code = region.i32(at + METHOD.code);
      const interfaceCode = region.i32(at + METHOD.interfaceCode);
      if (code !== ABSENT) this.add(text + code, name, region.start + type, receiver, 0);
      // Interfaces hold large values by address, and methods called through them take it.
      if (interfaceCode !== ABSENT && interfaceCode !== code)
        this.add(text + interfaceCode, name, region.start + type, receiver, 1);
    }
  }
}

/** Calls `use` for every type that programs can make at run time: the descriptors that `links` lead to. */
function eachLinkedType(
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
    type = Math.ceil(descriptors.wholeEnd(type) / ALIGNMENT) * ALIGNMENT;
  }
}

/**
 * Adds the method tables of all types. FACT(go1.19..go1.27): those that are linked are the unnamed ones, and a named type
 * is never without its pointer type; so a named one is what a pointer leads to.
 */
function addTables(index: MethodIndex, descriptors: Descriptors, image: ImageReader, links: TypeLinks): void {
  const { region } = descriptors;
  const seen = new Uint8Array(Math.ceil(region.size / ALIGNMENT));
  const addOnce = (type: number): void => {
    const position = Math.floor((type - region.start) / ALIGNMENT);
    if (seen[position] === 1) return;
    seen[position] = 1;
    index.addTable(type);
  };
  eachLinkedType(descriptors, image, links, (type) => {
    addOnce(type);
    if (descriptors.kind(type) === KIND.pointer) addOnce(region.word(type + POINTER.element));
  });
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

const ITAB_HEAD_WORDS = 2;

/** Adds the methods of one itab; returns how many words it has. */
function addItab(index: MethodIndex, descriptors: Descriptors, window: Window, itab: number): number {
  const { region } = descriptors;
  const [inter = 0, receiver = 0] = window.words(itab, ITAB_HEAD_WORDS);
  if (descriptors.kind(inter) !== KIND.interface) region.fail(inter, "an itab's interface is none");
  const methods = descriptors.interfaceMethods(inter);
  index.count(methods.length, itab);
  const byAddress = descriptors.isDirectInInterfaces(receiver) ? 0 : 1;
  const functions = window.words(itab + ITAB.functions, methods.length);
  functions.forEach((code, position) => {
    // FACT(go1.22..go1.27): the linker clears methods that nobody calls through this interface.
    if (code === 0) return;
    const method = methods[position] ?? 0;
    const name = region.start + region.i32(method + INTERFACE_METHOD.name);
    const functionType = region.start + region.i32(method + INTERFACE_METHOD.type);
    index.add(code, name, functionType, receiver, byAddress);
  });
  return ITAB.functions / POINTER_SIZE + methods.length;
}

function addItabs(index: MethodIndex, descriptors: Descriptors, image: ImageReader, links: ItabLinks): void {
  const window = new Window(image);
  const { address, size } = links.range;
  if (links.kind === "records") {
    for (let at = address as number; at < address + size; )
      at += POINTER_SIZE * addItab(index, descriptors, window, at);
    return;
  }
  const pointers = image.read(address, size);
  const itabs = new Float64Array(Math.floor(size / POINTER_SIZE));
  for (let each = 0; each < itabs.length; each++) {
    const at = each * POINTER_SIZE;
    itabs[each] = pointers.readUInt32LE(at) + pointers.readUInt32LE(at + 4) * 2 ** 32;
  }
  for (const itab of itabs.sort()) addItab(index, descriptors, window, itab);
}

/** Every method whose type the program kept, by the address of its code. */
export function indexMethods(
  descriptors: Descriptors,
  image: ImageReader,
  { text, typeLinks, itabLinks }: Moduledata,
): MethodIndex {
  const index = new MethodIndex(descriptors, text);
  if (typeLinks !== undefined) addTables(index, descriptors, image, typeLinks);
  if (itabLinks !== undefined) addItabs(index, descriptors, image, itabLinks);
  return index;
}
