/** Which shared libraries a file is linked to, and where it says that they are. */
import { Cursor, FormatError, virtualAddress } from "../base/index.js";
import { type DynamicEntry, dynamicEntries } from "./dynamic-section.js";
import type { ElfFile } from "./elf.js";

export interface LinkedLibraries {
  /** In the order in which they are loaded: names as a rule, paths where there is a slash. */
  readonly needed: readonly string[];
  /** What others that need this library call it. */
  readonly soname: string | undefined;
  /** Folders, `$ORIGIN` and its like unexpanded. Looked through for what this file needs and what that needs in turn. */
  readonly rpath: readonly string[];
  /** As `rpath`, for what this file needs itself. Where there is one no `rpath` counts. */
  readonly runpath: readonly string[] | undefined;
  /** Path of the dynamic linker, of programs. */
  readonly interpreter: string | undefined;
}

const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_STRSZ = 10;
const DT_SONAME = 14;
const DT_RPATH = 15;
const DT_RUNPATH = 29;

/** LIMIT: a path; Linux takes none as long. */
const MAX_PATH_BYTES = 4096;

/** Empty for what is linked to nothing. FormatError when the file is damaged. */
export function readLinkedLibraries(elf: ElfFile): LinkedLibraries {
  const entries = dynamicEntries(elf);
  const strings = readDynamicStrings(elf, entries);
  const texts = (wanted: number): readonly string[] =>
    entries
      .filter(({ tag }) => tag === wanted)
      .map(({ value }) => {
        if (value >= strings.length) throw new FormatError("dynamic section", value, "text outside its string table");
        return new Cursor(strings, "dynamic section", value).cString();
      });
  const folders = (text: string | undefined): readonly string[] | undefined =>
    text?.split(":").filter((folder) => folder !== "");
  return {
    needed: texts(DT_NEEDED),
    soname: texts(DT_SONAME)[0],
    rpath: folders(texts(DT_RPATH)[0]) ?? [],
    runpath: folders(texts(DT_RUNPATH)[0]),
    interpreter: readInterpreter(elf),
  };
}

function readDynamicStrings(elf: ElfFile, entries: readonly DynamicEntry[]): Buffer {
  const numberOf = (wanted: number): number | undefined => entries.find(({ tag }) => tag === wanted)?.value;
  const address = numberOf(DT_STRTAB);
  const size = numberOf(DT_STRSZ);
  if (address === undefined || size === undefined) return Buffer.alloc(0);
  if (!Number.isSafeInteger(address + size))
    throw new FormatError("dynamic section", 0, "the place of its string table is out of range");
  return elf.readVirtual(virtualAddress(address), size);
}

function readInterpreter(elf: ElfFile): string | undefined {
  const segment = elf.segments.find(({ type }) => type === "interpreter");
  if (segment === undefined) return undefined;
  if (segment.fileSize > MAX_PATH_BYTES)
    throw new FormatError("interpreter", 0, `a path of ${segment.fileSize} bytes is longer than paths can be`);
  return new Cursor(elf.source.read(segment.fileOffset, segment.fileSize), "interpreter").cString();
}
