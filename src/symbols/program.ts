/** Everything in which probes are looked for: a program's own file, and the libraries that are loaded with it. */
import { type ElfFile, type GoBinary, readUsdtNotes, type UsdtNotes } from "../binary/index.js";
import { type NativeFunctions, openNativeFunctions } from "./native-functions.js";
import type { SymbolTable } from "./table.js";

/** A file with code. Its tables are read when first asked for. */
export class CodeFile {
  readonly elf: ElfFile;
  /** Opens this very file while the target runs; `elf.path` is what people call it. */
  readonly access: string;
  /** Undefined: its code is not Go's. */
  readonly go: GoProgram | undefined;
  private usdtNotes: UsdtNotes | undefined;
  private nativeFunctions: NativeFunctions | undefined;

  constructor(elf: ElfFile, access: string, go?: GoProgram) {
    this.elf = elf;
    this.access = access;
    this.go = go;
  }

  get usdt(): UsdtNotes {
    this.usdtNotes ??= readUsdtNotes(this.elf);
    return this.usdtNotes;
  }

  get functions(): NativeFunctions {
    this.nativeFunctions ??= openNativeFunctions(this.elf);
    return this.nativeFunctions;
  }
}

export interface GoProgram {
  readonly binary: GoBinary;
  readonly symbols: SymbolTable;
}

export interface Program {
  readonly main: CodeFile;
  /** Empty unless a probe can be in one of them. */
  readonly libraries: readonly CodeFile[];
}

/** A Go program by itself. */
export const goProgram = (binary: GoBinary, symbols: SymbolTable, access = binary.path): Program => ({
  main: new CodeFile(binary.elf, access, { binary, symbols }),
  libraries: [],
});
