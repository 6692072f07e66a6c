/** Recordings whose sections hold something else: damage where no checksum sees it. */
import { gunzipSync, gzipSync } from "node:zlib";

const HEADER = 16;
const SECTION_HEADER = 12;

/** The same file with each section's content changed. */
export function rebuilt(bytes: Buffer, change: (content: Buffer, section: string) => Buffer): Buffer {
  const pieces = [bytes.subarray(0, HEADER)];
  for (let at = HEADER; at < bytes.length; ) {
    const end = at + SECTION_HEADER + bytes.readUInt32LE(at + 4);
    const header = Buffer.from(bytes.subarray(at, at + SECTION_HEADER));
    const content = change(gunzipSync(bytes.subarray(at + SECTION_HEADER, end)), header.toString("latin1", 0, 4));
    const packed = gzipSync(content);
    header.writeUInt32LE(packed.length, 4);
    header.writeUInt32LE(content.length, 8);
    pieces.push(header, packed);
    at = end;
  }
  return Buffer.concat(pieces);
}
