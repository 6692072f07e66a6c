/** C functions of a file, as its symbol tables have them: `.symtab` and `.dynsym`, with the versions of shared libraries. */
import type { VirtualAddress } from "../base/index.js";
import {
  type ElfFile,
  type ElfSymbol,
  type ElfSymbolBinding,
  type ElfSymbolTable,
  openElfSymbolTable,
  readSymbolVersions,
} from "../binary/index.js";
import { nearestNames } from "./nearest.js";

export interface NativeFunction {
  /** Without its version. */
  readonly name: string;
  /** `GLIBC_2.14`; undefined where the file versions nothing. */
  readonly version: string | undefined;
  /** Whether it is what the plain name links to: `memcpy@@GLIBC_2.14`. True without versions. */
  readonly isDefault: boolean;
  readonly address: VirtualAddress;
  /** In bytes; 0 where the file does not say. */
  readonly size: number;
  /** `ifunc`: the address is that of the function that chooses the real one when the program is loaded. */
  readonly kind: "function" | "ifunc";
}

export interface NativeFunctions {
  /** In address order; each address, name and version once. A function that has several names is there under each. */
  all(): readonly NativeFunction[];
  /**
   * By `name`, `name@VERSION` or `name@@VERSION`, in address order; a plain name means the default version where there is
   * one. Functions that are local to their source file may share a name.
   */
  find(name: string): readonly NativeFunction[];
  /** The one that an address lies in, by the name that others call it; undefined where nothing says so. */
  findByAddress(address: VirtualAddress): NativeFunction | undefined;
  /** Names like this one, the likeliest first; of a known name with a version that there is not, those that there are. */
  nearest(name: string, most: number): readonly string[];
}

/** Reads nothing yet. Asking throws a FormatError where the tables are damaged. */
export function openNativeFunctions(elf: ElfFile): NativeFunctions {
  return new SymbolTableFunctions(elf);
}

/** As people and linkers write it: `memcpy@GLIBC_2.2.5`. */
export const versionedName = ({ name, version, isDefault }: NativeFunction): string =>
  version === undefined ? name : `${name}${isDefault ? "@@" : "@"}${version}`;

/** A name, and behind `@` its version; `@@` marks the default one. */
const VERSIONED = /^([^@]+)(@@?)([^@]+)$/;

interface Named {
  readonly name: string;
  readonly version: string | undefined;
  readonly isDefault: boolean;
}

function parseName(text: string): Named {
  const [, name, mark, version] = text.includes("@") ? (VERSIONED.exec(text) ?? []) : [];
  if (name === undefined) return { name: text, version: undefined, isDefault: true };
  return { name, version, isDefault: mark === "@@" };
}

/** A function with what decides which of its names it goes by. */
interface Entry {
  readonly fn: NativeFunction;
  readonly binding: ElfSymbolBinding;
}

class SymbolTableFunctions implements NativeFunctions {
  private readonly elf: ElfFile;
  private opened: Tables | undefined;
  private sorted: readonly Entry[] | undefined;
  private index: AddressIndex | undefined;

  constructor(elf: ElfFile) {
    this.elf = elf;
  }

  all(): readonly NativeFunction[] {
    return this.entries().map(({ fn }) => fn);
  }

  find(text: string): readonly NativeFunction[] {
    const wanted = parseName(text);
    const named = once(this.tables().entries(wanted.name)).map(({ fn }) => fn);
    if (wanted.version !== undefined) {
      return named.filter(({ version, isDefault }) => version === wanted.version && (isDefault || !wanted.isDefault));
    }
    const defaults = named.filter((fn) => fn.isDefault);
    return defaults.length > 0 ? defaults : named;
  }

  findByAddress(address: VirtualAddress): NativeFunction | undefined {
    this.index ??= new AddressIndex(this.tables().functions());
    return this.index.find(address);
  }

  nearest(text: string, most: number): readonly string[] {
    const { name, version } = parseName(text);
    const versions = version === undefined ? [] : once(this.tables().entries(name)).map(({ fn }) => versionedName(fn));
    if (versions.length > 0) return [...new Set(versions)].slice(0, most);
    const names = this.entries().map(({ fn }) => fn.name);
    return nearestNames(names, name, most);
  }

  private entries(): readonly Entry[] {
    this.sorted ??= once(this.tables().entries());
    return this.sorted;
  }

  private tables(): Tables {
    this.opened ??= new Tables(this.elf);
    return this.opened;
  }
}

/** A symbol table, and how the names in it are to be understood. */
interface NamedTable {
  readonly table: ElfSymbolTable;
  readonly nameOf: (index: number, text: string) => Named;
}

/** A function whose name nobody has looked at yet. */
interface FunctionSymbol {
  readonly symbol: ElfSymbol;
  readonly kind: NativeFunction["kind"];
  readonly index: number;
  readonly nameOf: NamedTable["nameOf"];
}

/** Both symbol tables of a file. */
class Tables {
  private readonly elf: ElfFile;
  private readonly tables: readonly NamedTable[];

  constructor(elf: ElfFile) {
    this.elf = elf;
    const symtab = openElfSymbolTable(elf, "symtab");
    const dynsym = openElfSymbolTable(elf, "dynsym");
    const versions = dynsym === undefined ? undefined : readSymbolVersions(elf);
    const versioned = (index: number, name: string): Named => {
      const version = versions?.of(index);
      return { name, version: version?.name, isDefault: version?.isDefault ?? true };
    };
    this.tables = [
      symtab === undefined ? [] : { table: symtab, nameOf: (_: number, text: string) => parseName(text) },
      dynsym === undefined ? [] : { table: dynsym, nameOf: versioned },
    ].flat();
  }

  /** Those of one name, or all. */
  entries(name?: string): readonly Entry[] {
    const entries = this.functions(name).flatMap((each) => entryOf(each) ?? []);
    return name === undefined ? entries : entries.filter(({ fn }) => fn.name === name);
  }

  /** What is a function and has code in the file, in no order; of a name those that may have it. */
  functions(name?: string): FunctionSymbol[] {
    const functions: FunctionSymbol[] = [];
    for (const { table, nameOf } of this.tables) {
      for (const index of name === undefined ? upTo(table.count) : table.indexesOf(name)) {
        const symbol = table.at(index);
        if (symbol === undefined || (symbol.kind !== "function" && symbol.kind !== "ifunc")) continue;
        if (this.elf.toFileOffset(symbol.address) === undefined) continue;
        functions.push({ symbol, kind: symbol.kind, index, nameOf });
      }
    }
    return functions;
  }
}

function* upTo(count: number): Generator<number> {
  for (let index = 0; index < count; index++) yield index;
}

/** Undefined without a name. */
function entryOf({ symbol, kind, index, nameOf }: FunctionSymbol): Entry | undefined {
  const { address, size, binding } = symbol;
  const { name, version, isDefault } = nameOf(index, symbol.name);
  return name === "" ? undefined : { fn: { name, version, isDefault, address, size, kind }, binding };
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * In order of address, name and version, each once. A name that one table has with its version and the other without is
 * the same.
 */
function once(entries: readonly Entry[]): readonly Entry[] {
  // A version sorts before none, so that what has none follows the name that it repeats.
  const versionLast = ({ version }: NativeFunction): string => version ?? "\uffff";
  const sorted = [...entries].sort(
    ({ fn: a }, { fn: b }) => a.address - b.address || order(a.name, b.name) || order(versionLast(a), versionLast(b)),
  );
  return sorted.filter(({ fn }, index) => {
    const before = sorted[index - 1]?.fn;
    if (before === undefined || before.address !== fn.address || before.name !== fn.name) return true;
    return fn.version !== undefined && fn.version !== before.version;
  });
}

/** Which of two names of one stretch of code tells more: what other files can call, what is meant for people. */
function betterKnown(a: Entry, b: Entry): number {
  const rank = ({ fn, binding }: Entry): number =>
    (binding === "local" ? 100 : 0) + (fn.isDefault ? 0 : 50) + Math.min(9, /^_*/.exec(fn.name)?.[0].length ?? 0);
  return rank(a) - rank(b) || a.fn.name.length - b.fn.name.length || order(a.fn.name, b.fn.name);
}

/**
 * Finds what an address lies in. Extents may nest and overlap: parts written in assembly, functions with many names. Only
 * the names of what is found are decoded.
 */
class AddressIndex {
  private readonly functions: readonly FunctionSymbol[];
  /** The highest end of a function and all before it. */
  private readonly reaches: Float64Array;

  /** Sorts them. */
  constructor(functions: FunctionSymbol[]) {
    this.functions = functions.sort((a, b) => a.symbol.address - b.symbol.address);
    this.reaches = new Float64Array(functions.length);
    let reach = 0;
    for (const [index, { symbol }] of functions.entries()) {
      reach = Math.max(reach, endOf(symbol));
      this.reaches[index] = reach;
    }
  }

  /** The innermost one; of several names the one best known. One without a size is where it begins, and no farther. */
  find(address: VirtualAddress): NativeFunction | undefined {
    const innermost: Entry[] = [];
    for (let at = this.lastFrom(address); (this.reaches[at] ?? 0) > address; at--) {
      const each = this.functions[at];
      if (each === undefined || endOf(each.symbol) <= address) continue;
      if (innermost.some(({ fn }) => fn.address > each.symbol.address)) break;
      const entry = entryOf(each);
      if (entry !== undefined) innermost.push(entry);
    }
    return once(innermost).toSorted(betterKnown)[0]?.fn;
  }

  /** Index of the last function that begins at `address` or before; -1 when none does. */
  private lastFrom(address: VirtualAddress): number {
    let low = 0;
    let high = this.functions.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.functions[middle]?.symbol.address ?? 0) <= address) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

const endOf = ({ address, size }: ElfSymbol): number => address + Math.max(1, size);
