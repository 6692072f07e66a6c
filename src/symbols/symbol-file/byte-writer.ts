/** Bytes written as Cursor of src/base reads them. */
export class ByteWriter {
  private bytes = Buffer.alloc(256);
  private size = 0;

  get length(): number {
    return this.size;
  }

  u8(value: number): void {
    this.room(1);
    this.bytes[this.size++] = value;
  }

  uleb128(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.u8((rest % 0x80) | 0x80);
    this.u8(rest);
  }

  /** A number of either sign, small ones short: 0, -1, 1, -2 … become 0, 1, 2, 3 …. */
  zigzag(value: number): void {
    this.uleb128(value < 0 ? -2 * value - 1 : 2 * value);
  }

  /** Its length, then UTF-8. */
  text(value: string): void {
    const bytes = Buffer.from(value);
    this.uleb128(bytes.length);
    this.raw(bytes);
  }

  raw(value: Uint8Array): void {
    this.room(value.length);
    this.bytes.set(value, this.size);
    this.size += value.length;
  }

  take(): Buffer {
    return Buffer.from(this.bytes.subarray(0, this.size));
  }

  private room(count: number): void {
    if (this.size + count <= this.bytes.length) return;
    const larger = Buffer.alloc(Math.max(this.bytes.length * 2, this.size + count));
    this.bytes.copy(larger, 0, 0, this.size);
    this.bytes = larger;
  }
}
