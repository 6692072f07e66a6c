/**
 * ELF notes (System V ABI, chapter 5): small records with an owner and a type. Finds the two build ids; other readers
 * take their own notes from here.
 */
import { Cursor, FormatError } from "../base/index.js";
import { type ElfFile, SHT_NOTE } from "./elf.js";

export interface ElfNote {
  readonly owner: string;
  readonly type: number;
  readonly description: Buffer;
}

const NT_GNU_BUILD_ID = 3;
const NT_GO_BUILD_ID = 4;

/** LIMIT: notes read for one question, in all sections and segments together; some kilobytes in real files. */
export const MAX_NOTE_BYTES = 2 ** 22;

/**
 * The note at the cursor, which then stands behind it. `alignment` pads both of a note's parts, 8 in few segments, else 4;
 * the end of the bytes is padding enough.
 */
export function parseNote(cursor: Cursor, alignment: number): ElfNote {
  const unit = alignment === 8 ? 8 : 4;
  const pad = (): void => cursor.seek(Math.min(Math.ceil(cursor.position / unit) * unit, cursor.length));
  const ownerSize = cursor.u32();
  const descriptionSize = cursor.u32();
  const type = cursor.u32();
  const owner = cursor.slice(ownerSize).toString("latin1").replace(/\0+$/, "");
  pad();
  const description = cursor.slice(descriptionSize);
  pad();
  return { owner, type, description };
}

/** All notes; too few bytes for another one at the end are none. */
export function parseNotes(bytes: Buffer, structure: string, alignment: number): readonly ElfNote[] {
  const cursor = new Cursor(bytes, structure);
  const notes: ElfNote[] = [];
  while (cursor.position + 12 <= cursor.length) notes.push(parseNote(cursor, alignment));
  return notes;
}

interface NotePlace {
  readonly name: string;
  readonly fileOffset: number;
  readonly size: number;
  readonly alignment: number;
}

function* readPlaces(elf: ElfFile, places: Iterable<NotePlace>): Iterable<ElfNote> {
  let total = 0;
  for (const place of places) {
    total += place.size;
    if (total > MAX_NOTE_BYTES)
      throw new FormatError(place.name, 0, `${total} bytes of notes are more than gospect reads`);
    yield* parseNotes(elf.source.read(place.fileOffset, place.size), place.name, place.alignment);
  }
}

/** Notes of the section of that name; empty when there is none. */
export function readNoteSection(elf: ElfFile, name: string): readonly ElfNote[] {
  const section = elf.findSection(name);
  return section === undefined || section.type !== SHT_NOTE ? [] : [...readPlaces(elf, [section])];
}

/** Where notes are: loaded segments, then sections. What both hold comes twice. */
const notePlaces = (elf: ElfFile): readonly NotePlace[] => [
  ...elf.segments
    .filter((segment) => segment.type === "note")
    .map(({ fileOffset, fileSize, alignment }) => ({ name: "note segment", fileOffset, size: fileSize, alignment })),
  ...elf.sections.filter((section) => section.type === SHT_NOTE),
];

function findNote(elf: ElfFile, owner: string, type: number): Buffer | undefined {
  for (const note of readPlaces(elf, notePlaces(elf)))
    if (note.owner === owner && note.type === type) return note.description;
  return undefined;
}

/** The GNU build id in hexadecimal, as `readelf -n` prints it; undefined when the file has none. */
export function findGnuBuildId(elf: ElfFile): string | undefined {
  return findNote(elf, "GNU", NT_GNU_BUILD_ID)?.toString("hex");
}

/** The Go build id, as `go tool buildid` prints it; undefined when the file has none. */
export function findGoBuildId(elf: ElfFile): string | undefined {
  const id = findNote(elf, "Go", NT_GO_BUILD_ID)?.toString("utf8");
  return id === "" ? undefined : id;
}
