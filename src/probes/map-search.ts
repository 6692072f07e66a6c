/**
 * The search for a constant key in a Go map. A uprobe can't hash as the program does, so it goes through the entries: of
 * the buckets of Go 1.23 and before, those not yet moved while the map grows included, or of the groups of Swiss maps.
 */
import type { GoType } from "../binary/index.js";
import { alignmentOf } from "./abi.js";
import { type CodeBuilder, type Emit, Label } from "./code-builder.js";
import type { KeyLiteral } from "./expression.js";

/** How the maps of a program are laid out; `split` groups have all keys before all elements. */
export type MapLayout = "buckets" | "groups" | "split-groups";

/** LIMIT: groups or buckets of 8 entries that one search looks at, some 45 steps each. */
const MAX_GROUPS = 256;
/** FACT(go1.0..go1.27): entries of a bucket or group. */
const SLOTS = 8;
/** FACT(go1.0..go1.27): larger keys and elements are kept by their address. */
const LARGEST_INLINE = 128;
const WORD = 8;

/** FACT(go1.12..go1.23): runtime.hmap, `flags` having 8 while it grows to the same size, and the bytes above its hashes. */
export const HMAP = { count: 0, flags: 8, log2Buckets: 9, buckets: 16, oldBuckets: 24, sameSizeGrow: 8 } as const;
/** FACT(go1.12..go1.23): smaller ones say that a slot is empty or was moved. */
const LEAST_HASH = 5;
/** FACT(go1.24..go1.27): internal/runtime/maps.Map, and the tables of its directory. */
export const SWISS = { used: 0, directory: 16, directoryLength: 24, groups: 16, groupMask: 24 } as const;
/** FACT(go1.24..go1.27): this bit of a slot's control byte says that it is empty or deleted. */
const NOT_FULL = 0x80;

export interface MapSearch {
  readonly layout: MapLayout;
  readonly key: GoType;
  readonly element: GoType;
  readonly wanted: KeyLiteral;
  /** Leaves the map's own word in A. */
  readonly map: Emit;
}

const roundUp = (value: number, alignment: number): number => Math.ceil(value / alignment) * alignment;
const inlineSize = (type: GoType): number => (type.size > LARGEST_INLINE ? WORD : type.size);
const inlineAlignment = (type: GoType): number => (type.size > LARGEST_INLINE ? WORD : alignmentOf(type));

/** FACT(go1.5..go1.27): behind a last field without size a struct has a byte, so that the field's address is inside. */
const lastField = (size: number): number => Math.max(1, size);

/** Where keys and elements are in a group or bucket. */
interface GroupLayout {
  readonly keyAt: (slot: number) => number;
  readonly elementAt: (slot: number) => number;
  readonly size: number;
}

function groupLayout({ layout, key, element }: MapSearch): GroupLayout {
  const keySize = inlineSize(key);
  const elementSize = inlineSize(element);
  const alignment = Math.max(inlineAlignment(key), inlineAlignment(element));
  if (layout === "groups") {
    const elementAt = roundUp(keySize, inlineAlignment(element));
    const slot = roundUp(elementAt + lastField(elementSize), alignment);
    const slotAt = (index: number): number => WORD + index * slot;
    return { keyAt: slotAt, elementAt: (index) => slotAt(index) + elementAt, size: WORD + SLOTS * slot };
  }
  const elements = roundUp(WORD + SLOTS * keySize, inlineAlignment(element));
  const end = roundUp(elements + (layout === "buckets" ? SLOTS * elementSize : lastField(SLOTS * elementSize)), WORD);
  return {
    keyAt: (index) => WORD + index * keySize,
    elementAt: (index) => elements + index * elementSize,
    // A bucket ends in the address of the next one of its chain.
    size: layout === "buckets" ? end + WORD : end,
  };
}

/** Leaves the element's address in A, or fails: `not-found`, also in a nil map, and `too-large`. */
export function emitMapSearch(to: CodeBuilder, search: MapSearch): void {
  // Before any variable is taken: a map may itself be found in a map.
  search.map(to);
  to.withVariables(8, (map = 0, ...others) => {
    to.put(map);
    const absent = new Label();
    const found = new Label();
    to.jumpUnless(absent);
    to.emit({ op: "load", offset: HMAP.count, size: WORD, signed: false });
    to.jumpUnless(absent);
    if (search.layout === "buckets") emitBuckets(to, search, map, others, { absent, found });
    else emitGroups(to, search, map, others, { absent, found });
    to.place(absent);
    to.emit({ op: "fail", as: "not-found" });
    to.place(found);
    if (search.element.size > LARGEST_INLINE) to.emit({ op: "load", offset: 0, size: WORD, signed: false });
  });
}

interface Ends {
  readonly absent: Label;
  /** With the element's slot in A. */
  readonly found: Label;
}

/** Counts down to failure. */
function emitLimit(to: CodeBuilder, left: number): void {
  const more = new Label();
  to.get(left);
  to.jumpIf(more);
  to.emit({ op: "fail", as: "too-large" });
  to.place(more);
  to.emit({ op: "add", value: -1 });
  to.put(left);
}

function emitGroups(to: CodeBuilder, search: MapSearch, map: number, variables: readonly number[], ends: Ends): void {
  const [tables = 0, table = 0, group = 0, groups = 0, left = 0, key = 0, current = 0] = variables;
  const layout = groupLayout(search);
  const inDirectory = new Label();
  const nextTable = new Label();
  const nextGroup = new Label();
  emitKey(to, search, key);
  to.set(MAX_GROUPS);
  to.put(left);
  to.set(0);
  to.put(current);
  to.get(map);
  to.emit({ op: "load", offset: SWISS.directory, size: WORD, signed: false });
  to.put(table);
  to.put(group);
  to.get(map);
  to.emit({ op: "load", offset: SWISS.directoryLength, size: WORD, signed: false });
  to.put(tables);
  to.jumpIf(inDirectory);
  // A small map is one group, and has no directory.
  to.set(1);
  to.put(groups);
  to.jump(nextGroup);
  to.place(inDirectory);
  to.place(nextTable);
  to.get(tables);
  to.jumpUnless(ends.absent);
  to.emit({ op: "add", value: -1 });
  to.put(tables);
  to.get(table);
  to.emit({ op: "add", value: WORD });
  to.put(table);
  to.emit({ op: "load", offset: -WORD, size: WORD, signed: false });
  to.put(group);
  // Entries that lead to the same table are neighbours.
  to.emit({ op: "compare", relation: "==", variable: current, signed: false });
  to.jumpIf(nextTable);
  to.get(group);
  to.put(current);
  to.emit({ op: "load", offset: SWISS.groupMask, size: WORD, signed: false }, { op: "add", value: 1 });
  to.put(groups);
  to.get(current);
  to.emit({ op: "load", offset: SWISS.groups, size: WORD, signed: false });
  to.put(group);
  to.place(nextGroup);
  to.get(groups);
  to.jumpUnless(nextTable);
  to.emit({ op: "add", value: -1 });
  to.put(groups);
  emitLimit(to, left);
  emitSlots(to, search, layout, { group, key }, ends.found, (slot, next) => {
    to.get(group);
    to.emit({ op: "load", offset: slot, size: 1, signed: false }, { op: "and", mask: NOT_FULL });
    to.jumpIf(next);
  });
  to.get(group);
  to.emit({ op: "add", value: layout.size });
  to.put(group);
  to.jump(nextGroup);
}

function emitBuckets(to: CodeBuilder, search: MapSearch, map: number, variables: readonly number[], ends: Ends): void {
  const [buckets = 0, second = 0, bucket = 0, chain = 0, left = 0, key = 0, scratch = 0] = variables;
  const layout = groupLayout(search);
  const nextBucket = new Label();
  const nextInChain = new Label();
  const nextArray = new Label();
  const settled = new Label();
  const asMany = new Label();
  emitKey(to, search, key);
  to.set(MAX_GROUPS);
  to.put(left);
  emitBucketCount(to, map, buckets, scratch);
  to.set(0);
  to.put(second);
  to.get(map);
  to.emit({ op: "load", offset: HMAP.buckets, size: WORD, signed: false });
  to.put(bucket);
  to.get(map);
  to.emit({ op: "load", offset: HMAP.oldBuckets, size: WORD, signed: false });
  to.jumpUnless(settled);
  // While the map grows, entries that were not moved yet are in an old array, of as many buckets or of half as many. It
  // goes first: the new one is memory that the program may not have touched yet, which can't be read.
  to.put(scratch);
  to.get(bucket);
  to.put(second);
  to.get(scratch);
  to.put(bucket);
  to.get(map);
  to.emit({ op: "load", offset: HMAP.flags, size: 1, signed: false }, { op: "and", mask: HMAP.sameSizeGrow });
  to.jumpIf(asMany);
  to.get(buckets);
  to.emit({ op: "shift-right", by: 1, signed: false });
  to.put(buckets);
  to.place(asMany);
  to.place(settled);
  to.place(nextBucket);
  to.get(buckets);
  to.jumpUnless(nextArray);
  to.emit({ op: "add", value: -1 });
  to.put(buckets);
  to.get(bucket);
  to.put(chain);
  to.place(nextInChain);
  emitLimit(to, left);
  emitSlots(to, search, layout, { group: chain, key }, ends.found, (slot, next) => {
    to.get(chain);
    to.emit({ op: "load", offset: slot, size: 1, signed: false });
    to.put(scratch);
    to.set(LEAST_HASH);
    to.emit({ op: "compare", relation: ">", variable: scratch, signed: false });
    to.jumpIf(next);
  });
  to.get(chain);
  to.emit({ op: "load", offset: layout.size - WORD, size: WORD, signed: false });
  to.put(chain);
  to.jumpIf(nextInChain);
  to.get(bucket);
  to.emit({ op: "add", value: layout.size });
  to.put(bucket);
  to.jump(nextBucket);
  to.place(nextArray);
  to.get(second);
  to.jumpUnless(ends.absent);
  to.put(bucket);
  to.set(0);
  to.put(second);
  emitBucketCount(to, map, buckets, scratch);
  to.jump(nextBucket);
}

/** Two to the power that the map names. */
function emitBucketCount(to: CodeBuilder, map: number, count: number, power: number): void {
  const double = new Label();
  const done = new Label();
  to.get(map);
  to.emit({ op: "load", offset: HMAP.log2Buckets, size: 1, signed: false });
  to.put(power);
  to.set(1);
  to.put(count);
  to.place(double);
  to.get(power);
  to.jumpUnless(done);
  to.emit({ op: "add", value: -1 });
  to.put(power);
  to.get(count);
  to.emit({ op: "multiply", by: 2 });
  to.put(count);
  to.jump(double);
  to.place(done);
}

function emitKey(to: CodeBuilder, { wanted }: MapSearch, key: number): void {
  if (wanted.kind === "string") return;
  to.set(wanted.value);
  to.put(key);
}

/** Looks at the slots of a group; whether one that has the key is in use at all is asked last, because few have it. */
function emitSlots(
  to: CodeBuilder,
  { key: type, wanted }: MapSearch,
  layout: GroupLayout,
  variables: { readonly group: number; readonly key: number },
  found: Label,
  unlessInUse: (slot: number, next: Label) => void,
): void {
  for (let slot = 0; slot < SLOTS; slot++) {
    const next = new Label();
    to.get(variables.group);
    if (wanted.kind === "string") {
      to.emit({ op: "load-pair", offset: layout.keyAt(slot) });
      to.emit({ op: "compare-bytes", constant: wanted.value, prefix: "whole" });
    } else {
      const size = type.size === 1 || type.size === 2 || type.size === 4 ? type.size : WORD;
      const signed = type.kind === "int" && type.signed;
      to.emit({ op: "load", offset: layout.keyAt(slot), size, signed });
      to.emit({ op: "compare", relation: "!=", variable: variables.key, signed });
    }
    to.jumpIf(next);
    unlessInUse(slot, next);
    to.get(variables.group);
    to.emit({ op: "add", value: layout.elementAt(slot) });
    to.jump(found);
    to.place(next);
  }
}
