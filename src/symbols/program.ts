/** Everything in which probes are looked for: a program's own file, and the libraries that are loaded with it. */
import { type ElfFile, type GoBinary, readUsdtNotes, type UsdtNotes } from "../binary/index.js";
import { type NativeFunctions, openNativeFunctions } from "./native-functions.js";
import type { SymbolTable } from "./table.js";

/** A file with code. Its tables are read when first asked for. */
export class CodeFile {
  readonly elf: ElfFile;
  /** Opens this very file while the target runs; `elf.path` is what people call it. */
  readonly access: string;
  private usdtNotes: UsdtNotes | undefined;
  private nativeFunctions: NativeFunctions | undefined;

  constructor(elf: ElfFile, access: string) {
    this.elf = elf;
    this.access = access;
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
  /** Undefined: no Go program. */
  readonly go: GoProgram | undefined;
  /** Empty unless a probe can be in one of them. */
  readonly libraries: readonly CodeFile[];
}

/** A Go program by itself. */
export const goProgram = (binary: GoBinary, symbols: SymbolTable, access = binary.path): Program => ({
  main: new CodeFile(binary.elf, access),
  go: { binary, symbols },
  libraries: [],
});
