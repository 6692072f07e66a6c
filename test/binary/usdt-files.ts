/** Files with USDT notes, written by hand. */
import { type ElfFile, readUsdtNotes, type UsdtNotes } from "../../src/binary/index.js";
import { type MadeElf, type MadeSymbol, openMadeElf, symbolSections } from "./made-elf.js";

export interface MadeNote {
  readonly address?: number;
  readonly base?: number;
  readonly semaphore?: number;
  readonly strings?: readonly string[];
  readonly owner?: string;
  readonly type?: number;
}

const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);

/** A note as `sys/sdt.h` writes it. */
export function noteBytes({
  address = CODE,
  base = 0,
  semaphore = 0,
  strings = ["made", "probe", ""],
  owner = "stapsdt",
  type = 3,
}: MadeNote): Buffer {
  const addresses = Buffer.alloc(24);
  [address, base, semaphore].forEach((value, index) => {
    addresses.writeBigUInt64LE(BigInt(value), 8 * index);
  });
  return rawNote(Buffer.concat([addresses, Buffer.from(strings.map((text) => `${text}\0`).join(""))]), owner, type);
}

export function rawNote(description: Buffer, owner = "stapsdt", type = 3): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt32LE(owner.length + 1, 0);
  header.writeUInt32LE(description.length, 4);
  header.writeUInt32LE(type, 8);
  return Buffer.concat([header, padded(Buffer.from(`${owner}\0`)), padded(description)]);
}

/** Where the code of these files is: 64 bytes. */
export const CODE = 0x401000;
/** Where their data is: 32 bytes in the file, as many zeros behind them. */
export const DATA = 0x402000;

export interface NotesFile extends Pick<MadeElf, "machine" | "type"> {
  /** The bytes of each `.note.stapsdt`. */
  readonly sections: readonly Buffer[];
  /** Where `.stapsdt.base` is. */
  readonly base?: number;
  readonly symbols?: readonly MadeSymbol[];
}

export const openNotesFile = ({ sections, base, symbols, ...kind }: NotesFile): Promise<ElfFile> =>
  openMadeElf({
    ...kind,
    segments: [
      { address: CODE, flags: 5, bytes: Buffer.alloc(64, 0x90) },
      { address: DATA, flags: 6, bytes: Buffer.alloc(32), memorySize: 64 },
    ],
    sections: [
      ...sections.map((bytes) => ({ name: ".note.stapsdt", type: 7, bytes })),
      ...(base === undefined ? [] : [{ name: ".stapsdt.base", type: 1, address: base, bytes: Buffer.alloc(1) }]),
      ...(symbols === undefined ? [] : symbolSections(symbols)),
    ],
  });

export const readNotesFile = async (file: NotesFile): Promise<UsdtNotes> => readUsdtNotes(await openNotesFile(file));
