/**
 * USDT probes: what `sys/sdt.h` and its like leave in `.note.stapsdt`: where a probe is, which count says that somebody
 * wants it, and where its arguments are.
 */
import {
  Cursor,
  type FileOffset,
  FormatError,
  fileOffset,
  hex,
  type VirtualAddress,
  virtualAddress,
} from "../base/index.js";
import { type ElfFile, type ElfSection, SHT_NOTE } from "./elf.js";
import { type ElfNote, MAX_NOTE_BYTES, parseNote } from "./notes.js";
import { parseUsdtArguments, type UsdtArgument } from "./usdt-arguments.js";
import { NamedPlaces } from "./usdt-sum.js";

/** A 16-bit count in the image; its probe runs only while it is above 0. */
export interface UsdtSemaphore {
  readonly address: VirtualAddress;
  readonly offset: FileOffset;
}

/**
 * A place in the code. A probe has as many as its source was inlined or repeated. Where a linker folded equal functions
 * into one, several notes tell of one place, which comes once.
 */
export interface UsdtNote {
  readonly provider: string;
  readonly name: string;
  /** Of the instruction, in the file as it is now: moved along with `.stapsdt.base`. */
  readonly address: VirtualAddress;
  /** Undefined: the probe needs none. */
  readonly semaphore: UsdtSemaphore | undefined;
  readonly arguments: readonly UsdtArgument[];
}

/** A note that cannot be used. */
export interface RefusedNote {
  /** Its number among the file's notes. */
  readonly index: number;
  /** As far as they could be read. */
  readonly provider: string | undefined;
  readonly name: string | undefined;
  readonly reason: string;
}

export interface UsdtNotes {
  /** In the order of the file. */
  readonly notes: readonly UsdtNote[];
  readonly refused: readonly RefusedNote[];
}

/** What tells notes of probes from others: where they are, whose they are, which they are. */
export const USDT_SECTION = ".note.stapsdt";
export const USDT_OWNER = "stapsdt";
export const USDT_NOTE_TYPE = 3;
/** `sys/sdt.h` aligns both parts of its notes like this, whatever the section they end up in. */
const NOTE_ALIGNMENT = 4;
/** Addresses of the instruction, of `.stapsdt.base` when the file was linked, of the semaphore. */
const ADDRESSES_SIZE = 24;
/** LIMIT: argument text of one note, and its parts between blanks; `sys/sdt.h` writes twelve arguments at most. */
const MAX_ARGUMENT_TEXT = 4096;
const MAX_ARGUMENT_PARTS = 64;

/** Names that could not be typed, or would not print as what they are: damage. */
const isName = (text: string): boolean => text !== "" && !/[\p{C}\p{Z}\ufffd]/u.test(text);
const isArgumentText = (text: string): boolean =>
  text.length <= MAX_ARGUMENT_TEXT && text.split(" ").length <= MAX_ARGUMENT_PARTS && !/[\p{Cc}\ufffd]/u.test(text);

/** What is wrong with a description as such: addresses, then three strings, each with its NUL, then at most padding. */
function findDamage(description: Buffer, strings: readonly string[]): string | undefined {
  if (description.length < ADDRESSES_SIZE) return `${description.length} bytes are too few for its addresses`;
  const [provider = "", name = "", argumentText = "", ...rest] = strings;
  if (rest.length === 0) return "its names and arguments have no end";
  if (!isName(provider) || !isName(name)) return "its name is damaged";
  if (!isArgumentText(argumentText)) return "its arguments are damaged";
  return rest.every((text) => text === "") ? undefined : "more follows its arguments";
}

/** Reads a file's notes one by one, keeping those that are right and the reasons against the others. */
class NoteReader {
  readonly notes: UsdtNote[] = [];
  readonly refused: RefusedNote[] = [];
  private readonly elf: ElfFile;
  private readonly places: NamedPlaces;
  private bytesLeft = MAX_NOTE_BYTES;
  private count = 0;
  /** Descriptions of the notes that were taken, by probe and address. */
  private readonly taken = new Map<string, Buffer>();

  constructor(elf: ElfFile) {
    this.elf = elf;
    this.places = new NamedPlaces(elf);
  }

  readSection(section: ElfSection): void {
    const bytes = this.sectionBytes(section);
    if (bytes === undefined) return;
    const cursor = new Cursor(bytes, USDT_SECTION);
    while (!cursor.atEnd) {
      const start = cursor.position;
      let note: ElfNote;
      try {
        note = parseNote(cursor, NOTE_ALIGNMENT);
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        this.refuse(`the ${bytes.length - start} bytes from here on can't be read: ${error.message}`);
        return;
      }
      this.readNote(note);
    }
  }

  private sectionBytes(section: ElfSection): Buffer | undefined {
    try {
      const bytes = section.size > this.bytesLeft ? undefined : this.elf.sectionData(section);
      if (bytes === undefined || bytes.length > this.bytesLeft) {
        this.refuse(`${section.size} bytes of notes are more than gospect reads`);
        return undefined;
      }
      this.bytesLeft -= bytes.length;
      return bytes;
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.refuse(error.message);
      return undefined;
    }
  }

  private refuse(reason: string, provider?: string, name?: string): void {
    this.refused.push({ index: this.count++, provider, name, reason });
  }

  private readNote({ owner, type, description }: ElfNote): void {
    if (owner !== USDT_OWNER || type !== USDT_NOTE_TYPE) {
      this.refuse(`not a USDT probe but type ${type} of ${JSON.stringify(owner)}`);
      return;
    }
    const strings = description.toString("utf8", ADDRESSES_SIZE).split("\0");
    const [provider, name] = strings.map((text) => (isName(text) ? text : undefined));
    const note = findDamage(description, strings) ?? this.resolve(description, strings);
    if (typeof note === "string") {
      this.refuse(note, provider, name);
      return;
    }
    const place = `${note.provider} ${note.name} ${note.address}`;
    const first = this.taken.get(place);
    if (first !== undefined && !first.equals(description)) {
      this.refuse("another note says something else of the same place", provider, name);
      return;
    }
    this.count++;
    if (first !== undefined) return;
    this.taken.set(place, description);
    this.notes.push(note);
  }

  /** A string: why the probe can't be used. */
  private resolve(
    description: Buffer,
    [provider = "", name = "", argumentText = ""]: readonly string[],
  ): UsdtNote | string {
    const moved = this.moved(description, 0);
    const address = virtualAddress(Number(moved));
    if (this.elf.toFileOffset(address) === undefined) return `its address ${hex(moved)} is not in the file's code`;
    const semaphore = this.semaphore(description);
    if (typeof semaphore === "string") return semaphore;
    const { machine } = this.elf;
    return { provider, name, address, semaphore, arguments: parseUsdtArguments(argumentText, machine, this.places) };
  }

  /** An address of the note as it is since the file was last moved: prelink moves sections, but leaves notes alone. */
  private moved(description: Buffer, offset: number): bigint {
    const base = description.readBigUInt64LE(8);
    const now = this.elf.findSection(".stapsdt.base");
    const moved = now === undefined || base === 0n ? 0n : BigInt(now.virtualAddress) - base;
    return description.readBigUInt64LE(offset) + moved;
  }

  /** Undefined: the probe needs none; a string: why its count can't be raised. */
  private semaphore(description: Buffer): UsdtSemaphore | undefined | string {
    if (description.readBigUInt64LE(16) === 0n) return undefined;
    const moved = this.moved(description, 16);
    const address = virtualAddress(Number(moved));
    const segment = this.elf.findLoad(address);
    // The kernel counts in the pages of a file, at a position that it demands to be even.
    const within = segment === undefined ? 0 : address - segment.virtualAddress;
    if (segment === undefined || !segment.writable || within + 2 > segment.fileSize)
      return `its semaphore ${hex(moved)} is not in the file's data`;
    const offset = segment.fileOffset + within;
    return offset % 2 === 0
      ? { address, offset: fileOffset(offset) }
      : `its semaphore ${hex(moved)} is at an odd place`;
  }
}

/** All USDT probes of a file; none where it has no such section. A damaged note is refused by itself. */
export function readUsdtNotes(elf: ElfFile): UsdtNotes {
  const reader = new NoteReader(elf);
  for (const section of elf.sections)
    if (section.name === USDT_SECTION && section.type === SHT_NOTE) reader.readSection(section);
  return { notes: reader.notes, refused: reader.refused };
}
