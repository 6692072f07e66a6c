/**
 * ELF symbol tables (System V ABI): what has an address in this file. The whole table is read at once; names are decoded
 * when asked for, because most never are.
 */
import { FormatError, type VirtualAddress, virtualAddress } from "../base/index.js";
import { type ElfFile, type ElfSection, SHT_SYMTAB } from "./elf.js";

/** `ifunc` addresses a resolver, not the function; `tls` values are offsets in thread-local storage, not addresses. */
export type ElfSymbolKind = "function" | "object" | "ifunc" | "tls";
export type ElfSymbolBinding = "local" | "global" | "weak" | "other";

export interface ElfSymbol {
  readonly name: string;
  readonly address: VirtualAddress;
  /** In bytes; 0 where the file does not say. */
  readonly size: number;
  readonly kind: ElfSymbolKind;
  readonly binding: ElfSymbolBinding;
}

const ENTRY_SIZE = 24;
const SHN_UNDEF = 0;
const SHT_STRTAB = 3;
const SHT_DYNSYM = 11;
/** What linkers put between a name and its version in `.symtab`. */
const VERSION_MARK = 0x40;

const KINDS: readonly (ElfSymbolKind | undefined)[] = [
  undefined,
  "object",
  "function",
  undefined,
  undefined,
  undefined,
  "tls",
  undefined,
  undefined,
  undefined,
  "ifunc",
];
const BINDINGS: readonly ElfSymbolBinding[] = ["local", "global", "weak"];

/** Decodes its name from the string table on first use. */
class LazySymbol implements ElfSymbol {
  readonly address: VirtualAddress;
  readonly size: number;
  readonly kind: ElfSymbolKind;
  readonly binding: ElfSymbolBinding;
  private readonly strings: Buffer;
  private readonly position: number;

  constructor(
    strings: Buffer,
    position: number,
    address: VirtualAddress,
    size: number,
    kind: ElfSymbolKind,
    binding: ElfSymbolBinding,
  ) {
    this.strings = strings;
    this.position = position;
    this.address = address;
    this.size = size;
    this.kind = kind;
    this.binding = binding;
  }

  get name(): string {
    const end = this.strings.indexOf(0, this.position);
    return this.strings.toString("utf8", this.position, end);
  }
}

/** The string table that a section's names lie in, which ends with a NUL. FormatError when there is none. */
export function readStrings(elf: ElfFile, table: ElfSection, structure: string): Buffer {
  const section = elf.sections[table.link];
  if (section === undefined || section.type !== SHT_STRTAB)
    throw new FormatError(structure, 0, `its string table is said to be section ${table.link}, which is none`);
  const strings = elf.sectionData(section);
  if (strings.length > 0 && strings[strings.length - 1] !== 0)
    throw new FormatError(structure, strings.length - 1, "its string table has no terminating NUL");
  return strings;
}

/** A symbol table as it lies in the file: of its entries those are decoded that somebody asks for. */
export class ElfSymbolTable {
  /** Of entries, whatever they are. */
  readonly count: number;
  private readonly structure: string;
  private readonly bytes: Buffer;
  private readonly strings: Buffer;

  constructor(structure: string, bytes: Buffer, strings: Buffer) {
    this.structure = structure;
    this.bytes = bytes;
    this.strings = strings;
    this.count = Math.floor(bytes.length / ENTRY_SIZE);
  }

  /** Undefined for an entry that is no defined function, object or thread-local variable. FormatError: damaged. */
  at(index: number): ElfSymbol | undefined {
    const { bytes, structure } = this;
    const at = index * ENTRY_SIZE;
    const info = bytes.readUInt8(at + 4);
    const kind = KINDS[info & 15];
    if (kind === undefined || bytes.readUInt16LE(at + 6) === SHN_UNDEF) return undefined;
    const position = bytes.readUInt32LE(at);
    if (position >= this.strings.length) throw new FormatError(structure, at, "symbol name outside the string table");
    const address = bytes.readUInt32LE(at + 8) + bytes.readUInt32LE(at + 12) * 2 ** 32;
    const size = bytes.readUInt32LE(at + 16) + bytes.readUInt32LE(at + 20) * 2 ** 32;
    if (!Number.isSafeInteger(address + size))
      throw new FormatError(structure, at + 8, "symbol address or size is out of range");
    const binding = BINDINGS[info >> 4] ?? "other";
    return new LazySymbol(this.strings, position, virtualAddress(address), size, kind, binding);
  }

  /** Of all entries that are called `name`, or that with a version behind it: `name@VERSION`. In table order. */
  indexesOf(name: string): readonly number[] {
    const positions = this.positionsOf(Buffer.from(name));
    const indexes: number[] = [];
    if (positions.size === 0) return indexes;
    for (let index = 0; index < this.count; index++)
      if (positions.has(this.bytes.readUInt32LE(index * ENTRY_SIZE))) indexes.push(index);
    return indexes;
  }

  /** Where the string table has the name. A name that ends another one has no place of its own, so none needs to begin there. */
  private positionsOf(name: Buffer): ReadonlySet<number> {
    const { strings } = this;
    const positions = new Set<number>();
    if (name.length === 0 || name.includes(0)) return positions;
    for (let at = strings.indexOf(name); at >= 0; at = strings.indexOf(name, at + 1)) {
      const behind = strings[at + name.length];
      if (behind === 0 || behind === VERSION_MARK) positions.add(at);
    }
    return positions;
  }
}

/** Undefined when the file has no such table. FormatError when it is damaged. */
export function openElfSymbolTable(elf: ElfFile, which: "symtab" | "dynsym"): ElfSymbolTable | undefined {
  const type = which === "symtab" ? SHT_SYMTAB : SHT_DYNSYM;
  const table = elf.sections.find((section) => section.type === type);
  if (table === undefined) return undefined;
  const structure = `.${which}`;
  if (table.entrySize !== ENTRY_SIZE || table.size % ENTRY_SIZE !== 0)
    throw new FormatError(
      structure,
      0,
      `${table.size} bytes of ${table.entrySize} bytes a symbol, expected ${ENTRY_SIZE}`,
    );
  return new ElfSymbolTable(structure, elf.sectionData(table), readStrings(elf, table, structure));
}

/**
 * The defined functions, objects and thread-local variables of `.symtab` (by default) or of the dynamic symbols, in
 * table order. Empty when the file has no such table. FormatError when it is damaged.
 */
export function readElfSymbols(elf: ElfFile, which: "symtab" | "dynsym" = "symtab"): readonly ElfSymbol[] {
  const table = openElfSymbolTable(elf, which);
  const symbols: ElfSymbol[] = [];
  for (let index = 0; index < (table?.count ?? 0); index++) {
    const symbol = table?.at(index);
    if (symbol !== undefined) symbols.push(symbol);
  }
  return symbols;
}
