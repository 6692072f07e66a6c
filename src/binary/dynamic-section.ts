/** What an ELF file tells the dynamic linker (System V ABI, "Dynamic Section"), found by its segment: section headers may be missing. */
import type { ElfFile } from "./elf.js";

export interface DynamicEntry {
  /** DT_*. */
  readonly tag: number;
  /** A number or an address, which the tag decides. Inexact above 2^53. */
  readonly value: number;
}

const ENTRY_SIZE = 16;
const DT_NULL = 0;

const wideNumber = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;

/** In the order of the file; none where the file is linked to nothing. FormatError when it is damaged. */
export function dynamicEntries(elf: ElfFile): readonly DynamicEntry[] {
  const dynamic = elf.segments.find((segment) => segment.type === "dynamic");
  if (dynamic === undefined) return [];
  const bytes = elf.readVirtual(dynamic.virtualAddress, dynamic.fileSize);
  const entries: DynamicEntry[] = [];
  for (let at = 0; at + ENTRY_SIZE <= bytes.length; at += ENTRY_SIZE) {
    const tag = wideNumber(bytes, at);
    if (tag === DT_NULL) break;
    entries.push({ tag, value: wideNumber(bytes, at + 8) });
  }
  return entries;
}
