import { FormatError } from "./errors.js";

/**
 * A little-endian reader over bytes already in memory. Every read is bounded: past the end it throws a FormatError
 * that names the structure and the offset, so that no reader ever turns missing bytes into zeros.
 */
export class Cursor {
  readonly structure: string;
  /** Where `bytes` begins in the structure that messages name. */
  readonly base: number;
  position: number;
  private readonly bytes: Buffer;

  constructor(bytes: Buffer, structure: string, position = 0, base = 0) {
    this.bytes = bytes;
    this.structure = structure;
    this.position = position;
    this.base = base;
    if (position < 0 || position > bytes.length) this.fail("position outside the data");
  }

  get length(): number {
    return this.bytes.length;
  }

  get atEnd(): boolean {
    return this.position >= this.bytes.length;
  }

  fail(detail: string): never {
    throw new FormatError(this.structure, this.base + this.position, detail);
  }

  seek(position: number): void {
    if (!Number.isInteger(position) || position < 0 || position > this.bytes.length)
      this.fail(`seek to ${position} is outside the data`);
    this.position = position;
  }

  skip(count: number): void {
    this.seek(this.position + count);
  }

  private take(count: number): number {
    const at = this.position;
    if (at + count > this.bytes.length) this.fail(`needs ${count} bytes, ${this.bytes.length - at} left`);
    this.position = at + count;
    return at;
  }

  u8(): number {
    return this.bytes.readUInt8(this.take(1));
  }

  i8(): number {
    return this.bytes.readInt8(this.take(1));
  }

  u16(): number {
    return this.bytes.readUInt16LE(this.take(2));
  }

  u32(): number {
    return this.bytes.readUInt32LE(this.take(4));
  }

  i32(): number {
    return this.bytes.readInt32LE(this.take(4));
  }

  u64(): bigint {
    return this.bytes.readBigUInt64LE(this.take(8));
  }

  i64(): bigint {
    return this.bytes.readBigInt64LE(this.take(8));
  }

  /** A 64-bit field that must be a usable number (address, size, offset). */
  u64AsNumber(): number {
    const at = this.take(8);
    const value = this.bytes.readUInt32LE(at) + this.bytes.readUInt32LE(at + 4) * 2 ** 32;
    if (!Number.isSafeInteger(value)) {
      this.position = at;
      this.fail(`64-bit value 0x${this.bytes.readBigUInt64LE(at).toString(16)} is out of range`);
    }
    return value;
  }

  /** Unsigned LEB128 that must be a safe integer. */
  uleb128(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if ((byte & 0x80) === 0) {
        if (!Number.isSafeInteger(value)) this.fail("LEB128 value is out of range");
        return value;
      }
      scale *= 128;
    }
    return this.fail("LEB128 value longer than 10 bytes");
  }

  /**
   * Unsigned LEB128 that is added modulo 2^64: from 2^63 on it stands for a negative number. Must be a safe integer.
   */
  uleb128Offset(): number {
    const start = this.position;
    // Nearly all fit in 49 bits, where plain numbers are exact and an order of magnitude faster.
    let short = 0;
    let scale = 1;
    for (let count = 0; count < 7; count++) {
      const byte = this.u8();
      short += (byte & 0x7f) * scale;
      if ((byte & 0x80) === 0) return short;
      scale *= 128;
    }
    this.position = start;
    let value = 0n;
    for (let count = 0; count < 10; count++) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << BigInt(7 * count);
      if ((byte & 0x80) === 0) {
        const number = Number(BigInt.asIntN(64, value));
        if (value >= 2n ** 64n || !Number.isSafeInteger(number)) this.fail("LEB128 value is out of range");
        return number;
      }
    }
    return this.fail("LEB128 value longer than 10 bytes");
  }

  /** Signed LEB128 that must be a safe integer. */
  sleb128(): number {
    let value = 0n;
    let shift = 0n;
    for (let count = 0; count < 10; count++) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << shift;
      shift += 7n;
      if ((byte & 0x80) === 0) {
        const signed = (byte & 0x40) !== 0 ? value - (1n << shift) : value;
        const number = Number(signed);
        if (!Number.isSafeInteger(number)) this.fail("LEB128 value is out of range");
        return number;
      }
    }
    return this.fail("LEB128 value longer than 10 bytes");
  }

  /** The next `count` bytes, shared with the source, not copied. */
  slice(count: number): Buffer {
    const at = this.take(count);
    return this.bytes.subarray(at, at + count);
  }

  /** A NUL-terminated UTF-8 string; the terminator is consumed. */
  cString(): string {
    const end = this.bytes.indexOf(0, this.position);
    if (end < 0) this.fail("string without a terminating NUL");
    const text = this.bytes.toString("utf8", this.position, end);
    this.position = end + 1;
    return text;
  }
}
