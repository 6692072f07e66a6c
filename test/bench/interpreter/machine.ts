/**
 * Executes a loaded BPF program on a made-up hit, one instruction at a time, and counts. The kernel tells how long a
 * program takes, not what it does in that time; counts are the same on every machine with this kernel and this object.
 *
 * Instruction set: RFC 9669, as far as the compiler and the verifier use it here; what is not known throws. Maps are
 * kept here, empty at first, constants as they were loaded; helpers do what the programs can tell.
 */
import { calculate, jumps } from "./arithmetic.js";
import { InterpretedMap, Memory } from "./memory.js";
import type { Instruction, LoadedProgram } from "./program.js";

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

const STACK_BYTES = 512;
const EFAULT = -14n;

const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);

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
const SIZES: Readonly<Record<number, number>> = { 0: 4, 8: 2, 16: 1, 24: 8 };

function sizeOf({ code }: Instruction): number {
  const size = SIZES[code & 0x18];
  const mode = code & 0xe0;
  // Plain, or of memory that might not be there.
  if (size === undefined || (mode !== 0x60 && mode !== 0x20 && mode !== ATOMIC)) throw new Error(`code ${code}`);
  return size;
}
