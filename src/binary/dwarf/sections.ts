import type { ElfFile } from "../elf.js";

/** What of an ELF file DWARF reading needs. */
export type SectionReader = Pick<ElfFile, "findSection" | "sectionData">;

const EMPTY = Buffer.alloc(0);

/**
 * The debug sections of one file, each read (and decompressed) when first wanted. A section that the file lacks is
 * empty, so that a reference into it fails as an out-of-range read with the section's name.
 */
export class DebugSections {
  private readonly elf: SectionReader;
  private readonly loaded = new Map<string, Buffer>();

  constructor(elf: SectionReader) {
    this.elf = elf;
  }

  private load(name: string): Buffer {
    const known = this.loaded.get(name);
    if (known !== undefined) return known;
    const section = this.elf.findSection(`.debug_${name}`) ?? this.elf.findSection(`.zdebug_${name}`);
    const data = section === undefined ? EMPTY : this.elf.sectionData(section);
    this.loaded.set(name, data);
    return data;
  }

  get abbreviations(): Buffer {
    return this.load("abbrev");
  }
  get info(): Buffer {
    return this.load("info");
  }
  get strings(): Buffer {
    return this.load("str");
  }
  get lineStrings(): Buffer {
    return this.load("line_str");
  }
  get stringOffsets(): Buffer {
    return this.load("str_offsets");
  }
  get addresses(): Buffer {
    return this.load("addr");
  }
  get lines(): Buffer {
    return this.load("line");
  }
  /** DWARF 4 range lists. */
  get ranges(): Buffer {
    return this.load("ranges");
  }
  /** DWARF 5 range lists. */
  get rangeLists(): Buffer {
    return this.load("rnglists");
  }
  /** DWARF 4 location lists. */
  get locations(): Buffer {
    return this.load("loc");
  }
  /** DWARF 5 location lists. */
  get locationLists(): Buffer {
    return this.load("loclists");
  }
}
