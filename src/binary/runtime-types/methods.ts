/**
 * Which code is a method of which type, from two sources that the linker leaves in every program.
 *
 * Method tables, behind the descriptors of types: name, type and code of each method. The linker clears the type or the
 * code where the program can't come by them at run time. Interface tables (itabs), which the compiler makes where
 * it sees a value become an interface: the code of each method of the interface, whose type the interface has.
 */
import type { VirtualAddress } from "../../base/index.js";
import type { ImageReader } from "../image.js";
import type { ItabLinks, Moduledata, TypeLinks } from "../moduledata.js";
import type { Descriptors } from "./descriptor.js";
import { INTERFACE_METHOD, KIND, METHOD, POINTER } from "./layout.js";
import { DESCRIPTOR_ALIGNMENT, eachItab, eachLinkedType } from "./links.js";

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

/**
 * Adds the method tables of all types. FACT(go1.19..go1.27): those that are linked are the unnamed ones, and a named type
 * is never without its pointer type; so a named one is what a pointer leads to.
 */
function addTables(index: MethodIndex, descriptors: Descriptors, image: ImageReader, links: TypeLinks): void {
  const { region } = descriptors;
  const seen = new Uint8Array(Math.ceil(region.size / DESCRIPTOR_ALIGNMENT));
  const addOnce = (type: number): void => {
    const position = Math.floor((type - region.start) / DESCRIPTOR_ALIGNMENT);
    if (seen[position] === 1) return;
    seen[position] = 1;
    index.addTable(type);
  };
  eachLinkedType(descriptors, image, links, (type) => {
    addOnce(type);
    if (descriptors.kind(type) === KIND.pointer) addOnce(region.word(type + POINTER.element));
  });
}

function addItabs(index: MethodIndex, descriptors: Descriptors, image: ImageReader, links: ItabLinks): void {
  const { region } = descriptors;
  eachItab(descriptors, image, links, ({ address, concrete, methods, functions }) => {
    index.count(methods.length, address);
    const byAddress = descriptors.isDirectInInterfaces(concrete) ? 0 : 1;
    functions.forEach((code, position) => {
      // FACT(go1.22..go1.27): the linker clears methods that nobody calls through this interface.
      if (code === 0) return;
      const method = methods[position] ?? 0;
      const name = region.start + region.i32(method + INTERFACE_METHOD.name);
      const functionType = region.start + region.i32(method + INTERFACE_METHOD.type);
      index.add(code, name, functionType, concrete, byAddress);
    });
  });
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
