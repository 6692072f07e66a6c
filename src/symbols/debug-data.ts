/** What a binary that was not stripped says beyond its pclntab: ELF symbols and DWARF. */
import type { GoBinary, GoType, Signature } from "../binary/index.js";
import type { DebugSource } from "./function-source.js";

/** Reads what is asked for; of a stripped binary, nothing. */
export class DebugData implements DebugSource {
  private readonly binary: GoBinary;
  private elfNames: ReadonlyMap<number, readonly string[]> | undefined;

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
    return this.binary.dwarf()?.findFunctionAt(pclntab.entryOf(index))?.compiledSignature();
  }

  findType(name: string): GoType | undefined {
    return this.binary.dwarf()?.findType(name);
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
