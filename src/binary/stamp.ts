/**
 * Writes USDT notes into a program: the bytes of an ELF file → the bytes of one with the section `.note.stapsdt`, as
 * `sys/sdt.h` leaves it (type SHT_NOTE, never loaded, base address 0: a note's addresses are those of the file).
 *
 * Nothing that is there moves: the section, the names of all sections and their headers are put behind the end of the file,
 * and the ELF header is led there. What an earlier stamp put there is cut off first, so that stamping again changes nothing.
 * Follows the System V ABI.
 *
 * Beside it stands `.probes`, an empty section in the segment of the semaphores: bcc, and bpftrace with it, take the difference
 * between addresses and file offsets from there, and raise none without it. Their reader wants it before the notes, so a file
 * that has notes already gets none.
 */
import { FormatError, fileOffset, virtualAddress } from "../base/index.js";
import { type ElfFile, type ElfSection, SHT_NOTE } from "./elf.js";
import { type ElfNote, readNoteSection } from "./notes.js";
import type { GoProbe } from "./probe-variables.js";
import { USDT_NOTE_TYPE, USDT_OWNER, USDT_SECTION } from "./usdt.js";

const SEMAPHORES = ".probes";

const ELF_HEADER_SIZE = 64;
const HEADER_SIZE = 64;
/** Fields of the ELF header. */
const SECTION_HEADERS_AT = 0x28;
const SECTION_COUNT_AT = 0x3c;
const NAME_TABLE_AT = 0x3e;
const PROGRAM_HEADERS_AT = 0x20;
const PROGRAM_HEADER_SIZE = 56;
const PROGRAM_HEADER_COUNT_AT = 0x38;
/** Fields of a section header. */
const NAME = 0;
const TYPE = 4;
const FLAGS = 8;
const ADDRESS = 0x10;
const OFFSET = 0x18;
const SIZE = 0x20;
const ALIGNMENT = 0x30;

const SHT_PROGBITS = 1;
const SHT_NOBITS = 8;
const SHF_WRITE = 1;
const SHF_ALLOC = 2;
const NOTE_ALIGNMENT = 4;
const TABLE_ALIGNMENT = 8;

const padded = (size: number, alignment: number): number => Math.ceil(size / alignment) * alignment;

function encodeNote({ owner, type, description }: ElfNote): Buffer {
  const name = Buffer.from(`${owner}\0`, "latin1");
  const header = Buffer.alloc(12);
  header.writeUInt32LE(name.length, 0);
  header.writeUInt32LE(description.length, 4);
  header.writeUInt32LE(type, 8);
  const pad = (bytes: Buffer): Buffer => Buffer.alloc(padded(bytes.length, NOTE_ALIGNMENT) - bytes.length);
  return Buffer.concat([header, name, pad(name), description, pad(description)]);
}

function describe(probe: GoProbe): ElfNote {
  const addresses = Buffer.alloc(24);
  addresses.writeBigUInt64LE(BigInt(probe.address), 0);
  addresses.writeBigUInt64LE(BigInt(probe.semaphore), 16);
  const texts = [probe.provider, probe.name, probe.arguments].map((text) => `${text}\0`).join("");
  return {
    owner: USDT_OWNER,
    type: USDT_NOTE_TYPE,
    description: Buffer.concat([addresses, Buffer.from(texts, "latin1")]),
  };
}

/** The notes there are, but for those of the same instructions: what another stamp wrote of these probes. */
function otherNotes(elf: ElfFile, probes: readonly GoProbe[]): readonly ElfNote[] {
  const ours = new Set(probes.map(({ address }) => BigInt(address)));
  const isOurs = ({ owner, description }: ElfNote): boolean =>
    owner === USDT_OWNER && description.length >= 8 && ours.has(description.readBigUInt64LE(0));
  return readNoteSection(elf, USDT_SECTION).filter((note) => !isOurs(note));
}

interface Piece {
  readonly start: number;
  readonly end: number;
}

/**
 * Where the file ends without the pieces that are written anew. One is cut off only where it is the last thing in the file
 * and nothing else is in it.
 */
function endWithout(size: number, pieces: readonly Piece[], kept: readonly Piece[]): number {
  let end = size;
  for (;;) {
    const isLast = (piece: Piece): boolean =>
      piece.start < end && piece.end <= end && padded(piece.end, TABLE_ALIGNMENT) >= end;
    const last = pieces.find((piece) => isLast(piece) && kept.every((other) => other.end <= piece.start));
    if (last === undefined) return end;
    end = last.start;
  }
}

/** What has a place in the file and stays where it is: headers, segments, and sections but for these. */
function keptPieces(elf: ElfFile, header: Buffer, moved: ReadonlySet<number>): readonly Piece[] {
  const programHeaders = Number(header.readBigUInt64LE(PROGRAM_HEADERS_AT));
  const programHeadersSize = PROGRAM_HEADER_SIZE * header.readUInt16LE(PROGRAM_HEADER_COUNT_AT);
  return [
    { start: 0, end: ELF_HEADER_SIZE },
    { start: programHeaders, end: programHeaders + programHeadersSize },
    ...elf.segments.map(({ fileOffset, fileSize }) => ({ start: fileOffset, end: fileOffset + fileSize })),
    ...elf.sections
      .filter(({ index, type, size }) => !moved.has(index) && type !== SHT_NOBITS && size > 0)
      .map(({ fileOffset, size }) => ({ start: fileOffset, end: fileOffset + size })),
  ];
}

/** What the header of a section says that the file does not have yet; it has no bytes. */
type NewSection = Pick<ElfSection, "name" | "type" | "flags" | "virtualAddress" | "fileOffset" | "alignment">;

const newNotes: NewSection = {
  name: USDT_SECTION,
  type: SHT_NOTE,
  flags: 0,
  virtualAddress: virtualAddress(0),
  fileOffset: fileOffset(0),
  alignment: NOTE_ALIGNMENT,
};

/**
 * At the end of what the segment with the semaphores has in the file: from anywhere else strip would move it, and with it
 * where bcc looks for the semaphores.
 */
function newSemaphores(elf: ElfFile, [first]: readonly GoProbe[]): readonly NewSection[] {
  const segment = first === undefined ? undefined : elf.findLoad(first.semaphore);
  if (segment === undefined) return [];
  const end = segment.virtualAddress + segment.memorySize;
  const ends = elf.sections
    .filter(({ type, flags }) => type !== SHT_NOBITS && (flags & SHF_ALLOC) !== 0)
    .map((section) => section.virtualAddress + section.size)
    .filter((sectionEnd) => sectionEnd > segment.virtualAddress && sectionEnd <= end);
  const address = Math.max(segment.virtualAddress, ...ends);
  return [
    {
      name: SEMAPHORES,
      type: SHT_PROGBITS,
      flags: SHF_ALLOC | SHF_WRITE,
      virtualAddress: virtualAddress(address),
      fileOffset: fileOffset(address - segment.virtualAddress + segment.fileOffset),
      alignment: 1,
    },
  ];
}

function encodeHeader(section: NewSection, name: number): Buffer {
  const header = Buffer.alloc(HEADER_SIZE);
  header.writeUInt32LE(name, NAME);
  header.writeUInt32LE(section.type, TYPE);
  header.writeBigUInt64LE(BigInt(section.flags), FLAGS);
  header.writeBigUInt64LE(BigInt(section.virtualAddress), ADDRESS);
  header.writeBigUInt64LE(BigInt(section.fileOffset), OFFSET);
  header.writeBigUInt64LE(BigInt(section.alignment), ALIGNMENT);
  return header;
}

/**
 * The file with notes of these probes, beside those of other probes that it has. FormatError when the file has no table of
 * section names, or its notes are damaged or loaded.
 */
export function stampNotes(elf: ElfFile, probes: readonly GoProbe[]): Buffer {
  const file = elf.source.read(0, elf.source.size);
  const header = Buffer.from(file.subarray(0, ELF_HEADER_SIZE));
  const names = elf.sections[header.readUInt16LE(NAME_TABLE_AT)];
  if (names === undefined || names.index === 0)
    throw new FormatError("ELF header", NAME_TABLE_AT, "the file has no table of section names");
  const old = elf.findSection(USDT_SECTION);
  if (old !== undefined && (old.type !== SHT_NOTE || (old.flags & SHF_ALLOC) !== 0))
    throw new FormatError(USDT_SECTION, 0, "the section is not one of notes that are in the file only");

  const tableAt = Number(header.readBigUInt64LE(SECTION_HEADERS_AT));
  const tableEnd = tableAt + elf.sections.length * HEADER_SIZE;
  const moved = old === undefined ? [names] : [names, old];
  const kept = keptPieces(elf, header, new Set(moved.map(({ index }) => index)));
  const placeOf = ({ fileOffset: start, size }: ElfSection): Piece => ({ start, end: start + size });
  const end = endWithout(file.length, [{ start: tableAt, end: tableEnd }, ...moved.map(placeOf)], kept);

  const notes = Buffer.concat([...otherNotes(elf, probes), ...probes.map(describe)].map(encodeNote));
  let nameTable = elf.sectionData(names);
  let table = Buffer.from(file.subarray(tableAt, tableEnd));
  const hasSemaphores = elf.findSection(SEMAPHORES) !== undefined;
  const added = old === undefined ? [...(hasSemaphores ? [] : newSemaphores(elf, probes)), newNotes] : [];
  for (const section of added) {
    table = Buffer.concat([table, encodeHeader(section, nameTable.length)]);
    nameTable = Buffer.concat([nameTable, Buffer.from(`${section.name}\0`)]);
  }

  const notesAt = padded(end, TABLE_ALIGNMENT);
  const namesAt = notesAt + notes.length;
  const newTableAt = padded(namesAt + nameTable.length, TABLE_ALIGNMENT);
  const put = (index: number, offset: number, size: number): void => {
    table.writeBigUInt64LE(BigInt(offset), index * HEADER_SIZE + OFFSET);
    table.writeBigUInt64LE(BigInt(size), index * HEADER_SIZE + SIZE);
  };
  put(old?.index ?? table.length / HEADER_SIZE - 1, notesAt, notes.length);
  put(names.index, namesAt, nameTable.length);
  header.writeUInt16LE(table.length / HEADER_SIZE, SECTION_COUNT_AT);
  header.writeBigUInt64LE(BigInt(newTableAt), SECTION_HEADERS_AT);
  return Buffer.concat([
    header,
    file.subarray(ELF_HEADER_SIZE, end),
    Buffer.alloc(notesAt - end),
    notes,
    nameTable,
    Buffer.alloc(newTableAt - namesAt - nameTable.length),
    table,
  ]);
}
