/** The search in maps, against maps laid out as the runtime of each release does: every key is found, and no other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { invariant } from "../../src/base/index.js";
import type { GoType } from "../../src/binary/index.js";
import { alignmentOf } from "../../src/probes/abi.js";
import type { KeyLiteral } from "../../src/probes/expression.js";
import { parseExpression } from "../../src/probes/index.js";
import type { MapLayout } from "../../src/probes/map-search.js";
import { compileExpression } from "../../src/probes/recipes.js";
import { Random } from "../fuzz/random.js";
import {
  arrayOf,
  type GoValue,
  INT,
  int,
  mapOf,
  NO_PROGRAM,
  STRING,
  store,
  structOf,
  surroundings,
} from "./go-memory.js";
import { Memory, run, type World } from "./machine.js";

const LAYOUTS: readonly MapLayout[] = ["buckets", "groups", "split-groups"];
/** Keys of one sort, elements whose layouts differ: padded behind the key, without size, kept by address. */
const TYPES: readonly (readonly [GoType, GoType])[] = [
  [STRING, INT],
  [int("int8", 1, true), INT],
  [int("uint32", 4, false), int("uint16", 2, false)],
  [INT, structOf("main.Wide", { pad: arrayOf(20, INT), value: INT })],
  [STRING, structOf("main.Mixed", { flag: int("uint8", 1, false), value: int("int32", 4, true) })],
];

interface Entry {
  readonly key: GoValue;
  readonly element: bigint;
}

type Slot = Entry | "empty" | { readonly deleted: Entry };

const roundUp = (value: number, alignment: number): number => Math.ceil(value / alignment) * alignment;
const inline = (type: GoType): number => (type.size > 128 ? 8 : type.size);

/** Maps of one type, built by the rules of runtime/map.go and internal/runtime/maps. */
class MapMaker {
  private readonly memory: Memory;
  private readonly layout: MapLayout;
  private readonly key: GoType;
  private readonly element: GoType;

  constructor(memory: Memory, layout: MapLayout, [key, element]: readonly [GoType, GoType]) {
    this.memory = memory;
    this.layout = layout;
    this.key = key;
    this.element = element;
  }

  private elementBytes(value: bigint): Buffer {
    const { element } = this;
    const bytes = Buffer.alloc(element.size);
    const fields = element.kind === "struct" ? element.fields : [];
    for (const { name, type, offset } of fields) {
      if (name === "value") store(this.memory, type, value, bytes.subarray(offset));
    }
    if (element.kind === "int") store(this.memory, element, value, bytes);
    if (element.size <= 128) return bytes;
    const area = this.memory.allocate(element.size);
    bytes.copy(area.bytes);
    const pointer = Buffer.alloc(8);
    pointer.writeBigUInt64LE(area.address);
    return pointer;
  }

  private put(to: Buffer, keyAt: number, elementAt: number, { key, element }: Entry): void {
    store(this.memory, this.key, key, to.subarray(keyAt));
    this.elementBytes(element).copy(to, elementAt);
  }

  private fillGroup(bytes: Buffer, slots: readonly Slot[]): void {
    const [keySize, elementSize] = [inline(this.key), inline(this.element)];
    const alignment = Math.min(
      8,
      Math.max(alignmentOf(this.key), this.element.size > 128 ? 8 : alignmentOf(this.element)),
    );
    const elementAlignment = this.element.size > 128 ? 8 : alignmentOf(this.element);
    const within = roundUp(keySize, elementAlignment);
    const stride = roundUp(within + elementSize, alignment);
    const split = roundUp(8 + 8 * keySize, elementAlignment);
    slots.forEach((slot, index) => {
      bytes[index] = slot === "empty" ? 0x80 : "deleted" in slot ? 0xfe : 0x11;
      if (slot === "empty") return;
      const entry = "deleted" in slot ? slot.deleted : slot;
      if (this.layout === "groups") this.put(bytes, 8 + index * stride, 8 + index * stride + within, entry);
      else this.put(bytes, 8 + index * keySize, split + index * elementSize, entry);
    });
  }

  private groupSize(): number {
    const [keySize, elementSize] = [inline(this.key), inline(this.element)];
    const elementAlignment = this.element.size > 128 ? 8 : alignmentOf(this.element);
    const alignment = Math.max(alignmentOf(this.key), elementAlignment);
    if (this.layout === "groups") return 8 + 8 * roundUp(roundUp(keySize, elementAlignment) + elementSize, alignment);
    const end = roundUp(roundUp(8 + 8 * keySize, elementAlignment) + 8 * elementSize, 8);
    return this.layout === "buckets" ? end + 8 : end;
  }

  /** Entries over slots, some of which are not in use; deleted ones keep what they had. */
  private spread(random: Random, entries: readonly Entry[]): readonly Slot[] {
    const slots: Slot[] = [];
    for (const entry of entries) {
      while (random.chance(3)) {
        slots.push(random.chance(2) ? "empty" : { deleted: { key: random.pick(entries).key, element: -1n } });
      }
      slots.push(entry);
    }
    while (slots.length % 8 !== 0 || slots.length === 0) slots.push("empty");
    return slots;
  }

  swiss(random: Random, entries: readonly Entry[]): bigint {
    const map = this.memory.allocate(48);
    map.bytes.writeBigUInt64LE(BigInt(entries.length), 0);
    if (entries.length <= 8) {
      const group = this.memory.allocate(this.groupSize());
      this.fillGroup(group.bytes, [...entries, ...Array.from({ length: 8 - entries.length }, () => "empty" as const)]);
      map.bytes.writeBigUInt64LE(group.address, 16);
      return map.address;
    }
    // Some tables stand twice in the directory, as they do before they are split.
    const tables: bigint[] = [];
    for (let from = 0; from < entries.length; ) {
      const some = 1 + random.below(40);
      const slots = this.spread(random, entries.slice(from, from + some));
      from += some;
      const groups = this.memory.allocate((slots.length / 8) * this.groupSize());
      for (let group = 0; group * 8 < slots.length; group++) {
        this.fillGroup(groups.bytes.subarray(group * this.groupSize()), slots.slice(group * 8, group * 8 + 8));
      }
      const table = this.memory.allocate(32);
      table.bytes.writeBigUInt64LE(groups.address, 16);
      table.bytes.writeBigUInt64LE(BigInt(slots.length / 8 - 1), 24);
      tables.push(...(random.chance(2) ? [table.address] : [table.address, table.address]));
    }
    const directory = this.memory.allocate(8 * tables.length);
    tables.forEach((table, index) => {
      directory.bytes.writeBigUInt64LE(table, index * 8);
    });
    map.bytes.writeBigUInt64LE(directory.address, 16);
    map.bytes.writeBigUInt64LE(BigInt(tables.length), 24);
    return map.address;
  }

  /** An array of buckets, each with its overflow chain. `moved`: what the bytes of slots that were evacuated say. */
  private buckets(random: Random, count: number, entries: readonly Entry[], moved: readonly Entry[]): bigint {
    const size = this.groupSize();
    const array = this.memory.allocate(count * size);
    const slots = Array.from({ length: count }, (): (Entry | "empty")[] => []);
    const stale = new Set(moved);
    for (const entry of [...entries, ...moved]) slots[random.below(count)]?.push(entry);
    slots.forEach((own, index) => {
      let bucket = array.bytes.subarray(index * size, (index + 1) * size);
      for (let from = 0; from < own.length; from += 8) {
        if (from > 0) {
          const next = this.memory.allocate(size);
          bucket.writeBigUInt64LE(next.address, size - 8);
          bucket = next.bytes;
        }
        own.slice(from, from + 8).forEach((entry, slot) => {
          invariant(entry !== "empty", "only entries are spread here");
          bucket[slot] = stale.has(entry) ? 2 + random.below(3) : 5 + random.below(250);
          const elements = roundUp(8 + 8 * inline(this.key), this.element.size > 128 ? 8 : alignmentOf(this.element));
          this.put(bucket, 8 + slot * inline(this.key), elements + slot * inline(this.element), entry);
        });
      }
    });
    return array.address;
  }

  old(random: Random, entries: readonly Entry[]): bigint {
    const map = this.memory.allocate(48);
    map.bytes.writeBigUInt64LE(BigInt(entries.length), 0);
    const power = Math.max(0, Math.ceil(Math.log2(entries.length / 6)));
    map.bytes[9] = power;
    const grows = power > 0 && random.chance(2);
    const there = grows ? entries.filter((_, index) => index % 3 === 0) : entries;
    map.bytes.writeBigUInt64LE(this.buckets(random, 2 ** power, there, []), 16);
    if (grows) {
      const same = random.chance(2);
      map.bytes[8] = same ? 8 : 1;
      const rest = entries.filter((_, index) => index % 3 !== 0);
      const wrong = there.map(({ key }) => ({ key, element: -1n }));
      map.bytes.writeBigUInt64LE(this.buckets(random, same ? 2 ** power : 2 ** (power - 1), rest, wrong), 24);
    }
    return map.address;
  }

  make(random: Random, entries: readonly Entry[]): bigint {
    return this.layout === "buckets" ? this.old(random, entries) : this.swiss(random, entries);
  }
}

const literalOf = (key: GoValue): KeyLiteral =>
  Buffer.isBuffer(key) ? { kind: "string", value: key } : { kind: "integer", value: key as bigint };

/** What a search for a key comes to. */
function search(layout: MapLayout, types: readonly [GoType, GoType], world: World, key: GoValue) {
  const [keyType, element] = types;
  const around = surroundings([{ name: "m", type: mapOf(keyType, element) }], [], { ...NO_PROGRAM, mapLayout: layout });
  const of = { kind: "index", of: parseExpression("m"), at: literalOf(key) } as const;
  const expression = element.kind === "struct" ? ({ kind: "field", of, name: "value" } as const) : of;
  const compiled = compileExpression(expression, around);
  assert.ok(compiled.ok, compiled.ok ? "" : compiled.refusal.reason);
  const ended = run(compiled.value.recipe.code ?? [], world);
  return { found: ended.outcome === "read" ? BigInt.asIntN(64, ended.a) : ended.outcome, executed: ended.executed };
}

for (const layout of LAYOUTS) {
  for (const types of TYPES) {
    const [key, element] = types;
    test(`${layout}: every key of a map[${key.name}]${element.name} is found`, () => {
      const random = new Random(7);
      for (const entries of [0, 1, 7, 8, 9, 30, 100]) {
        const keys = Array.from(
          { length: entries },
          (_, index): GoValue =>
            key.kind === "string"
              ? Buffer.from(`key-${index}`)
              : BigInt(index - (key.kind === "int" && key.signed ? 50 : 0)),
        );
        const memory = new Memory();
        const all = keys.map((each, index): Entry => ({ key: each, element: BigInt(index * 7) }));
        const address = new MapMaker(memory, layout, types).make(random, all);
        const world = { memory, registers: new Map([["ax", address] as const]), sp: 0n, bias: 0n };
        for (const entry of all) assert.equal(search(layout, types, world, entry.key).found, entry.element);
        const absent = key.kind === "string" ? Buffer.from("key") : 100n;
        assert.equal(search(layout, types, world, absent).found, "not-found");
      }
    });
  }
}

test("a nil map has no entries, a damaged one is a fault, and a large one is given up in bounded time", () => {
  for (const layout of LAYOUTS) {
    const types = [STRING, INT] as const;
    const memory = new Memory();
    const world = (address: bigint): World => ({ memory, registers: new Map([["ax", address]]), sp: 0n, bias: 0n });
    assert.equal(search(layout, types, world(0n), Buffer.from("a")).found, "not-found");
    assert.equal(search(layout, types, world(0x12345678n), Buffer.from("a")).found, "fault");
    const entries = Array.from({ length: 3000 }, (_, index) => ({ key: Buffer.from(`${index}`), element: 1n }));
    const large = new MapMaker(memory, layout, types).make(new Random(8), entries);
    const { found, executed } = search(layout, types, world(large), Buffer.from("none"));
    assert.equal(found, "too-large");
    assert.ok(executed < 16_000, `${executed} steps`);
  }
});
