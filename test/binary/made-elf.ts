/** ELF files written by hand: only what a test states is in them. */
import { type ElfFile, memorySource, openElf } from "../../src/binary/index.js";

export interface MadeSegment {
  readonly address: number;
  /** PF_X 1, PF_W 2, PF_R 4. */
  readonly flags: number;
  readonly bytes: Buffer;
  /** More than the bytes: the rest is zeros. */
  readonly memorySize?: number;
}

export interface MadeSection {
  readonly name: string;
  readonly type: number;
  readonly address?: number;
  readonly bytes: Buffer;
  /** Name of the section it refers to. */
  readonly link?: string;
  readonly entrySize?: number;
}

export interface MadeElf {
  readonly machine?: "amd64" | "arm64";
  readonly type?: "executable" | "shared";
  readonly segments: readonly MadeSegment[];
  readonly sections: readonly MadeSection[];
}

export interface MadeSymbol {
  readonly name: string;
  readonly address: number;
  /** STT_OBJECT 1, STT_FUNC 2, STT_TLS 6. */
  readonly kind: number;
}

/** `.symtab` and its strings. */
export function symbolSections(symbols: readonly MadeSymbol[]): readonly MadeSection[] {
  const strings = ["", ...symbols.map(({ name }) => name)];
  const table = Buffer.alloc(24 * strings.length);
  let position = 1;
  symbols.forEach(({ name, address, kind }, index) => {
    const at = 24 * (index + 1);
    table.writeUInt32LE(position, at);
    table.writeUInt8(0x10 | kind, at + 4);
    table.writeUInt16LE(1, at + 6);
    table.writeBigUInt64LE(BigInt(address), at + 8);
    position += Buffer.byteLength(name) + 1;
  });
  return [
    { name: ".symtab", type: 2, bytes: table, link: ".strtab", entrySize: 24 },
    { name: ".strtab", type: 3, bytes: Buffer.from(`${strings.join("\0")}\0`) },
  ];
}

const HEADER_SIZE = 64;
const SEGMENT_SIZE = 56;
const SECTION_SIZE = 64;

/** The file's bytes: headers, segments, sections, section names, section headers. */
export function elfBytes({ machine = "amd64", type = "executable", segments, sections }: MadeElf): Buffer {
  const named = [...sections, { name: ".shstrtab", type: 3, bytes: Buffer.alloc(0) }];
  const names = Buffer.from(`\0${named.map(({ name }) => `${name}\0`).join("")}`);
  const parts: Buffer[] = [];
  let end = HEADER_SIZE + SEGMENT_SIZE * segments.length;
  const place = (bytes: Buffer): number => {
    const padding = Buffer.alloc((8 - (end % 8)) % 8);
    parts.push(padding, bytes);
    end += padding.length + bytes.length;
    return end - bytes.length;
  };
  const programHeaders = segments.map(({ address, flags, bytes, memorySize = bytes.length }) => {
    const header = Buffer.alloc(SEGMENT_SIZE);
    header.writeUInt32LE(1, 0);
    header.writeUInt32LE(flags, 4);
    [place(bytes), address, address, bytes.length, memorySize, 0x1000].forEach((value, index) => {
      header.writeBigUInt64LE(BigInt(value), 8 + 8 * index);
    });
    return header;
  });
  let nameAt = 1;
  const sectionHeaders = named.map((section: MadeSection) => {
    const { name, type: sectionType, address = 0, link, entrySize = 0 } = section;
    const bytes = name === ".shstrtab" ? names : section.bytes;
    const header = Buffer.alloc(SECTION_SIZE);
    header.writeUInt32LE(nameAt, 0);
    header.writeUInt32LE(sectionType, 4);
    header.writeBigUInt64LE(BigInt(address), 0x10);
    header.writeBigUInt64LE(BigInt(place(bytes)), 0x18);
    header.writeBigUInt64LE(BigInt(bytes.length), 0x20);
    header.writeUInt32LE(link === undefined ? 0 : 1 + named.findIndex((one) => one.name === link), 0x28);
    header.writeBigUInt64LE(4n, 0x30);
    header.writeBigUInt64LE(BigInt(entrySize), 0x38);
    nameAt += Buffer.byteLength(name) + 1;
    return header;
  });
  const table = place(Buffer.concat([Buffer.alloc(SECTION_SIZE), ...sectionHeaders]));
  const header = Buffer.alloc(HEADER_SIZE);
  header.write("\x7fELF\x02\x01\x01", 0, "latin1");
  header.writeUInt16LE(type === "executable" ? 2 : 3, 0x10);
  header.writeUInt16LE(machine === "amd64" ? 62 : 183, 0x12);
  header.writeUInt32LE(1, 0x14);
  header.writeBigUInt64LE(BigInt(HEADER_SIZE), 0x20);
  header.writeBigUInt64LE(BigInt(table), 0x28);
  [HEADER_SIZE, SEGMENT_SIZE, segments.length, SECTION_SIZE, named.length + 1, named.length].forEach((value, index) => {
    header.writeUInt16LE(value, 0x34 + 2 * index);
  });
  return Buffer.concat([header, ...programHeaders, ...parts]);
}

export const openMadeElf = (made: MadeElf): Promise<ElfFile> => openElf(memorySource("made", elfBytes(made)));
