/** What a binary that was not stripped says beyond its pclntab: ELF symbols and DWARF. */
import type { VirtualAddress } from "../base/index.js";
import type { ElfSymbol, GoBinary, GoType, Moduledata, Signature } from "../binary/index.js";
import { completeSignature, mayBeIncomplete } from "./complete-signature.js";
import type { DebugSource } from "./function-source.js";
import type { PackageVariable } from "./table.js";

/** Whether a variable of Go's may be there: C code that is linked in has data of its own. */
function holdsVariables(moduledata: Moduledata, address: VirtualAddress): boolean {
  // FACT(go1.27): it lies in a section of its own.
  if (address === moduledata.address) return true;
  const { noptrdata, enoptrdata, data, edata, bss, ebss, noptrbss, enoptrbss } = moduledata;
  return (
    (address >= noptrdata && address < enoptrdata) ||
    (address >= data && address < edata) ||
    (address >= bss && address < ebss) ||
    (address >= noptrbss && address < enoptrbss)
  );
}

/** Reads what is asked for; of a stripped binary, nothing. */
export class DebugData implements DebugSource {
  private readonly binary: GoBinary;
  private elfNames: ReadonlyMap<number, readonly string[]> | undefined;
  private elfVariables: ReadonlyMap<string, ElfSymbol> | undefined;

  constructor(binary: GoBinary) {
    this.binary = binary;
  }

  get typeSource(): "dwarf" | undefined {
    return this.binary.dwarf() === undefined ? undefined : "dwarf";
  }

  linkNamesOf(index: number): readonly string[] {
    this.elfNames ??= this.readElfNames();
    return this.elfNames.get(this.binary.pclntab.entryOf(index)) ?? [];
  }

  signatureOf(index: number): Signature | undefined {
    const { pclntab } = this.binary;
    // Assembly is in the debug data too, without parameters.
    if (pclntab.isAssembly(index)) return undefined;
    const entry = pclntab.entryOf(index);
    const described = this.binary.dwarf()?.findFunctionAt(entry)?.compiledSignature();
    if (described === undefined || !mayBeIncomplete(described, pclntab.isWrapper(index))) return described;
    const kept = this.binary.runtimeTypes()?.findSignature(entry, pclntab.nameOf(index));
    return kept === undefined ? described : completeSignature(described, kept);
  }

  findType(name: string): GoType | undefined {
    return this.binary.dwarf()?.findType(name);
  }

  findVariable(name: string): PackageVariable | undefined {
    const described = this.binary.dwarf()?.findVariable(name);
    if (described !== undefined) return { ...described, size: described.type.size };
    const symbol = this.variableSymbols().get(name);
    return symbol && { name, address: symbol.address, size: symbol.size, type: undefined };
  }

  /** Every package variable, each once, in no particular order. */
  *variables(): Generator<PackageVariable> {
    const described = new Set<string>();
    for (const variable of this.binary.dwarf()?.variables() ?? []) {
      if (described.has(variable.name)) continue;
      described.add(variable.name);
      yield { ...variable, size: variable.type.size };
    }
    for (const { name, address, size } of this.variableSymbols().values())
      if (!described.has(name)) yield { name, address, size, type: undefined };
  }

  /** FACT(go1.19..go1.27): the linker omits the ELF symbols only together with the debug data. */
  variableNames(): Iterable<string> {
    return this.variableSymbols().keys();
  }

  private variableSymbols(): ReadonlyMap<string, ElfSymbol> {
    this.elfVariables ??= this.readVariableSymbols();
    return this.elfVariables;
  }

  private readVariableSymbols(): ReadonlyMap<string, ElfSymbol> {
    const symbols = new Map<string, ElfSymbol>();
    for (const symbol of this.binary.elfSymbols()) {
      if (symbol.kind !== "object" || symbol.size === 0) continue;
      if (!holdsVariables(this.binary.moduledata, symbol.address) || symbol.name.startsWith("go:")) continue;
      if (!symbols.has(symbol.name)) symbols.set(symbol.name, symbol);
    }
    return symbols;
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
