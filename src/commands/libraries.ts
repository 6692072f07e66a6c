/** The shared libraries of a target: those that its process has mapped, or those that its file is linked to. */
import { realpathSync, statSync } from "node:fs";
import { FormatError, ProfilerError } from "../base/index.js";
import { type ElfFile, type LinkedLibraries, openCodeFile, readLinkedLibraries } from "../binary/index.js";
import {
  LibrarySearch,
  type LibrarySeeker,
  type LoaderEnvironment,
  readCodeFiles,
  readLoaderEnvironment,
  type TargetProcess,
} from "../process/index.js";
import type { Target } from "../session/index.js";
import { CodeFile, openSymbolTable } from "../symbols/index.js";

/**
 * Every file with code besides the target's own, open; the caller disposes of their sources. What can't be read, or is no
 * library, is left out. Throws as openProcess does, and FormatError where the file that says what is needed is damaged.
 */
export async function openLibraries(target: Target, main: CodeFile): Promise<readonly CodeFile[]> {
  const running = target.request.kind === "pid" ? target.process() : undefined;
  if (running !== undefined) return openMappedLibraries(running);
  // A command gets our environment.
  const environment = readLoaderEnvironment(target.request.kind === "command" ? process.env : {});
  return (await openLinkedLibraries(main, environment)).libraries;
}

async function openMappedLibraries(running: TargetProcess): Promise<readonly CodeFile[]> {
  const own = new Set(running.readExecutableMappings().map(({ start }) => start));
  const files = readCodeFiles(running.pid).filter(({ mappings }) => !mappings.some(({ start }) => own.has(start)));
  return openAll(async (opened) => {
    for (const { access, path } of files) {
      const library = await openLibrary(access, path);
      if (library !== undefined) opened.push(library);
    }
  });
}

/** What a file is linked to, and what that is linked to in turn. */
export interface LinkedLibraryFiles {
  /** The dynamic linker first, then in the order in which it loads them. */
  readonly libraries: readonly CodeFile[];
  /** Names that lead to no library. */
  readonly missing: readonly string[];
}

interface Need {
  readonly name: string;
  /** The file that needs it, the one that needs that, and so on to the program. */
  readonly seekers: readonly LibrarySeeker[];
}

/** Found as the dynamic linker would, were the program started here and now. Throws as openLibraries does. */
export async function openLinkedLibraries(
  main: CodeFile,
  { folders, preloaded }: LoaderEnvironment = { folders: [], preloaded: [] },
): Promise<LinkedLibraryFiles> {
  const linked = readLinkedLibraries(main.elf);
  const search = new LibrarySearch(main.elf.machine, linked.interpreter, folders);
  const loaded = new Set<string>();
  const missing: string[] = [];
  const program = [{ path: realpathSync(main.access), ...linked }];
  const names = linked.interpreter === undefined ? linked.needed : [linked.interpreter, ...preloaded, ...linked.needed];
  const needs: Need[] = names.map((name) => ({ name, seekers: program }));
  const libraries = await openAll(async (opened) => {
    for (const { name, seekers } of needs) {
      if (loaded.has(name)) continue;
      loaded.add(name);
      const library = await openFirst(search.candidates(name, seekers), main.elf.machine);
      if (library === undefined) {
        missing.push(name);
        continue;
      }
      opened.push(library);
      const own = readOwnNeeds(library);
      // Found once, it is there for all who call it so.
      if (own.soname !== undefined) loaded.add(own.soname);
      const chain = [{ path: library.elf.path, ...own }, ...seekers];
      needs.push(...own.needed.map((needed) => ({ name: needed, seekers: chain })));
    }
  });
  return { libraries: distinct(libraries), missing };
}

/** A library that is damaged where it says what it needs may still have probes. */
function readOwnNeeds({ elf }: CodeFile): LinkedLibraries {
  try {
    return readLinkedLibraries(elf);
  } catch (error) {
    if (error instanceof FormatError) return NO_NEEDS;
    throw error;
  }
}

const NO_NEEDS: LinkedLibraries = {
  needed: [],
  soname: undefined,
  rpath: [],
  runpath: undefined,
  interpreter: undefined,
};

/** Names may lead to one file in several ways; those behind the first are closed. */
function distinct(libraries: readonly CodeFile[]): readonly CodeFile[] {
  const seen = new Set<string>();
  return libraries.filter(({ elf, access }) => {
    const { dev, ino } = statSync(access, { bigint: true });
    const isNew = !seen.has(`${dev}:${ino}`);
    seen.add(`${dev}:${ino}`);
    if (!isNew) elf.source[Symbol.dispose]();
    return isNew;
  });
}

async function openFirst(paths: readonly string[], machine: ElfFile["machine"]): Promise<CodeFile | undefined> {
  for (const path of paths) {
    const library = await openLibrary(path, path);
    if (library?.elf.machine === machine) return library;
    library?.elf.source[Symbol.dispose]();
  }
  return undefined;
}

/** Undefined for what can't be read, or is no library or program. */
async function openLibrary(access: string, path: string): Promise<CodeFile | undefined> {
  try {
    const { elf, go } = await openCodeFile(access, { displayPath: path });
    // A shared library of Go's has functions that no C function's probes may be put on.
    return new CodeFile(elf, access, go && { binary: go, symbols: openSymbolTable(go) });
  } catch (error) {
    if (error instanceof ProfilerError) return undefined;
    throw error;
  }
}

/** What `open` has opened; all of it is closed when it throws. */
async function openAll(open: (opened: CodeFile[]) => Promise<void>): Promise<readonly CodeFile[]> {
  const opened: CodeFile[] = [];
  try {
    await open(opened);
    return opened;
  } catch (error) {
    for (const { elf } of opened) elf.source[Symbol.dispose]();
    throw error;
  }
}
