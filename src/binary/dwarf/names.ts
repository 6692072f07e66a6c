/** Finding top-level entries by name or address without reading the units that cannot hold them. */
import { AT } from "./constants.js";
import { Die, DieWalk } from "./die.js";
import type { DebugSections } from "./sections.js";
import { findUnitAt, type Unit } from "./unit.js";

/** The entries directly below a unit's root, in file order. The unit is walked once, and as far only as was asked for. */
class TopLevel implements Iterable<Die> {
  private readonly unit: Unit;
  private readonly offsets: number[] = [];
  private readonly walk: DieWalk;
  private ended = false;

  constructor(unit: Unit) {
    this.unit = unit;
    this.walk = new DieWalk(unit);
  }

  /** The entry that the byte at `position` belongs to, or belongs to a descendant of. */
  around(position: number): Die | undefined {
    while ((this.offsets.at(-1) ?? 0) <= position && this.step());
    let low = 0;
    let high = this.offsets.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.offsets[middle] ?? 0) <= position) low = middle + 1;
      else high = middle;
    }
    return this.die(low - 1);
  }

  *[Symbol.iterator](): Generator<Die> {
    for (let index = 0; index < this.offsets.length || this.step(); index++) {
      const die = this.die(index);
      if (die !== undefined) yield die;
    }
  }

  private die(index: number): Die | undefined {
    const offset = this.offsets[index];
    return offset === undefined ? undefined : Die.at(this.unit, offset);
  }

  /** Finds one more entry; false when there is none. */
  private step(): boolean {
    while (!this.ended) {
      if (!this.walk.next()) this.ended = true;
      else if (this.walk.depth === 1) {
        this.offsets.push(this.walk.offset);
        return true;
      }
    }
    return false;
  }
}

/**
 * The Go units that may hold some bytes, and the entries in them. Go writes every name in place, so that a search over
 * bytes, which costs a fraction of a walk over entries, names the few units worth walking, and how far.
 */
export class UnitSearch {
  private readonly all: readonly Unit[];
  private goUnits: readonly Unit[] | undefined;
  private readonly sections: DebugSections;
  private readonly entries = new Map<Unit, TopLevel>();

  /** `units` are those of all languages, in file order. */
  constructor(units: readonly Unit[], sections: DebugSections) {
    this.all = units;
    this.sections = sections;
  }

  /** The Go units, in file order. Reads all root entries. */
  get units(): readonly Unit[] {
    this.goUnits ??= this.all.filter((unit) => unit.isGo);
    return this.goUnits;
  }

  /** The units that may refer to `origin`: its own first, then those that hold its offset. */
  *unitsReferringTo(origin: Die): Generator<Unit> {
    yield origin.unit;
    const needle = littleEndian(origin.offset, origin.unit.offsetSize);
    let position = 0;
    for (let hit = this.hit(needle, position); hit !== undefined; hit = this.hit(needle, position)) {
      if (hit.unit !== origin.unit) yield hit.unit;
      position = hit.unit.end;
    }
  }

  /** The entries directly below the root of a unit, in file order. */
  topLevel(unit: Unit): Iterable<Die> {
    return this.topLevelOf(unit);
  }

  /** The top-level entries of all units, with one of `tags`, that carry exactly this name. */
  *topLevelNamed(name: string, tags: ReadonlySet<number>): Generator<Die> {
    if (name === "") return;
    for (const die of this.topLevelHolding(Buffer.from(`${name}\0`)))
      if (tags.has(die.tag) && die.string(AT.name) === name) yield die;
  }

  /** The top-level entries that begin at this address: DW_AT_low_pc is all that is looked at. */
  *topLevelBeginningAt(address: number): Generator<Die> {
    const needle = littleEndian(address, 8);
    for (const unit of this.unitsListing(needle))
      for (const die of this.topLevelOf(unit)) if (die.address(AT.lowPc) === address) yield die;
    // Where addresses are in place.
    for (const die of this.topLevelHolding(needle)) if (die.address(AT.lowPc) === address) yield die;
  }

  /** The units in whose part of .debug_addr these bytes are. */
  private *unitsListing(needle: Buffer): Generator<Unit> {
    const { addresses } = this.sections;
    const hits: number[] = [];
    for (let at = addresses.indexOf(needle); at >= 0; at = addresses.indexOf(needle, at + 1)) hits.push(at);
    if (hits.length === 0) return;
    const bases = [...new Set(this.all.map((unit) => unit.addressBase))].sort((a, b) => a - b);
    const wanted = new Set(hits.map((hit) => bases.findLast((base) => base <= hit)));
    for (const unit of this.all) if (unit.isGo && wanted.has(unit.addressBase)) yield unit;
  }

  /** The top-level entries that hold these bytes, or a descendant of which does. */
  private *topLevelHolding(needle: Buffer): Generator<Die> {
    let position = 0;
    let last = -1;
    for (let hit = this.hit(needle, position); hit !== undefined; hit = this.hit(needle, position)) {
      position = hit.position + 1;
      const die = this.topLevelOf(hit.unit).around(hit.position);
      if (die === undefined || die.offset === last) continue;
      last = die.offset;
      yield die;
    }
  }

  /** The next place at or behind `from` where these bytes are in a Go unit. */
  private hit(needle: Buffer, from: number): { readonly position: number; readonly unit: Unit } | undefined {
    for (let position = from; ; ) {
      const at = this.sections.info.indexOf(needle, position);
      if (at < 0) return undefined;
      const unit = findUnitAt(this.all, at);
      if (unit === undefined) return undefined;
      if (at >= unit.rootOffset && unit.isGo) return { position: at, unit };
      position = at < unit.rootOffset ? unit.rootOffset : unit.end;
    }
  }

  private topLevelOf(unit: Unit): TopLevel {
    const known = this.entries.get(unit);
    if (known !== undefined) return known;
    const found = new TopLevel(unit);
    this.entries.set(unit, found);
    return found;
  }
}

function littleEndian(value: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUInt32LE(value % 2 ** 32);
  if (size === 8) bytes.writeUInt32LE(Math.floor(value / 2 ** 32), 4);
  return bytes;
}
