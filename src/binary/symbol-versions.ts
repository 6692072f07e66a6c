/**
 * Versions of dynamic symbols (Linux Standard Base, "Symbol Versioning"): `.gnu.version` has one number for each entry of
 * `.dynsym`, `.gnu.version_d` says what the file's own numbers are called. The versions that a file wants of others
 * (`.gnu.version_r`) belong to symbols that it does not define, and are left out.
 */
import { Cursor, FormatError } from "../base/index.js";
import type { ElfFile, ElfSection } from "./elf.js";
import { readStrings } from "./elf-symbols.js";

export interface SymbolVersion {
  /** `GLIBC_2.14` */
  readonly name: string;
  /** What the name links to without a version: `memcpy@@GLIBC_2.14`. */
  readonly isDefault: boolean;
}

export interface SymbolVersions {
  /** Of the `.dynsym` entry at an index; undefined where it has none. */
  of(index: number): SymbolVersion | undefined;
}

const SHT_GNU_VERDEF = 0x6ffffffd;
const SHT_GNU_VERSYM = 0x6fffffff;
const VERSYM_HIDDEN = 0x8000;
/** The file's own name, as a version. */
const VER_FLG_BASE = 1;
const DEFINITION_SIZE = 20;

/** Names by number. */
function readDefinitions(elf: ElfFile, section: ElfSection): ReadonlyMap<number, string> {
  const structure = ".gnu.version_d";
  const bytes = elf.sectionData(section);
  const strings = readStrings(elf, section, structure);
  const names = new Map<number, string>();
  let at = 0;
  // A chain that leads back would be followed forever.
  for (let left = Math.floor(bytes.length / DEFINITION_SIZE); left > 0; left--) {
    const definition = new Cursor(bytes, structure, at);
    definition.skip(2);
    const flags = definition.u16();
    const number = definition.u16();
    definition.skip(6);
    const first = definition.u32();
    const next = definition.u32();
    if ((flags & VER_FLG_BASE) === 0) {
      const name = new Cursor(bytes, structure, at + first).u32();
      names.set(number, new Cursor(strings, structure, name).cString());
    }
    if (next === 0) return names;
    at += next;
  }
  throw new FormatError(structure, at, "its definitions have no end");
}

/** Undefined when the file versions nothing. FormatError when the tables are damaged. */
export function readSymbolVersions(elf: ElfFile): SymbolVersions | undefined {
  const numbers = elf.sections.find((section) => section.type === SHT_GNU_VERSYM);
  const definitions = elf.sections.find((section) => section.type === SHT_GNU_VERDEF);
  if (numbers === undefined || definitions === undefined) return undefined;
  const bytes = elf.sectionData(numbers);
  const names = readDefinitions(elf, definitions);
  return {
    of(index) {
      if (2 * index + 2 > bytes.length) throw new FormatError(".gnu.version", 2 * index, "it ends before its symbols");
      const number = bytes.readUInt16LE(2 * index);
      const name = names.get(number & ~VERSYM_HIDDEN);
      return name === undefined ? undefined : { name, isDefault: (number & VERSYM_HIDDEN) === 0 };
    },
  };
}
