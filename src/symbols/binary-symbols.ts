/**
 * The symbol table of a Go binary: pclntab for everything, because every binary has it; the ELF symbol table, where it was
 * not stripped, for what pclntab leaves out (ABIs, and type arguments up to go1.20); DWARF for signatures, and where
 * it has none the types that the program keeps for its runtime.
 */
import type { VirtualAddress } from "../base/index.js";
import type { GoBinary, Pclntab, Signature } from "../binary/index.js";
import { ANY_TYPE_ARGUMENTS, collapseTypeArguments, withoutAbiSuffix, withPlainDots } from "./name.js";
import { nearestNames } from "./nearest.js";
import type { Frame, GoFunction, InlinedCopy, SymbolTable } from "./table.js";

/** A function whose facts are read when asked for: most of a table's functions are only ever looked at by name. */
class LazyFunction implements GoFunction {
  readonly index: number;
  private readonly table: BinarySymbolTable;
  private knownName: string | undefined;

  constructor(table: BinarySymbolTable, index: number) {
    this.table = table;
    this.index = index;
  }

  get name(): string {
    this.knownName ??= this.table.linkName(this.index);
    return this.knownName;
  }

  get entry(): VirtualAddress {
    return this.table.pclntab.entryOf(this.index);
  }

  get end(): VirtualAddress {
    return this.table.pclntab.endOf(this.index);
  }

  get assembly(): boolean {
    return this.table.pclntab.isAssembly(this.index);
  }

  get wrapper(): boolean {
    return this.table.pclntab.isWrapper(this.index);
  }
}

/** LIMIT: names whose inlined copies are searched one by one; more of them are counted with all others. */
const FEW_NAMES = 32;

class BinarySymbolTable implements SymbolTable {
  readonly pclntab: Pclntab;
  private readonly binary: GoBinary;
  private elfNames: ReadonlyMap<number, readonly string[]> | undefined;

  constructor(binary: GoBinary) {
    this.binary = binary;
    this.pclntab = binary.pclntab;
  }

  get functionCount(): number {
    return this.pclntab.functionCount;
  }

  *functions(): Generator<GoFunction> {
    for (let index = 0; index < this.functionCount; index++) yield new LazyFunction(this, index);
  }

  findByName(name: string): readonly GoFunction[] {
    const exact = this.pclntab.findIndexesByName(name);
    if (exact.length > 0) return this.functionsAt(exact);
    const alike = this.functionsAt(this.findAlike(name));
    if (name.includes(ANY_TYPE_ARGUMENTS)) return alike;
    return alike.filter((fn) => fn.name === name || this.elfNamesAt(fn.entry).includes(name));
  }

  findByAddress(address: VirtualAddress): GoFunction | undefined {
    const index = this.pclntab.findIndexByAddress(address);
    if (index === undefined || address >= this.pclntab.endOf(index)) return undefined;
    return new LazyFunction(this, index);
  }

  place(fn: GoFunction): { readonly file: string | undefined; readonly line: number | undefined } {
    return this.pclntab.placeOf(fn.index);
  }

  symbolize(address: VirtualAddress): readonly Frame[] {
    if (this.findByAddress(address) === undefined) return [];
    return this.pclntab.inlineTreeAt(address).map(({ function: name, file, line, startLine, inlined, wrapper }) => {
      return { function: collapseTypeArguments(name), file, line, startLine, inlined, wrapper };
    });
  }

  signature(fn: GoFunction): Signature | undefined {
    // Assembly is in the debug data too, without parameters.
    const described = fn.assembly ? undefined : this.binary.dwarf()?.findFunctionAt(fn.entry)?.compiledSignature();
    return described ?? this.binary.runtimeTypes()?.findSignature(fn.entry, fn.name);
  }

  inlinedCopies(names: ReadonlySet<string>): ReadonlyMap<string, number> {
    const spellings = this.inlinedSpellings(names);
    const all = new Set([...spellings.values()].flat());
    const counts = all.size > FEW_NAMES ? this.pclntab.inlinedCopyCounts() : this.pclntab.inlinedCopyCountsOf(all);
    const result = new Map<string, number>();
    for (const [name, each] of spellings) {
      const copies = each.reduce((sum, spelling) => sum + (counts.get(spelling) ?? 0), 0);
      if (copies > 0) result.set(name, copies);
    }
    return result;
  }

  inlinedPlaces(names: ReadonlySet<string>): ReadonlyMap<string, readonly InlinedCopy[]> {
    const spellings = this.inlinedSpellings(names);
    const places = this.pclntab.inlinedCopiesOf(new Set([...spellings.values()].flat()));
    const result = new Map<string, readonly InlinedCopy[]>();
    for (const [name, each] of spellings) {
      const copies = each.flatMap((spelling) => places.get(spelling) ?? []);
      if (each.length > 1) copies.sort((left, right) => left.index - right.index);
      if (copies.length === 0) continue;
      result.set(
        name,
        copies.map(({ index, file, line }) => ({ into: this.linkName(index), file, line })),
      );
    }
    return result;
  }

  inlinedNames(): Iterable<string> {
    return this.pclntab.inlinedCopyCounts().keys();
  }

  /** What pclntab may call these functions where they were inlined: nothing else tells instances apart up to go1.20. */
  private inlinedSpellings(names: ReadonlySet<string>): ReadonlyMap<string, readonly string[]> {
    const instances = new Map<string, string[]>();
    if ([...names].some((name) => name.includes(ANY_TYPE_ARGUMENTS))) {
      for (const spelling of this.inlinedNames()) {
        const collapsed = collapseTypeArguments(spelling);
        if (spelling === collapsed || !names.has(collapsed)) continue;
        const known = instances.get(collapsed);
        if (known === undefined) instances.set(collapsed, [spelling]);
        else known.push(spelling);
      }
    }
    return new Map(
      Array.from(names, (name) => [
        name,
        [...new Set([name, collapseTypeArguments(name)]), ...(instances.get(name) ?? [])],
      ]),
    );
  }

  nearest(name: string, limit: number): readonly string[] {
    return nearestNames(this.pclntab.names(), name, limit);
  }

  /** The linker's name without an ABI suffix, as far as pclntab and ELF symbols tell it. */
  linkName(index: number): string {
    const name = withPlainDots(this.pclntab.nameOf(index));
    if (!name.includes(ANY_TYPE_ARGUMENTS)) return name;
    const full = this.elfNamesAt(this.pclntab.entryOf(index)).map(withoutAbiSuffix);
    return full.find((candidate) => collapseTypeArguments(candidate) === name) ?? name;
  }

  private functionsAt(indexes: readonly number[]): readonly GoFunction[] {
    return indexes.map((index) => new LazyFunction(this, index));
  }

  /** Functions whose name differs from `name` at most in ABI, type arguments and kind of dots. Goes through all names. */
  private findAlike(name: string): readonly number[] {
    const wanted = collapseTypeArguments(withoutAbiSuffix(name));
    const [start = ""] = /^[\w/-]*/.exec(wanted) ?? [];
    const indexes: number[] = [];
    this.pclntab.names().forEach((each, index) => {
      if (each.startsWith(start) && withPlainDots(collapseTypeArguments(each)) === wanted) indexes.push(index);
    });
    return indexes;
  }

  private elfNamesAt(address: VirtualAddress): readonly string[] {
    this.elfNames ??= this.readElfNames();
    return this.elfNames.get(address) ?? [];
  }

  private readElfNames(): ReadonlyMap<number, readonly string[]> {
    const names = new Map<number, string[]>();
    for (const symbol of this.binary.elfSymbols()) {
      if (symbol.kind !== "function" || symbol.size === 0) continue;
      const known = names.get(symbol.address);
      if (known === undefined) names.set(symbol.address, [symbol.name]);
      else known.push(symbol.name);
    }
    return names;
  }
}

/**
 * The functions of an open binary, which must stay open as long as the table is used. Reads the function table; throws what
 * GoBinary.pclntab throws.
 */
export function openSymbolTable(binary: GoBinary): SymbolTable {
  return new BinarySymbolTable(binary);
}
