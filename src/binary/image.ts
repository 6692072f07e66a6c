/**
 * A program's memory as it is after loading at its own addresses: the file's bytes with relative relocations applied.
 *
 * Position-independent programs keep pointers in data. Go's own linker writes their values into the file too; other
 * linkers leave zeros and only say in `.rela.dyn` what belongs there. Follows the System V ABI: PT_DYNAMIC leads to the
 * table (section headers may be missing), R_X86_64_RELATIVE and R_AARCH64_RELATIVE are applied. DT_RELR needs no work:
 * its values are in the file.
 */
import { FormatError, type VirtualAddress, virtualAddress } from "../base/index.js";
import { dynamicEntries } from "./dynamic-section.js";
import type { ElfFile } from "./elf.js";

/** Reads exactly `length` bytes at an address, or throws a FormatError. What it returns must not be written to. */
export interface ImageReader {
  read(address: VirtualAddress, length: number): Buffer;
}

const DT_RELA = 7;
const DT_RELASZ = 8;
const RELA_SIZE = 24;
const RELATIVE_TYPES: Readonly<Record<string, number>> = { amd64: 8, arm64: 1027 };

/** The file's own bytes, unrelocated. */
export const plainImage = (elf: ElfFile): ImageReader => ({
  read: (address, length) => elf.readVirtual(address, length),
});

const wideNumber = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;

/** The dynamic linker's relocation table, or undefined when there is none. */
function findRelocationTable(elf: ElfFile): Buffer | undefined {
  let address: number | undefined;
  let size = 0;
  for (const { tag, value } of dynamicEntries(elf)) {
    if (tag === DT_RELA) address = value;
    if (tag === DT_RELASZ) size = value;
  }
  if (address === undefined || size === 0) return undefined;
  if (size % RELA_SIZE !== 0) throw new FormatError(".rela.dyn", 0, `size ${size} is not a multiple of ${RELA_SIZE}`);
  return elf.readVirtual(virtualAddress(address), size);
}

/** The image with its relative relocations applied. The table is read at construction; bytes on demand. */
export class RelocatedImage implements ImageReader {
  private readonly elf: ElfFile;
  /** Sorted; `values[i]` is what the loader writes at `places[i]`. */
  private readonly places: Float64Array;
  private readonly values: Float64Array;

  constructor(elf: ElfFile) {
    this.elf = elf;
    const table = findRelocationTable(elf) ?? Buffer.alloc(0);
    const relative = RELATIVE_TYPES[elf.machine];
    const count = table.length / RELA_SIZE;
    const places = new Float64Array(count);
    const values = new Float64Array(count);
    let used = 0;
    let sorted = true;
    for (let index = 0; index < count; index++) {
      const at = index * RELA_SIZE;
      if (table.readUInt32LE(at + 8) !== relative) continue;
      const place = wideNumber(table, at);
      if (used > 0 && place < (places[used - 1] ?? 0)) sorted = false;
      places[used] = place;
      values[used] = wideNumber(table, at + 16);
      used++;
    }
    if (sorted) {
      this.places = places.subarray(0, used);
      this.values = values.subarray(0, used);
      return;
    }
    const order = Array.from({ length: used }, (_, index) => index).sort((a, b) => (places[a] ?? 0) - (places[b] ?? 0));
    this.places = Float64Array.from(order, (index) => places[index] ?? 0);
    this.values = Float64Array.from(order, (index) => values[index] ?? 0);
  }

  read(address: VirtualAddress, length: number): Buffer {
    const bytes = this.elf.readVirtual(address, length);
    let index = this.firstAtOrAfter(address);
    const firstPlace = this.places[index];
    if (firstPlace === undefined || firstPlace + 8 > address + length) return bytes;
    const relocated = Buffer.from(bytes);
    for (; index < this.places.length; index++) {
      const offset = (this.places[index] ?? 0) - address;
      if (offset + 8 > length) break;
      const value = this.values[index] ?? 0;
      relocated.writeUInt32LE(value % 2 ** 32, offset);
      relocated.writeUInt32LE(Math.floor(value / 2 ** 32), offset + 4);
    }
    return relocated;
  }

  /** Every place the loader sets to `value`, in address order. */
  placesOf(value: number): VirtualAddress[] {
    const places: VirtualAddress[] = [];
    this.values.forEach((each, index) => {
      if (each === value) places.push(virtualAddress(this.places[index] ?? 0));
    });
    return places;
  }

  private firstAtOrAfter(address: number): number {
    let low = 0;
    let high = this.places.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.places[middle] ?? 0) < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
