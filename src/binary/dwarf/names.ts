/** Finding top-level entries by name without reading the units that cannot hold them. */
import { AT } from "./constants.js";
import { type Die, DieWalk } from "./die.js";
import type { Unit } from "./unit.js";

/**
 * The units that may hold a string, and the entries in them. Go writes every name in place, so that a search over bytes, which costs a fraction of a
 * walk over entries, names the few units worth walking.
 */
export class UnitSearch {
  private readonly units: readonly Unit[];
  private readonly info: Buffer;
  private readonly entries = new Map<Unit, readonly Die[]>();

  constructor(units: readonly Unit[], info: Buffer) {
    this.units = units;
    this.info = info;
  }

  /** The units that contain `needle` anywhere, in file order. */
  *unitsContaining(needle: Buffer): Generator<Unit> {
    let index = 0;
    let position = 0;
    for (;;) {
      const hit = this.info.indexOf(needle, position);
      if (hit < 0) return;
      while ((this.units[index]?.end ?? Number.POSITIVE_INFINITY) <= hit) index++;
      const unit = this.units[index];
      if (unit === undefined) return;
      if (hit < unit.rootOffset) {
        position = unit.rootOffset;
        continue;
      }
      yield unit;
      position = unit.end;
      index++;
    }
  }

  /** The units that may refer to `origin`: its own first, then those that hold its offset. */
  *unitsReferringTo(origin: Die): Generator<Unit> {
    yield origin.unit;
    const needle = Buffer.alloc(origin.unit.offsetSize);
    needle.writeUInt32LE(origin.offset % 2 ** 32);
    if (needle.length === 8) needle.writeUInt32LE(Math.floor(origin.offset / 2 ** 32), 4);
    for (const unit of this.unitsContaining(needle)) if (unit !== origin.unit) yield unit;
  }

  /** The entries directly below the root of a unit, in file order. The unit is walked once. */
  topLevel(unit: Unit): readonly Die[] {
    const known = this.entries.get(unit);
    if (known !== undefined) return known;
    const found: Die[] = [];
    const walk = new DieWalk(unit);
    while (walk.next()) if (walk.depth === 1) found.push(walk.die());
    this.entries.set(unit, found);
    return found;
  }

  /** The top-level entries of all units, with one of `tags`, that carry exactly this name. */
  *topLevelNamed(name: string, tags: ReadonlySet<number>): Generator<Die> {
    if (name === "") return;
    for (const unit of this.unitsContaining(Buffer.from(`${name}\0`))) {
      for (const die of this.topLevel(unit)) if (tags.has(die.tag) && die.string(AT.name) === name) yield die;
    }
  }
}
