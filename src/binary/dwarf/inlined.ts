/** Inlined copies: the places where a function's code stands inside other functions, and where no entry of it is executed. */
import type { VirtualAddress } from "../../base/index.js";
import { AT, TAG } from "./constants.js";
import { type Die, DieWalk } from "./die.js";
import type { Dwarf } from "./dwarf.js";
import { requireAddress } from "./function.js";
import type { UnitSearch } from "./names.js";
import { nameOf } from "./origins.js";
import { type AddressRange, rangesOf } from "./ranges.js";
import type { Unit } from "./unit.js";

export interface InlinedCopy {
  /** The copy's first instruction: the lowest address of the first range the compiler recorded. */
  readonly pc: VirtualAddress;
  readonly ranges: readonly AddressRange[];
  /** Where the call stands in the source; undefined where the debug data does not say. */
  readonly callFile: string | undefined;
  readonly callLine: number | undefined;
  /** The function whose code holds the copy. */
  readonly into: string;
}

interface CopyEntry {
  readonly copy: Die;
  readonly holder: Die;
}

export class InlinedCopies {
  private readonly dwarf: Dwarf;
  private readonly search: UnitSearch;

  constructor(dwarf: Dwarf, search: UnitSearch) {
    this.dwarf = dwarf;
    this.search = search;
  }

  /** Copies without code (all of it optimized away) are left out. */
  of(name: string): readonly InlinedCopy[] {
    const copies: InlinedCopy[] = [];
    for (const origin of this.dwarf.abstractNamed(name)) {
      for (const unit of this.search.unitsReferringTo(origin)) {
        for (const { copy, holder } of copiesIn(unit)) {
          if (copy.number(AT.abstractOrigin) !== origin.offset) continue;
          const ranges = rangesOf(copy);
          const [entry] = ranges;
          if (entry === undefined) continue;
          const file = copy.number(AT.callFile);
          copies.push({
            pc: requireAddress(copy, entry.start),
            ranges,
            callFile: file === undefined ? undefined : this.dwarf.lineTable(unit)?.files[file],
            callLine: copy.number(AT.callLine),
            into: nameOf(this.dwarf, holder),
          });
        }
      }
    }
    return copies;
  }

  counts(): ReadonlyMap<string, number> {
    const byOrigin = new Map<number, number>();
    const meter = this.dwarf.listMeter();
    for (const unit of this.search.units) {
      for (const { copy } of copiesIn(unit)) {
        const origin = copy.number(AT.abstractOrigin);
        if (origin !== undefined && rangesOf(copy, meter).length > 0)
          byOrigin.set(origin, (byOrigin.get(origin) ?? 0) + 1);
      }
    }
    const byName = new Map<string, number>();
    for (const [origin, count] of byOrigin) {
      const name = nameOf(this.dwarf, this.dwarf.dieAt(origin));
      byName.set(name, (byName.get(name) ?? 0) + count);
    }
    return byName;
  }
}

function* copiesIn(unit: Unit): Generator<CopyEntry> {
  const walk = new DieWalk(unit);
  let holder: Die | undefined;
  while (walk.next()) {
    if (walk.depth === 1) holder = walk.tag === TAG.subprogram ? walk.die() : undefined;
    else if (walk.tag === TAG.inlinedSubroutine && holder !== undefined) yield { copy: walk.die(), holder };
  }
}
