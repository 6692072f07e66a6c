/**
 * The symbol table of a Go binary: pclntab for everything, because every binary has it; the ELF symbol table, where it was
 * not stripped, for the type arguments that pclntab leaves out; DWARF, where there is some, for signatures.
 */
import type { VirtualAddress } from "../base/index.js";
import type { GoBinary, Pclntab, Signature } from "../binary/index.js";
import { collapseTypeArguments, withoutAbiSuffix } from "./name.js";
import { nearestNames } from "./nearest.js";
import type { Frame, GoFunction, SymbolTable } from "./table.js";

/** A function whose facts are read when asked for: most of a table's functions are only ever looked at by name. */
class LazyFunction implements GoFunction {
  readonly index: number;
  private readonly table: BinarySymbolTable;

  constructor(table: BinarySymbolTable, index: number) {
    this.table = table;
    this.index = index;
  }

  get name(): string {
    return this.table.linkName(this.index);
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
    const bodies = this.bodiesNamed(name);
    if (bodies.length > 0) return bodies;
    const base = withoutAbiSuffix(name);
    const asked = collapseTypeArguments(base);
    if (asked === name) return [];
    return this.bodiesNamed(asked).filter((body) => this.elfNamesAt(body.entry).includes(name));
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
    return this.findByAddress(address) === undefined ? [] : this.pclntab.inlineTreeAt(address);
  }

  signature(fn: GoFunction): Signature | undefined {
    return this.binary.dwarf()?.findFunctionAt(fn.entry)?.signature;
  }

  inlinedCopies(names: ReadonlySet<string>): ReadonlyMap<string, number> {
    return this.pclntab.countInlinedCopies(names);
  }

  nearest(name: string, limit: number): readonly string[] {
    return nearestNames(this.pclntab.names(), name, limit);
  }

  /** The linker's name without an ABI suffix; the runtime's, where the file has no symbols. */
  linkName(index: number): string {
    const name = this.pclntab.nameOf(index);
    if (!name.includes("[...]")) return name;
    const full = this.elfNamesAt(this.pclntab.entryOf(index)).map(withoutAbiSuffix);
    return full.find((candidate) => collapseTypeArguments(candidate) === name) ?? name;
  }

  private bodiesNamed(name: string): readonly GoFunction[] {
    return this.pclntab.findIndexesByName(name).map((index) => new LazyFunction(this, index));
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
