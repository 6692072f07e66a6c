/**
 * A Go program as one value: its file, what its linker recorded about the build, and its tables, each read when first
 * asked for. Opening reads headers and build info only.
 */
import { UnmeasurableError } from "../base/index.js";
import { type BuildInfo, findBuildInfo, type GoVersion, parseGoVersion } from "./build-info.js";
import type { Dwarf } from "./dwarf/index.js";
import { type ElfFile, type Machine, openElf } from "./elf.js";
import { type ElfSymbol, readElfSymbols } from "./elf-symbols.js";
import type { ImageReader } from "./image.js";
import type { Moduledata } from "./moduledata.js";
import { findGnuBuildId, findGoBuildId } from "./notes.js";
import type { Pclntab } from "./pclntab.js";
import { type GoTables, readGoTables } from "./pclntab-locate.js";
import { openRuntimeTypes, type RuntimeTypes } from "./runtime-types/index.js";
import { type ByteSource, openFileSource } from "./source.js";

type DwarfOpener = (elf: ElfFile) => Dwarf | undefined;

/** The DWARF reader takes longer to load than a stripped program to open, so that one never loads it. */
async function loadDwarfOpener(elf: ElfFile): Promise<DwarfOpener> {
  if (elf.findSection(".debug_info") === undefined) return () => undefined;
  return (await import("./dwarf/index.js")).openDwarf;
}

/** An open Go program; owns its source. Every reader throws a FormatError where the bytes it needs are damaged. */
export class GoBinary implements Disposable {
  readonly elf: ElfFile;
  readonly version: GoVersion;
  readonly buildInfo: BuildInfo;
  private tables: GoTables | undefined;
  private symbols: readonly ElfSymbol[] | undefined;
  private typeData: { readonly types: RuntimeTypes | undefined } | undefined;
  private debugData: { readonly dwarf: Dwarf | undefined } | undefined;
  private readonly openDwarf: DwarfOpener;

  constructor(elf: ElfFile, version: GoVersion, buildInfo: BuildInfo, openDwarf: DwarfOpener) {
    this.elf = elf;
    this.version = version;
    this.buildInfo = buildInfo;
    this.openDwarf = openDwarf;
  }

  /** As messages name it. */
  get path(): string {
    return this.elf.path;
  }

  get arch(): Machine {
    return this.elf.machine;
  }

  /** As `go tool buildid` prints it; undefined when the linker wrote none. */
  get goBuildId(): string | undefined {
    return findGoBuildId(this.elf);
  }

  /** In hexadecimal; undefined when the linker wrote none. */
  get gnuBuildId(): string | undefined {
    return findGnuBuildId(this.elf);
  }

  get pclntab(): Pclntab {
    return this.goTables().pclntab;
  }

  get moduledata(): Moduledata {
    return this.goTables().moduledata;
  }

  /** The program's memory as it is when it begins, at its own addresses. */
  get image(): ImageReader {
    return this.goTables().image;
  }

  /** `.symtab` in table order; empty when stripped. */
  elfSymbols(): readonly ElfSymbol[] {
    this.symbols ??= readElfSymbols(this.elf);
    return this.symbols;
  }

  /** Undefined when stripped. */
  dwarf(): Dwarf | undefined {
    this.debugData ??= { dwarf: this.openDwarf(this.elf) };
    return this.debugData.dwarf;
  }

  /** Undefined for a Go release whose type data are not known. */
  runtimeTypes(): RuntimeTypes | undefined {
    const { image, moduledata } = this.goTables();
    this.typeData ??= { types: openRuntimeTypes(image, moduledata, this.version) };
    return this.typeData.types;
  }

  [Symbol.dispose](): void {
    this.elf.source[Symbol.dispose]();
  }

  private goTables(): GoTables {
    this.tables ??= readGoTables(this.elf, this.version);
    return this.tables;
  }
}

/** An ELF file with code; `go` is the Go program that it is, which then owns the file. */
export interface CodeObject {
  readonly elf: ElfFile;
  readonly go: GoBinary | undefined;
}

/**
 * Opens the program or library in `source`, which it takes over, also when it throws: UnmeasurableError (`not-elf`,
 * `unsupported-machine`, `not-executable`, `unknown-go-version`) for files of another sort, FormatError for damaged ones.
 */
export async function openCodeSource(source: ByteSource): Promise<CodeObject> {
  try {
    const elf = await openElf(source);
    const buildInfo = findBuildInfo(elf);
    if (buildInfo === undefined) return { elf, go: undefined };
    const version = parseGoVersion(buildInfo.goVersion);
    if (version === undefined)
      throw new UnmeasurableError(
        "unknown-go-version",
        `${source.path}: built by Go version "${buildInfo.goVersion}", which names no release`,
        { hint: "gospect must know the release to know the runtime's data; build with a released Go" },
      );
    return { elf, go: new GoBinary(elf, version, buildInfo, await loadDwarfOpener(elf)) };
  } catch (error) {
    source[Symbol.dispose]();
    throw error;
  }
}

/** Opens a program's or library's file, as openCodeSource and openFileSource do; `displayPath` as for openGoBinary. */
export async function openCodeFile(path: string, options: { readonly displayPath?: string } = {}): Promise<CodeObject> {
  return openCodeSource(openFileSource(path, options.displayPath ?? path));
}

/** As openCodeSource, of a Go program: UnmeasurableError `not-go` for another. */
export async function openGoSource(source: ByteSource): Promise<GoBinary> {
  const { go } = await openCodeSource(source);
  if (go !== undefined) return go;
  source[Symbol.dispose]();
  throw new UnmeasurableError("not-go", `${source.path}: not a Go program`, {
    hint: "the file has no build information of Go's; its C functions are named c:SYMBOL, its USDT probes usdt:PROVIDER:NAME",
  });
}

/**
 * Opens a Go program's file. `displayPath` is how messages name it when `path` is `/proc/PID/exe`. Throws as
 * openFileSource and openGoSource do.
 */
export async function openGoBinary(path: string, options: { readonly displayPath?: string } = {}): Promise<GoBinary> {
  return openGoSource(openFileSource(path, options.displayPath ?? path));
}
