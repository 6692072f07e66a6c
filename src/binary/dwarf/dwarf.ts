/**
 * The debug data of one file, answered question by question: a question about one function reads the units that can hold it,
 * not the whole section.
 */
import { FormatError, type VirtualAddress } from "../../base/index.js";
import type { GoType } from "../gotype.js";
import { AT, TAG } from "./constants.js";
import { Die } from "./die.js";
import { DwarfFunction } from "./function.js";
import { InlinedCopies, type InlinedCopy } from "./inlined.js";
import { type LinePosition, LineTable, type Statement } from "./line-table.js";
import { ReadMeter } from "./meter.js";
import { UnitSearch } from "./names.js";
import { RangeIndex, rangesOf } from "./ranges.js";
import { type ScopeAtAddress, scopesAt } from "./scopes.js";
import type { DebugSections } from "./sections.js";
import { TypeReader } from "./types.js";
import { parseUnits, requireUnitAt, type Unit } from "./unit.js";
import { type DwarfPackageVariable, PackageVariables } from "./variables.js";

const SUBPROGRAM = new Set<number>([TAG.subprogram]);
const TYPES = new Set<number>([
  TAG.typedef,
  TAG.structureType,
  TAG.baseType,
  TAG.pointerType,
  TAG.arrayType,
  TAG.subroutineType,
]);

/**
 * LIMIT: functions that are searched by their first address; who asks for more of them is answered from an index, which takes
 * the ranges of all units to make.
 */
const FEW_SEARCHES = 4;

/** Of Go's compile units only; C units of a cgo program are stepped over. Damaged data throws a FormatError when it is met. */
export class Dwarf {
  private readonly sections: DebugSections;
  private readonly allUnits: readonly Unit[];
  private readonly search: UnitSearch;
  private readonly types: TypeReader;
  private readonly copies: InlinedCopies;
  private readonly packageVariables: PackageVariables;
  private readonly lineTables = new Map<Unit, LineTable | undefined>();
  private readonly functionsOfUnit = new Map<Unit, Float64Array>();
  private readonly functionIndexes = new Map<Unit, RangeIndex>();
  private unitIndex: RangeIndex | undefined;
  private searches = 0;

  constructor(sections: DebugSections) {
    this.sections = sections;
    this.allUnits = parseUnits(sections);
    this.search = new UnitSearch(this.allUnits, sections);
    this.types = new TypeReader(this.allUnits);
    this.copies = new InlinedCopies(this, this.search);
    this.packageVariables = new PackageVariables(this.search, this.types);
  }

  /**
   * The function with this symbol name, verbatim (`main.(*Store).Lookup`). Of several, the one that is not a wrapper.
   * Undefined when it has no code of its own: unknown, or inlined everywhere.
   */
  findFunction(name: string): DwarfFunction | undefined {
    let wrapper: DwarfFunction | undefined;
    for (const die of this.concreteNamed(name)) {
      const found = new DwarfFunction(this, die);
      if (!found.isWrapper) return found;
      wrapper ??= found;
    }
    return wrapper;
  }

  /** The function whose code holds `address`. */
  findFunctionAt(address: VirtualAddress): DwarfFunction | undefined {
    if (this.searches < FEW_SEARCHES) {
      this.searches++;
      for (const die of this.search.topLevelBeginningAt(address))
        if (die.tag === TAG.subprogram) return new DwarfFunction(this, die);
    }
    const unit = this.unitAt(address);
    const owner = unit && this.functionIndex(unit).find(address);
    return owner === undefined ? undefined : new DwarfFunction(this, this.dieAt(owner));
  }

  /** Every function that has code, in file order. */
  *functions(): Generator<DwarfFunction> {
    for (const unit of this.search.units) for (const die of this.concreteIn(unit)) yield new DwarfFunction(this, die);
  }

  /** The type with this name, as DWARF spells it: `runtime.g`, `*main.Store`, `[]uint8`. */
  findType(name: string): GoType | undefined {
    for (const die of this.search.topLevelNamed(name, TYPES)) return this.types.at(die.offset);
    return undefined;
  }

  /** The package variable `package.Name`. */
  findVariable(name: string): DwarfPackageVariable | undefined {
    return this.packageVariables.find(name);
  }

  /** Every package variable, in file order. */
  variables(): Iterable<DwarfPackageVariable> {
    return this.packageVariables.all();
  }

  /** Every place into which the function was inlined. */
  inlinedCopies(name: string): readonly InlinedCopy[] {
    return this.copies.of(name);
  }

  /** How often each function was inlined; functions that never were are not in it. Reads all debugging entries. */
  inlinedCopyCounts(): ReadonlyMap<string, number> {
    return this.copies.counts();
  }

  /** The file and line of the instruction at `address`. Where code was inlined, the place in the inlined source. */
  lineAt(address: VirtualAddress): LinePosition | undefined {
    const unit = this.unitAt(address);
    return unit === undefined ? undefined : this.lineTable(unit)?.find(address);
  }

  /** Where statements begin in the code of one function, in address order. */
  statementsIn(start: VirtualAddress, end: VirtualAddress): readonly Statement[] {
    const unit = this.unitAt(start);
    return (unit && this.lineTable(unit)?.statementsIn(start, end)) ?? [];
  }

  /** Whether the code at `address` was compiled as it was written, with `-gcflags=-N`. */
  isUnoptimizedAt(address: VirtualAddress): boolean {
    // FACT(go1.19..go1.27): `Go cmd/compile go1.27.4; -N -l regabi`.
    return /^[^;]*;.* -N\b/.test(this.unitAt(address)?.root?.string(AT.producer) ?? "");
  }

  /** The functions whose code the instruction at `address` is, from the outside inwards; none outside of Go code. */
  scopesAt(address: VirtualAddress): readonly ScopeAtAddress[] {
    const fn = this.findFunctionAt(address);
    return fn === undefined ? [] : scopesAt(this, fn.die, address);
  }

  /** The type whose entry is at `offset` of .debug_info. */
  typeAt(offset: number): GoType {
    return this.types.at(offset);
  }

  /** The entry at `offset` of .debug_info. */
  dieAt(offset: number): Die {
    const die = Die.at(requireUnitAt(this.allUnits, offset), offset);
    if (die === undefined) throw new FormatError(".debug_info", offset, "reference leads to a null entry");
    return die;
  }

  /** The line table of a unit; undefined when it has none. */
  lineTable(unit: Unit): LineTable | undefined {
    if (this.lineTables.has(unit)) return this.lineTables.get(unit);
    const offset = unit.root?.number(AT.statementList);
    const table = offset === undefined ? undefined : new LineTable(this.sections, offset);
    this.lineTables.set(unit, table);
    return table;
  }

  /** The entries of abstract functions (what inlined copies refer to) with this name. */
  *abstractNamed(name: string): Generator<Die> {
    for (const die of this.search.topLevelNamed(name, SUBPROGRAM)) if (die.has(AT.inline)) yield die;
  }

  private *concreteNamed(name: string): Generator<Die> {
    const origins: Die[] = [];
    for (const die of this.search.topLevelNamed(name, SUBPROGRAM)) {
      if (hasCode(die)) yield die;
      else if (die.has(AT.inline)) origins.push(die);
    }
    if (origins.length > MAX_ORIGINS)
      throw new FormatError(".debug_info", origins[0]?.offset ?? 0, `${origins.length} functions of one name`);
    for (const origin of origins) {
      for (const unit of this.search.unitsReferringTo(origin)) {
        for (const die of this.concreteIn(unit)) if (die.number(AT.abstractOrigin) === origin.offset) yield die;
      }
    }
  }

  /** Kept as offsets: the entries of a large program as values would be half of what its list takes. */
  private *concreteIn(unit: Unit): Generator<Die> {
    let offsets = this.functionsOfUnit.get(unit);
    if (offsets === undefined) {
      const found: number[] = [];
      for (const die of this.search.topLevel(unit))
        if (die.tag === TAG.subprogram && hasCode(die)) found.push(die.offset);
      offsets = Float64Array.from(found);
      this.functionsOfUnit.set(unit, offsets);
    }
    for (const offset of offsets) yield this.dieAt(offset);
  }

  /** Which entry of the unit, by its offset, has the code at an address. */
  private functionIndex(unit: Unit): RangeIndex {
    const known = this.functionIndexes.get(unit);
    if (known !== undefined) return known;
    const meter = this.listMeter();
    const ranges = Array.from(this.concreteIn(unit), (die) =>
      rangesOf(die, meter).map((range) => ({ range, owner: die.offset })),
    );
    const index = new RangeIndex(ranges.flat());
    this.functionIndexes.set(unit, index);
    return index;
  }

  private unitAt(address: number): Unit | undefined {
    this.unitIndex ??= this.indexUnits();
    const owner = this.unitIndex.find(address);
    return owner === undefined ? undefined : this.search.units[owner];
  }

  private indexUnits(): RangeIndex {
    const meter = this.listMeter();
    return new RangeIndex(
      this.search.units.flatMap(({ root }, owner) =>
        root === undefined ? [] : rangesOf(root, meter).map((range) => ({ range, owner })),
      ),
    );
  }

  /** For range lists, which two entries never share. */
  listMeter(): ReadMeter {
    return new ReadMeter("range lists", this.sections.ranges.length + this.sections.rangeLists.length);
  }
}

/** LIMIT: abstract functions of one name. Go's linker leaves one; each is looked for in all of the section. */
const MAX_ORIGINS = 64;

const hasCode = (die: Die): boolean => die.has(AT.lowPc) || die.has(AT.ranges);
