/**
 * Where a dynamic linker looks for a shared library: the order of ld.so(8). glibc has a cache, and folders for processors that
 * can more than the least; musl has neither, but a file of folders.
 */
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { FormatError } from "../base/index.js";
import { parseLibraryCache } from "./library-cache.js";
import { readProcessorLevels } from "./processor-levels.js";

/** What a file that needs a library says of where it is; see `LinkedLibraries` of src/binary. */
export interface LibrarySeeker {
  /** Of the file itself, links followed: what `$ORIGIN` stands for is its folder. */
  readonly path: string;
  readonly rpath: readonly string[];
  readonly runpath: readonly string[] | undefined;
}

/** What the environment of a program that we start adds; of others we do not know it. */
export interface LoaderEnvironment {
  /** LD_LIBRARY_PATH */
  readonly folders: readonly string[];
  /** LD_PRELOAD */
  readonly preloaded: readonly string[];
}

/** Lists are separated as ld.so(8) says; an empty folder is the current one. */
export const readLoaderEnvironment = (
  environment: Readonly<Record<string, string | undefined>>,
): LoaderEnvironment => ({
  folders: (environment["LD_LIBRARY_PATH"] || undefined)?.split(/[:;]/).map((folder) => folder || ".") ?? [],
  preloaded: environment["LD_PRELOAD"]?.split(/[: ]/).filter((name) => name !== "") ?? [],
});

export type LibraryMachine = "amd64" | "arm64";

/** What the cache calls libraries of this machine and of glibc. */
const CACHE_FLAGS: Readonly<Record<LibraryMachine, number>> = { amd64: 0x303, arm64: 0xa03 };
const MULTIARCH: Readonly<Record<LibraryMachine, string>> = { amd64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" };
const PLATFORM: Readonly<Record<LibraryMachine, string>> = { amd64: "x86_64", arm64: "aarch64" };

/**
 * Within each folder, one for each level of processors.
 * LIMIT: folders by processor family that glibc before 2.37 also had (`tls`, `haswell`, …) are not looked into.
 */
const HWCAPS = "glibc-hwcaps";

/** Where libraries of one program may be. Reads the linker's cache once, when a name is first searched for. */
export class LibrarySearch {
  private readonly machine: LibraryMachine;
  private readonly interpreter: string;
  private readonly folders: readonly string[];
  private readonly levels: readonly string[];
  private cache: ReadonlyMap<string, readonly string[]> | undefined;

  /**
   * `interpreter` is that of the program, `folders` those of its LD_LIBRARY_PATH, `levels` those of the processor, the highest
   * first.
   */
  constructor(
    machine: LibraryMachine,
    interpreter: string | undefined,
    folders: readonly string[] = [],
    levels: readonly string[] = readProcessorLevels(),
  ) {
    this.machine = machine;
    this.interpreter = interpreter ?? "";
    this.folders = folders;
    this.levels = this.isMusl || machine !== "amd64" ? [] : levels;
  }

  /**
   * Paths at which `name` may be, the first one that holds a library of this machine being the one: there need not be
   * anything. `seekers` are the file that needs it, the one that needs that, and so on to the program.
   */
  candidates(name: string, seekers: readonly LibrarySeeker[]): readonly string[] {
    const [seeker] = seekers;
    if (seeker === undefined) return [];
    if (name.includes("/")) return [this.expand(name, seeker)];
    const inherited = seeker.runpath === undefined ? seekers.flatMap((each) => this.rpathOf(each)) : [];
    const own = (seeker.runpath ?? []).map((folder) => this.expand(folder, seeker));
    const folders = (paths: readonly string[]): readonly string[] =>
      paths.flatMap((folder) => [...this.levels.map((level) => join(folder, HWCAPS, level, name)), join(folder, name)]);
    return [
      ...folders([...inherited, ...this.folders, ...own]),
      ...this.cached(name),
      ...folders(this.defaultFolders()),
    ];
  }

  private rpathOf(seeker: LibrarySeeker): readonly string[] {
    return seeker.runpath === undefined ? seeker.rpath.map((folder) => this.expand(folder, seeker)) : [];
  }

  private expand(path: string, seeker: LibrarySeeker): string {
    return path
      .replace(/\$(?:ORIGIN\b|\{ORIGIN\})/g, () => dirname(seeker.path))
      .replace(/\$(?:PLATFORM\b|\{PLATFORM\})/g, PLATFORM[this.machine])
      .replace(/\$(?:LIB\b|\{LIB\})/g, `lib/${MULTIARCH[this.machine]}`);
  }

  private get isMusl(): boolean {
    return basename(this.interpreter).startsWith("ld-musl-");
  }

  private cached(name: string): readonly string[] {
    if (this.isMusl) return [];
    this.cache ??= readCache(CACHE_FLAGS[this.machine], this.levels);
    return this.cache.get(name) ?? [];
  }

  private defaultFolders(): readonly string[] {
    if (!this.isMusl) {
      const tuple = MULTIARCH[this.machine];
      return [`/lib/${tuple}`, `/usr/lib/${tuple}`, "/lib64", "/usr/lib64", "/lib", "/usr/lib"];
    }
    const listed = readIfThere(`/etc/ld-musl-${PLATFORM[this.machine]}.path`)?.toString("utf8");
    return listed?.split(/[:\n]/).filter((folder) => folder !== "") ?? ["/lib", "/usr/local/lib", "/usr/lib"];
  }
}

/** Undefined where there is none, or none that we may read: the linker goes on without it too. */
function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** A cache that is damaged is none; the linker does not complain either. */
function readCache(flags: number, levels: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const bytes = readIfThere("/etc/ld.so.cache");
  try {
    return bytes === undefined ? new Map() : parseLibraryCache(bytes, flags, levels);
  } catch (error) {
    if (error instanceof FormatError) return new Map();
    throw error;
  }
}
