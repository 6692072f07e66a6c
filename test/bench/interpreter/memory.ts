/** Memory of a program that is interpreted: its stack, the hit, values of maps, each at addresses of its own; and the maps. */
import type { LoadedMap } from "./program.js";

const MASK_32 = 0xffff_ffffn;
/** Every piece of memory has 4 GiB of addresses to itself, from here on, and begins somewhat behind their beginning. */
const FIRST_REGION = 0xffff_c000n;
const MARGIN = 4096n;
const ENOENT = -2n;
const EEXIST = -17n;
const BPF_NOEXIST = 1n;

interface Region {
  readonly bytes: Buffer;
  /** Makes what a pointer in it points to, where it is an array of pointers to each CPU's values. */
  readonly pointee?: (index: number) => bigint;
}

/** All that a program can point to. */
export class Memory {
  private readonly regions: Region[] = [];

  /** The address of its first byte. */
  add(region: Region): bigint {
    this.regions.push(region);
    return ((FIRST_REGION + BigInt(this.regions.length - 1)) << 32n) + MARGIN;
  }

  at(address: bigint, size: number): { readonly bytes: Buffer; readonly offset: number } {
    const { bytes, pointee } = this.regionOf(address);
    const offset = Number((address & MASK_32) - MARGIN);
    if (pointee !== undefined && offset >= 0 && offset < bytes.length)
      bytes.writeBigUInt64LE(pointee(offset / 8), offset);
    if (offset < 0 || offset + size > bytes.length) throw new Error(`no ${size} bytes at 0x${address.toString(16)}`);
    return { bytes, offset };
  }

  private regionOf(address: bigint): Region {
    const region = this.regions[Number((address >> 32n) - FIRST_REGION)];
    if (region === undefined) throw new Error(`no memory at 0x${address.toString(16)}`);
    return region;
  }

  load(address: bigint, size: number): bigint {
    const { bytes, offset } = this.at(address, size);
    if (size === 8) return bytes.readBigUInt64LE(offset);
    return BigInt(bytes.readUIntLE(offset, size));
  }

  store(address: bigint, size: number, value: bigint): void {
    const { bytes, offset } = this.at(address, size);
    if (size === 8) bytes.writeBigUInt64LE(BigInt.asUintN(64, value), offset);
    else bytes.writeUIntLE(Number(BigInt.asUintN(8 * size, value)), offset, size);
  }

  slice(address: bigint, size: number): Buffer {
    const { bytes, offset } = this.at(address, size);
    return bytes.subarray(offset, offset + size);
  }
}

/** One map of the program. */
export class InterpretedMap {
  readonly shape: LoadedMap;
  private readonly memory: Memory;
  private readonly elements = new Map<string, bigint>();
  /** Of an array, its elements; of one for each CPU, pointers to them. */
  private readonly array: bigint | undefined;

  constructor(memory: Memory, shape: LoadedMap, contents: Buffer | undefined) {
    this.memory = memory;
    this.shape = shape;
    if (contents !== undefined) this.array = memory.add({ bytes: contents });
    else if (shape.type === "percpu_array") this.array = this.pointers(shape.maxEntries);
  }

  private pointers(count: number): bigint {
    const known = new Map<number, bigint>();
    const pointee = (index: number): bigint => {
      const address = known.get(index) ?? this.memory.add({ bytes: Buffer.alloc(this.shape.valueSize) });
      known.set(index, address);
      return address;
    };
    return this.memory.add({ bytes: Buffer.alloc(8 * count), pointee });
  }

  get isArray(): boolean {
    return this.array !== undefined;
  }

  /** Where code that looks up in line finds the elements: `header` is what it adds to the map's address. */
  address(header: number): bigint {
    if (this.array !== undefined) return this.array - BigInt(header);
    return BigInt(this.shape.id);
  }

  lookup(key: Buffer): bigint | undefined {
    return this.elements.get(key.toString("latin1"));
  }

  update(key: Buffer, value: Buffer, flags: bigint): bigint {
    const name = key.toString("latin1");
    const known = this.elements.get(name);
    if (known !== undefined && flags === BPF_NOEXIST) return EEXIST;
    const held = known === undefined ? undefined : this.held(known);
    if (held !== undefined) this.memory.slice(held, value.length).set(value);
    else this.elements.set(name, this.hold(this.memory.add({ bytes: Buffer.from(value) })));
    return 0n;
  }

  private get perCpu(): boolean {
    return this.shape.type.startsWith("percpu_");
  }

  private hold(address: bigint): bigint {
    if (!this.perCpu) return address;
    const pointer = Buffer.alloc(8);
    pointer.writeBigUInt64LE(address);
    return this.memory.add({ bytes: pointer });
  }

  private held(element: bigint): bigint {
    return this.perCpu ? this.memory.load(element, 8) : element;
  }

  remove(key: Buffer): bigint {
    return this.elements.delete(key.toString("latin1")) ? 0n : ENOENT;
  }

  get size(): number {
    return this.elements.size;
  }

  /** The value of an array's element. */
  element(index: number): Buffer {
    if (this.array === undefined) throw new Error(`${this.shape.name} is no array`);
    const { valueSize } = this.shape;
    if (this.perCpu) return this.memory.slice(this.memory.load(this.array + BigInt(8 * index), 8), valueSize);
    return this.memory.slice(this.array + BigInt(Math.ceil(valueSize / 8) * 8 * index), valueSize);
  }
}
