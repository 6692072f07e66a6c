/**
 * Where a dynamic linker looks for a shared library: the order of ld.so(8). glibc's cache is read as its dl-cache.h describes
 * it; musl has no cache, but a file of folders.
 */
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Cursor, FormatError } from "../base/index.js";

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

export class LibrarySearch {
  private readonly machine: LibraryMachine;
  private readonly interpreter: string;
  private readonly folders: readonly string[];
  private cache: ReadonlyMap<string, readonly string[]> | undefined;

  /** `interpreter` is that of the program, `folders` those of its LD_LIBRARY_PATH. */
  constructor(machine: LibraryMachine, interpreter: string | undefined, folders: readonly string[] = []) {
    this.machine = machine;
    this.interpreter = interpreter ?? "";
    this.folders = folders;
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
    const folders = (paths: readonly string[]): readonly string[] => paths.map((folder) => join(folder, name));
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
    this.cache ??= readCache(CACHE_FLAGS[this.machine]);
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
function readCache(flags: number): ReadonlyMap<string, readonly string[]> {
  const bytes = readIfThere("/etc/ld.so.cache");
  try {
    return bytes === undefined ? new Map() : parseLibraryCache(bytes, flags);
  } catch (error) {
    if (error instanceof FormatError) return new Map();
    throw error;
  }
}

const MAGIC = "glibc-ld.so.cache1.1";
const OLD_MAGIC = "ld.so-1.7.0";
const OLD_HEADER_SIZE = 16;
const OLD_ENTRY_SIZE = 12;
const HEADER_SIZE = 48;

/**
 * Paths by name, as `/etc/ld.so.cache` has them for libraries with these flags, in its order. FormatError when the bytes are
 * no cache, or a damaged one.
 */
export function parseLibraryCache(bytes: Buffer, flags: number): ReadonlyMap<string, readonly string[]> {
  const file = startOfCache(bytes);
  const cursor = new Cursor(file, "ld.so.cache");
  if (cursor.slice(MAGIC.length).toString("latin1") !== MAGIC) cursor.fail("it does not begin as a cache does");
  const count = cursor.u32();
  cursor.seek(HEADER_SIZE);
  const paths = new Map<string, string[]>();
  const textAt = (position: number): string => {
    if (position >= file.length) cursor.fail("text outside the file");
    return new Cursor(file, "ld.so.cache", position).cString();
  };
  for (let index = 0; index < count; index++) {
    const kind = cursor.u32();
    const name = cursor.u32();
    const path = cursor.u32();
    cursor.skip(4);
    const capabilities = cursor.u64();
    // LIMIT: libraries for processors that can more than the least (glibc-hwcaps) are left to their plain twins.
    if (kind !== flags || capabilities !== 0n) continue;
    const known = paths.get(textAt(name));
    if (known === undefined) paths.set(textAt(name), [textAt(path)]);
    else known.push(textAt(path));
  }
  return paths;
}

/** Older systems write the format of libc 5 before it. */
function startOfCache(bytes: Buffer): Buffer {
  if (bytes.toString("latin1", 0, OLD_MAGIC.length) !== OLD_MAGIC) return bytes;
  const cursor = new Cursor(bytes, "ld.so.cache", OLD_MAGIC.length + 1);
  const end = OLD_HEADER_SIZE + cursor.u32() * OLD_ENTRY_SIZE;
  cursor.seek(Math.ceil(end / 8) * 8);
  return bytes.subarray(cursor.position);
}
