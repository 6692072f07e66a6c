/** Chooses damage: mostly one plausible field with an implausible value, sometimes coarser, sometimes several at once. */
import type { BaseName } from "./bases.js";
import type { Anchors, Edit, Mutation, Place } from "./mutation.js";
import { Random } from "./random.js";
import { type Field, findRegions, type Region } from "./structure.js";
import { anchorsIn } from "./subject.js";

/** Variable-length numbers that are long, large, negative, or never end. */
const LEBS = [
  "7f",
  "80",
  "ff7f",
  "8000",
  "ffffffff0f",
  "ffffffff7f",
  "ffffffffffffff7f",
  "ffffffffffffffffff01",
  "80808080808080808000",
];

/** Lengths that end a table early, overrun a page, or wipe out a section. */
const LENGTHS = [1, 2, 4, 8, 16, 24, 64, 256, 4096, 65_536, 2 ** 20];

/** Makes mutations of one base; the same seed makes the same one. */
export class MutationGenerator {
  readonly base: BaseName;
  readonly anchors: Anchors;
  private readonly bytes: Buffer;
  private readonly regions: ReadonlyMap<string, readonly Region[]>;
  private readonly kinds: readonly string[];

  private constructor(base: BaseName, bytes: Buffer, regions: ReadonlyMap<string, readonly Region[]>) {
    this.base = base;
    this.bytes = bytes;
    this.anchors = anchorsIn(bytes);
    this.regions = regions;
    this.kinds = [...regions.keys()];
  }

  /** `kinds` leaves only those structures that it matches, if there are any. */
  static async for(base: BaseName, bytes: Buffer, kinds: RegExp): Promise<MutationGenerator> {
    const regions = await findRegions(bytes);
    const wanted = [...regions].filter(([kind]) => kinds.test(kind));
    return new MutationGenerator(base, bytes, wanted.length === 0 ? regions : new Map(wanted));
  }

  mutation(seed: number): Mutation {
    const random = new Random(seed);
    const count = random.chance(2) ? 1 : 1 + random.below(random.chance(4) ? 12 : 3);
    return { base: this.base, edits: Array.from({ length: count }, () => this.edit(random)) };
  }

  private edit(random: Random): Edit {
    const choice = random.below(100);
    if (choice < 6) return { kind: "truncate", at: this.boundary(random) };
    const region = this.region(random);
    const index = random.below(region.count);
    const field = random.pick(region.fields);
    const at = fieldPlace(region, index, field);
    if (choice < 60) return { kind: "write", at, bytes: this.value(random, region, index, field) };
    if (choice < 70) {
      const bytes = Buffer.from([(this.bytes[this.position(at)] ?? 0) ^ (1 << random.below(8))]);
      return { kind: "write", at, bytes };
    }
    if (choice < 80) return { kind: "write", at, bytes: Buffer.from(random.pick(LEBS), "hex") };
    const length = random.pick(LENGTHS);
    if (choice < 90)
      return { kind: "fill", at, length, byte: random.pick([0, 0, 1, 0x7f, 0x80, 0xff, random.below(256)]) };
    // Records change places, or a whole stretch stands twice.
    const other = random.chance(2) ? region : this.region(random);
    const from = fieldPlace(other, random.below(other.count), random.pick(other.fields));
    return { kind: "copy", at, from, length };
  }

  private region(random: Random): Region {
    return random.pick(this.regions.get(random.pick(this.kinds)) ?? []);
  }

  private position({ anchor, offset }: Place): number {
    return (this.anchors.get(anchor) ?? 0) + offset;
  }

  /** Where one structure ends and another begins, or close to it. */
  private boundary(random: Random): Place {
    const near = random.pick([0, 0, 1, 4, 7, 8, 16, 24, 63, 64]);
    if (random.chance(2)) return { anchor: random.pick([...this.anchors.keys()]), offset: near };
    const region = this.region(random);
    const { anchor, offset } = fieldPlace(region, random.below(region.count), random.pick(region.fields));
    return { anchor, offset: offset + near };
  }

  private value(random: Random, region: Region, index: number, field: Field): Buffer {
    const [, width] = field;
    const old = this.read(fieldPlace(region, index, field), width);
    const bits = BigInt(width * 8);
    const top = 1n << (bits - 1n);
    const near = BigInt(random.pick([1, -1, 2, -2, 4, -4, 8, -8, 16, -16, 32, -32, 64, 4096, -4096]));
    const value = random.pick<() => bigint>([
      () => 0n,
      () => BigInt(1 + random.below(9)),
      () => top - 1n,
      () => top,
      () => -1n,
      () => -BigInt(1 + random.below(64)),
      () => old + near,
      () => old + near,
      () => old * 2n,
      () => old >> 1n,
      () => old ^ (1n << BigInt(random.below(width * 8))),
      () => 2n ** 53n,
      () => 2n ** 47n - 8n,
      () => BigInt(this.bytes.length + random.below(3) - 1),
      () => BigInt(random.word()),
      () => this.read(fieldPlace(region, random.below(region.count), field), width),
    ])();
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt.asUintN(Number(bits), value));
    return bytes.subarray(0, width);
  }

  private read(place: Place, width: number): bigint {
    const bytes = Buffer.alloc(8);
    this.bytes.copy(bytes, 0, this.position(place), this.position(place) + width);
    return bytes.readBigUInt64LE();
  }
}

const fieldPlace = ({ start, stride }: Region, index: number, [offset]: Field): Place => ({
  anchor: start.anchor,
  offset: start.offset + index * stride + offset,
});
