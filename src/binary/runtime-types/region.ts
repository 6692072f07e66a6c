/**
 * The part of a program's memory that holds its run-time types: descriptors, method tables and names, from
 * moduledata's `types` to `etypes`. What it refers to lies inside, so one bounded read serves everything.
 */
import { FormatError, hex, type VirtualAddress } from "../../base/index.js";
import type { ImageReader } from "../image.js";
import type { AddressRange } from "../moduledata.js";
import { POINTER_SIZE } from "./layout.js";

const STRUCTURE = "runtime types";

/** LIMIT: the largest programs known have some 20 MB of it. */
const MAX_REGION_SIZE = 2 ** 28;

/** LIMIT: names of types, fields and methods. Generic instances have the longest, some kilobytes. */
const MAX_NAME_LENGTH = 2 ** 16;

/** A name as the linker stores it: flags, length as a varint, bytes. */
export interface StoredName {
  readonly text: string;
  readonly embedded: boolean;
  /** Of a field; empty without one. */
  readonly tag: string;
  /** Address of the name of the package that keeps it to itself; undefined where the name does not say. */
  readonly package: number | undefined;
}

/** Bits of a name's flags. */
const NAME_TAGGED = 1 << 1;
const NAME_HAS_PACKAGE = 1 << 2;
const NAME_EMBEDDED = 1 << 3;

/** Bounded little-endian reads by address; outside the region each throws a FormatError. */
export class TypeRegion {
  readonly start: VirtualAddress;
  private readonly bytes: Buffer;
  /** Of the same bytes; its reads are compiled to single loads. */
  private readonly view: DataView;

  constructor(image: ImageReader, range: AddressRange) {
    if (!Number.isSafeInteger(range.address + range.size) || range.size > MAX_REGION_SIZE)
      throw new FormatError(STRUCTURE, range.address, `${range.size} bytes are more than any program has`);
    this.start = range.address;
    this.bytes = image.read(range.address, range.size);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
  }

  get size(): number {
    return this.bytes.length;
  }

  fail(address: number, detail: string): never {
    throw new FormatError(STRUCTURE, address, detail);
  }

  contains(address: number): boolean {
    return address >= this.start && address < this.start + this.bytes.length;
  }

  /** Position of `length` bytes at an address. */
  private position(address: number, length: number): number {
    const position = address - this.start;
    // Also false for NaN.
    if (!(position >= 0 && position + length <= this.bytes.length))
      this.fail(address, `${length} bytes are outside the type data, which begin at ${hex(this.start)}`);
    return position;
  }

  /** Throws unless all of these bytes are inside. */
  require(address: number, length: number): void {
    this.position(address, length);
  }

  u8(address: number): number {
    return this.view.getUint8(this.position(address, 1));
  }

  u16(address: number): number {
    return this.view.getUint16(this.position(address, 2), true);
  }

  u32(address: number): number {
    return this.view.getUint32(this.position(address, 4), true);
  }

  i32(address: number): number {
    return this.view.getInt32(this.position(address, 4), true);
  }

  /** A word that must be a usable number: an address, a size, an offset. */
  word(address: number): number {
    const position = this.position(address, POINTER_SIZE);
    const value = this.view.getUint32(position, true) + this.view.getUint32(position + 4, true) * 2 ** 32;
    if (!Number.isSafeInteger(value)) this.fail(address, `${hex(value)} is out of range`);
    return value;
  }

  /**
   * FACT(go1.17..go1.27): a byte of flags, the length as a varint, then the bytes; the same of a tag; the offset of a package's
   * name. Before, lengths had two bytes.
   */
  name(address: number): StoredName {
    const flags = this.u8(address);
    const name = this.counted(address + 1);
    const tag = (flags & NAME_TAGGED) === 0 ? { text: "", end: name.end } : this.counted(name.end);
    return {
      text: name.text,
      embedded: (flags & NAME_EMBEDDED) !== 0,
      tag: tag.text,
      package: (flags & NAME_HAS_PACKAGE) === 0 ? undefined : this.start + this.i32(tag.end),
    };
  }

  private counted(address: number): { readonly text: string; readonly end: number } {
    let length = 0;
    let at = address;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8(at);
      at++;
      length += (byte & 0x7f) * scale;
      if (length > MAX_NAME_LENGTH || scale > MAX_NAME_LENGTH) this.fail(address, "name is too long");
      if ((byte & 0x80) === 0) break;
    }
    const position = this.position(at, length);
    return { text: this.bytes.toString("utf8", position, position + length), end: at + length };
  }
}
