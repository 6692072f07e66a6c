/**
 * Executes a loaded BPF program on a made-up hit, one instruction at a time, and counts. The kernel tells how long a
 * program takes, not what it does in that time; counts are the same on every machine with this kernel and this object.
 *
 * Instruction set: RFC 9669, as far as the compiler and the verifier use it here; what is not known throws. Maps are
 * kept here, empty at first, constants as they were loaded; helpers do what the programs can tell.
 */
import type { Instruction, LoadedMap, LoadedProgram } from "./loaded-program.js";

/** What one run of the program did. */
export interface Work {
  instructions: number;
  /** Lookups, updates and deletions, those that the verifier put in line among them; records of a ring buffer. */
  mapOperations: number;
  /** Reads of the process' memory. */
  reads: number;
}

/** A hit, as the program sees it. */
export interface Hit {
  readonly cookie: bigint;
  /** `struct pt_regs`. */
  readonly registers: Buffer;
  /** Reads the process' memory; undefined where there is none. */
  readonly read: (address: bigint, size: number) => Buffer | undefined;
}

const MASK_32 = 0xffff_ffffn;
const STACK_BYTES = 512;
/** Every piece of memory has 4 GiB of addresses to itself, from here on, and begins somewhat behind their beginning. */
const FIRST_REGION = 0xffff_c000n;
const MARGIN = 4096n;
const ENOENT = -2n;
const EEXIST = -17n;
const EFAULT = -14n;
const BPF_NOEXIST = 1n;

const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);

interface Region {
  readonly bytes: Buffer;
  /** Makes what a pointer in it points to, where it is an array of pointers to each CPU's values. */
  readonly pointee?: (index: number) => bigint;
}

class Memory {
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
    if (size === 8) bytes.writeBigUInt64LE(unsigned(value), offset);
    else bytes.writeUIntLE(Number(BigInt.asUintN(8 * size, value)), offset, size);
  }

  slice(address: bigint, size: number): Buffer {
    const { bytes, offset } = this.at(address, size);
    return bytes.subarray(offset, offset + size);
  }
}

/** One map of the program. */
class InterpretedMap {
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

export class Interpreter {
  private readonly instructions: readonly (Instruction | undefined)[];
  private readonly memory = new Memory();
  private readonly maps: ReadonlyMap<number, InterpretedMap>;
  private readonly tgid: number;
  private clock = 1_000_000n;
  private work: Work = { instructions: 0, mapOperations: 0, reads: 0 };

  constructor(program: LoadedProgram, tgid: number) {
    this.instructions = program.instructions;
    this.tgid = tgid;
    this.maps = new Map(
      [...program.maps].map(([id, map]) => [id, new InterpretedMap(this.memory, map, program.contents.get(id))]),
    );
  }

  /** The map of that name. */
  map(name: string): InterpretedMap {
    const found = [...this.maps.values()].find(({ shape }) => shape.name === name);
    if (found === undefined) throw new Error(`no map ${name}`);
    return found;
  }

  /** Runs the program once. */
  run(hit: Hit): Work {
    this.work = { instructions: 0, mapOperations: 0, reads: 0 };
    this.call(0, [0n, this.memory.add({ bytes: hit.registers }), 0n, 0n, 0n, 0n], hit);
    return this.work;
  }

  /** Executes a function from its first instruction to its exit; what is in R0 then. */
  private call(entry: number, given: readonly bigint[], hit: Hit): bigint {
    const registers = [...given.slice(0, 6), 0n, 0n, 0n, 0n];
    registers.push(this.memory.add({ bytes: Buffer.alloc(STACK_BYTES) }) + BigInt(STACK_BYTES));
    for (let place = entry; ; ) {
      const each = this.instructions[place];
      if (each === undefined) throw new Error(`no instruction at ${place}`);
      this.work.instructions++;
      const next = place + 1;
      switch (each.code & 0x07) {
        case 0:
          registers[each.destination] = this.loadWide(each, place);
          place = next + 1;
          continue;
        case 1:
          registers[each.destination] = this.load(each, registers);
          place = next;
          continue;
        case 2:
        case 3:
          this.store(each, registers);
          place = next;
          continue;
        case 4:
        case 7:
          registers[each.destination] = calculate(each, registers);
          place = next;
          continue;
      }
      if (each.code === EXIT) return registers[0] ?? 0n;
      if (each.code === CALL) {
        registers[0] = unsigned(
          each.helper === undefined || each.source === OWN_FUNCTION
            ? this.call(next + each.offset, registers, hit)
            : this.help(each.helper, registers, hit, place),
        );
        place = next;
        continue;
      }
      place = jumps(each, registers) ? next + (each.code === JUMP_FAR ? each.immediate : each.offset) : next;
    }
  }

  private loadWide({ source, immediate, high }: Instruction, place: number): bigint {
    if (source === MAP_POINTER) {
      const map = this.mapOf(BigInt(immediate >>> 0));
      if (map.isArray) this.work.mapOperations++;
      // The lookup in line begins by stepping over what the kernel keeps in front of an array's elements.
      const following = this.instructions[place + 2];
      return map.address(map.isArray && following?.code === ADD_IMMEDIATE ? following.immediate : 0);
    }
    if (source === MAP_VALUE) return this.mapOf(BigInt(immediate >>> 0)).address(0) + BigInt(high);
    if (source === FUNCTION_POINTER) return BigInt(place + 1 + immediate);
    return (BigInt(high >>> 0) << 32n) | BigInt(immediate >>> 0);
  }

  private mapOf(id: bigint): InterpretedMap {
    const map = this.maps.get(Number(id));
    if (map === undefined) throw new Error(`no map ${id}`);
    return map;
  }

  private load(each: Instruction, registers: readonly bigint[]): bigint {
    return this.memory.load((registers[each.source] ?? 0n) + BigInt(each.offset), sizeOf(each));
  }

  private store(each: Instruction, registers: bigint[]): void {
    const address = (registers[each.destination] ?? 0n) + BigInt(each.offset);
    const size = sizeOf(each);
    if ((each.code & 0x07) === 2) {
      this.memory.store(address, size, BigInt(each.immediate));
      return;
    }
    const value = registers[each.source] ?? 0n;
    if ((each.code & 0xe0) !== ATOMIC) {
      this.memory.store(address, size, value);
      return;
    }
    const old = this.memory.load(address, size);
    if (each.immediate === COMPARE_EXCHANGE) {
      if (old === BigInt.asUintN(8 * size, registers[0] ?? 0n)) this.memory.store(address, size, value);
      registers[0] = old;
      return;
    }
    const results: Readonly<Record<number, bigint>> = { 0: old + value, 1: old + value, 225: value };
    const result = results[each.immediate];
    if (result === undefined) throw new Error(`atomic operation ${each.immediate}`);
    this.memory.store(address, size, result);
    if ((each.immediate & 1) === 1) registers[each.source] = old;
  }

  private help(name: string, registers: readonly bigint[], hit: Hit, place: number): bigint {
    const [, first = 0n, second = 0n, third = 0n, fourth = 0n] = registers;
    if (name.startsWith("bpf_get_attach_cookie")) return hit.cookie;
    if (name.includes("map_lookup_elem") || name.includes("map_update_elem") || name.includes("map_delete_elem")) {
      this.work.mapOperations++;
      const map = this.mapOf(first);
      const key = this.memory.slice(second, map.shape.keySize);
      if (name.includes("delete")) return map.remove(key);
      if (name.includes("update")) return map.update(key, this.memory.slice(third, map.shape.valueSize), fourth);
      // What follows in line steps over what the kernel keeps in front of an element's value.
      const following = this.instructions[place + 2];
      const header = following?.code === ADD_IMMEDIATE ? BigInt(following.immediate) : 0n;
      const found = map.lookup(key);
      return found === undefined ? 0n : found - header;
    }
    switch (name) {
      case "bpf_get_current_pid_tgid":
        return (BigInt(this.tgid) << 32n) | BigInt(this.tgid);
      case "bpf_ktime_get_ns":
        this.clock += 1000n;
        return this.clock;
      case "bpf_probe_read_user": {
        this.work.reads++;
        const bytes = hit.read(third, Number(second));
        this.memory.slice(first, Number(second)).set(bytes ?? Buffer.alloc(Number(second)));
        return bytes === undefined ? EFAULT : 0n;
      }
      case "bpf_probe_read_kernel":
        this.memory.slice(first, Number(second)).set(this.memory.slice(third, Number(second)));
        return 0n;
      case "bpf_ringbuf_output":
        this.work.mapOperations++;
        return 0n;
      default:
        throw new Error(`helper ${name}`);
    }
  }
}

const EXIT = 0x95;
const CALL = 0x85;
const JUMP_FAR = 0x06;
const ADD_IMMEDIATE = 0x07;
const ATOMIC = 0xc0;
const COMPARE_EXCHANGE = 0xf1;
/** Sources of a 64-bit immediate, and of a call. */
const MAP_POINTER = 1;
const MAP_VALUE = 2;
const FUNCTION_POINTER = 4;
const OWN_FUNCTION = 1;
const FROM_REGISTER = 0x08;
const SIZES: Readonly<Record<number, number>> = { 0: 4, 8: 2, 16: 1, 24: 8 };

function sizeOf({ code }: Instruction): number {
  const size = SIZES[code & 0x18];
  const mode = code & 0xe0;
  // Plain, or of memory that might not be there.
  if (size === undefined || (mode !== 0x60 && mode !== 0x20 && mode !== ATOMIC)) throw new Error(`code ${code}`);
  return size;
}

/** The right-hand side of a calculation or comparison of so many bits. */
function operandOf({ code, source, immediate }: Instruction, registers: readonly bigint[], bits: number): bigint {
  return BigInt.asUintN(bits, (code & FROM_REGISTER) === 0 ? BigInt(immediate) : (registers[source] ?? 0n));
}

function calculate(each: Instruction, registers: readonly bigint[]): bigint {
  const bits = (each.code & 0x07) === 7 ? 64 : 32;
  const a = BigInt.asUintN(bits, registers[each.destination] ?? 0n);
  const b = operandOf(each, registers, bits);
  const shift = b & BigInt(bits - 1);
  const result = ((): bigint => {
    switch (each.code >> 4) {
      case 0x0:
        return a + b;
      case 0x1:
        return a - b;
      case 0x2:
        return a * b;
      case 0x3:
        return b === 0n ? 0n : a / b;
      case 0x4:
        return a | b;
      case 0x5:
        return a & b;
      case 0x6:
        return a << shift;
      case 0x7:
        return a >> shift;
      case 0x8:
        return -a;
      case 0x9:
        return b === 0n ? a : a % b;
      case 0xa:
        return a ^ b;
      // An offset of -1 stands for this CPU's share; of a width, for a sign to be extended.
      case 0xb:
        return each.offset > 0 ? BigInt.asIntN(each.offset, b) : b;
      case 0xc:
        return BigInt.asIntN(bits, a) >> shift;
      case 0xd:
        return swapped(each, registers[each.destination] ?? 0n);
      default:
        throw new Error(`code ${each.code}`);
    }
  })();
  return BigInt.asUintN(bits, result);
}

/** To little-endian, which is only a cut, to big-endian, or the other way round. */
function swapped({ code, immediate }: Instruction, value: bigint): bigint {
  const cut = BigInt.asUintN(immediate, value);
  if (code === 0xd4) return cut;
  const hex = cut.toString(16).padStart(immediate / 4, "0");
  return BigInt(`0x${(hex.match(/../g) ?? []).reverse().join("")}`);
}

function jumps(each: Instruction, registers: readonly bigint[]): boolean {
  const bits = (each.code & 0x07) === 5 ? 64 : 32;
  const a = BigInt.asUintN(bits, registers[each.destination] ?? 0n);
  const b = operandOf(each, registers, bits);
  const [signedA, signedB] = [BigInt.asIntN(bits, a), BigInt.asIntN(bits, b)];
  switch (each.code >> 4) {
    case 0x0:
      return true;
    case 0x1:
      return a === b;
    case 0x2:
      return a > b;
    case 0x3:
      return a >= b;
    case 0x4:
      return (a & b) !== 0n;
    case 0x5:
      return a !== b;
    case 0x6:
      return signedA > signedB;
    case 0x7:
      return signedA >= signedB;
    case 0xa:
      return a < b;
    case 0xb:
      return a <= b;
    case 0xc:
      return signedA < signedB;
    case 0xd:
      return signedA <= signedB;
    default:
      throw new Error(`code ${each.code}`);
  }
}
