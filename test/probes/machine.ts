/**
 * A second implementation of the machine that runs codes, over a made-up memory: what bpf/abi.h says of each step, in the
 * plainest way. Compiled expressions are run on it and compared with what they mean.
 */

import type { CapturedPart, CaptureOutcome } from "../../src/aggregate/index.js";
import { invariant } from "../../src/base/index.js";
import type { Code, CodeStep, Relation } from "../../src/probes/index.js";
import type { RegisterName } from "../../src/probes/plan.js";

const MASK = (1n << 64n) - 1n;
const FIRST_PAGE = 4096n;
/** GS_MAX_EXECUTED */
const MAX_EXECUTED = 32768;
const CHUNK = 512;

/** Bytes at addresses; what was not written is not mapped. */
export class Memory {
  private readonly areas: { readonly address: bigint; readonly bytes: Buffer }[] = [];
  private next = 0xc000_0000n;

  /** A fresh place with room for so many bytes, all zero, whose neighbours are not mapped. */
  allocate(size: number): { readonly address: bigint; readonly bytes: Buffer } {
    const area = { address: this.next, bytes: Buffer.alloc(size) };
    this.areas.push(area);
    this.next += BigInt(size + 0x40) & ~7n;
    return area;
  }

  map(address: bigint, bytes: Buffer): void {
    this.areas.push({ address, bytes });
  }

  read(address: bigint, size: number): Buffer | undefined {
    for (const area of this.areas) {
      const at = address - area.address;
      if (at < 0n || at + BigInt(size) > BigInt(area.bytes.length)) continue;
      return area.bytes.subarray(Number(at), Number(at) + size);
    }
    return undefined;
  }
}

export interface World {
  readonly memory: Memory;
  readonly registers: ReadonlyMap<RegisterName, bigint>;
  readonly sp: bigint;
  /** Runtime address minus virtual address. */
  readonly bias: bigint;
  readonly duration?: bigint;
  /** Undefined: could not be told. */
  readonly decided?: readonly (boolean | undefined)[];
}

export interface Ended {
  readonly a: bigint;
  readonly b: bigint;
  readonly outcome: CaptureOutcome;
  readonly executed: number;
  readonly part: CapturedPart;
}

class Failed extends Error {
  readonly outcome: CaptureOutcome;
  constructor(outcome: CaptureOutcome) {
    super(outcome);
    this.outcome = outcome;
  }
}

/** Runs a code to its end. */
export function run(code: Code, world: World): Ended {
  return new Machine(code, world).run();
}

class Machine {
  private readonly code: Code;
  private readonly world: World;
  private a = 0n;
  private b = 0n;
  private pc = 0;
  private handler: number | undefined;
  private outcome: CaptureOutcome = "read";
  private readonly variables: (bigint | undefined)[] = Array.from({ length: 16 }, () => undefined);
  private readonly words: bigint[] = [];
  private readonly outcomes: (CaptureOutcome | undefined)[] = [];
  private tail = Buffer.alloc(0);

  constructor(code: Code, world: World) {
    this.code = code;
    this.world = world;
  }

  run(): Ended {
    let executed = 0;
    while (this.pc < this.code.length) {
      if (executed++ === MAX_EXECUTED) {
        this.outcome = "too-large";
        break;
      }
      const step = this.code[this.pc++];
      invariant(step !== undefined, "the program counter stays in the code");
      try {
        this.step(step);
      } catch (error) {
        if (!(error instanceof Failed)) throw error;
        this.outcome = error.outcome;
        this.a = 0n;
        if (this.handler === undefined) break;
        this.pc = this.handler;
        this.handler = undefined;
      }
    }
    const part = { words: this.words, outcomes: this.outcomes, tail: this.tail };
    return { a: this.a, b: this.b, outcome: this.outcome, executed, part };
  }

  private step(step: CodeStep): void {
    switch (step.op) {
      case "register":
        this.a = this.register(step.register);
        break;
      case "register-b":
        this.b = this.register(step.register);
        break;
      case "stack":
        this.a = this.world.sp + BigInt(step.offset);
        break;
      case "image":
        this.a = BigInt(step.address) + this.world.bias;
        break;
      case "load":
        this.a = narrow(little(this.read(this.a, step.offset, step.size)), step.size, step.signed);
        break;
      case "load-pair": {
        const bytes = this.read(this.a, step.offset, 16);
        this.a = bytes.readBigUInt64LE(0);
        this.b = bytes.readBigUInt64LE(8);
        break;
      }
      case "add":
        this.a = (this.a + BigInt(step.value)) & MASK;
        break;
      case "take-b":
        this.a = this.b;
        break;
      case "give-b":
        this.b = this.a;
        break;
      case "log2":
        this.a = step.signed && asSigned(this.a) < 0n ? 64n : BigInt(Math.max(0, this.a.toString(2).length - 1));
        break;
      case "linear":
        this.a = linear(step, this.a);
        break;
      case "truncate":
        this.a = narrow(this.a, step.size, step.signed);
        break;
      case "not-zero":
        this.a = this.a === 0n ? 0n : 1n;
        break;
      case "set":
        this.a = step.value & MASK;
        break;
      case "get":
        this.a = this.variable(step.variable);
        break;
      case "put":
        this.variables[step.variable] = this.a;
        break;
      case "get-b":
        this.b = this.variable(step.variable);
        break;
      case "put-b":
        this.variables[step.variable] = this.b;
        break;
      case "add-variable":
        this.a = (this.a + this.variable(step.variable)) & MASK;
        break;
      case "multiply":
        this.a = (this.a * BigInt(step.by)) & MASK;
        break;
      case "and":
        this.a = this.a & BigInt(step.mask) & MASK;
        break;
      case "shift-right":
        this.a = (step.signed ? asSigned(this.a) >> BigInt(step.by) : this.a >> BigInt(step.by)) & MASK;
        break;
      case "compare": {
        const sides = [this.a, this.variable(step.variable)].map((side) => (step.signed ? asSigned(side) : side));
        this.a = relates(sides[0] ?? 0n, step.relation, sides[1] ?? 0n) ? 1n : 0n;
        break;
      }
      case "order-float": {
        const ordered = orderFloat(this.a, step.size);
        if (ordered === undefined) this.pc += step.onNan;
        else this.a = ordered;
        break;
      }
      case "compare-bytes":
        this.a = BigInt(this.compareBytes(step.constant, step.prefix)) & MASK;
        break;
      case "jump":
        this.pc += step.by;
        break;
      case "jump-if":
        if (this.a !== 0n) this.pc += step.by;
        break;
      case "jump-unless":
        if (this.a === 0n) this.pc += step.by;
        break;
      case "special":
        this.a = step.value === "duration" ? (this.world.duration ?? 0n) : 7n;
        break;
      case "decided": {
        const decision = this.world.decided?.[step.decision];
        if (decision === undefined) throw new Failed("fault");
        this.a = decision ? 1n : 0n;
        break;
      }
      case "try":
        this.handler = this.pc + step.by;
        break;
      case "fail":
        throw new Failed(step.as);
      case "keep":
        this.keep(step.slot, this.a, this.outcome);
        break;
      case "keep-bytes":
        this.keepBytes(step.slot, step.most);
        break;
    }
  }

  private register(name: RegisterName): bigint {
    const value = this.world.registers.get(name);
    invariant(value !== undefined, `register ${name} holds something`);
    return value & MASK;
  }

  private variable(index: number): bigint {
    const value = this.variables[index];
    invariant(value !== undefined, `variable ${index} was put before it is got`);
    return value;
  }

  private read(address: bigint, offset: number, size: number): Buffer {
    if (address < FIRST_PAGE) throw new Failed("nil");
    const bytes = this.world.memory.read((address + BigInt(offset)) & MASK, size);
    if (bytes === undefined) throw new Failed("fault");
    return bytes;
  }

  private compareBytes(constant: Buffer, mode: "whole" | "prefix"): number {
    const length = mode === "prefix" && this.b > BigInt(constant.length) ? BigInt(constant.length) : this.b;
    const size = length > BigInt(constant.length) ? constant.length : Number(length);
    const bytes = size === 0 ? Buffer.alloc(0) : this.world.memory.read(this.a, size);
    if (bytes === undefined) throw new Failed("fault");
    const order = bytes.compare(constant.subarray(0, size));
    if (order !== 0) return order;
    return length === BigInt(constant.length) ? 0 : length < BigInt(constant.length) ? -1 : 1;
  }

  private keep(slot: number, word: bigint, outcome: CaptureOutcome): void {
    invariant(this.outcomes[slot] === undefined, `slot ${slot} is kept once`);
    this.words[slot] = word;
    this.outcomes[slot] = outcome;
    this.outcome = "read";
    this.handler = undefined;
  }

  private keepBytes(slot: number, most: number): void {
    invariant(most > 0 && most <= CHUNK && most % 8 === 0, "bytes are kept in eights");
    let outcome = this.outcome;
    let kept = 0;
    if (outcome === "read") {
      kept = this.b > BigInt(most) ? most : Number(this.b);
      const bytes = kept === 0 ? Buffer.alloc(0) : this.world.memory.read(this.a, kept);
      if (bytes === undefined) {
        kept = 0;
        outcome = "fault";
      } else {
        if (BigInt(kept) < this.b) outcome = "cut";
        this.words[slot] = BigInt(this.tail.length) | (BigInt(kept) << 32n);
        this.tail = Buffer.concat([this.tail, bytes, Buffer.alloc((8 - (kept % 8)) % 8)]);
      }
    }
    const place = this.words[slot] ?? 0n;
    const { b } = this;
    this.keep(slot, place, outcome);
    this.keep(slot + 1, b, outcome === "cut" ? "read" : outcome);
  }
}

const little = (bytes: Buffer): bigint => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
const asSigned = (value: bigint): bigint => BigInt.asIntN(64, value);

const narrow = (value: bigint, size: number, signed: boolean): bigint =>
  (signed ? BigInt.asIntN(size * 8, value) : BigInt.asUintN(size * 8, value)) & MASK;

export function relates<Value extends bigint | number>(left: Value, relation: Relation, right: Value): boolean {
  switch (relation) {
    case "==":
      return left === right;
    case "!=":
      return left !== right;
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    case ">=":
      return left >= right;
  }
}

/** In the order of the floats, both zeros alike; undefined for a NaN. */
function orderFloat(bits: bigint, size: 4 | 8): bigint | undefined {
  const view = new DataView(new ArrayBuffer(8));
  if (size === 8) view.setBigUint64(0, bits);
  else view.setUint32(0, Number(bits & 0xffff_ffffn));
  if (Number.isNaN(size === 8 ? view.getFloat64(0) : view.getFloat32(0))) return undefined;
  const sign = 1n << BigInt(size * 8 - 1);
  const magnitude = bits & (sign - 1n);
  return (bits & sign) === 0n ? sign + magnitude : sign - magnitude;
}

function linear(step: CodeStep & { readonly op: "linear" }, bits: bigint): bigint {
  const value = asSigned(bits);
  const count = BigInt(step.buckets);
  if (!step.signed && value < 0n) return count + 1n;
  if (value < BigInt(step.low)) return 0n;
  const bucket = (value - BigInt(step.low)) / BigInt(step.width);
  return bucket < count ? bucket + 1n : count + 1n;
}
