/**
 * Decompresses ELF sections: SHF_COMPRESSED with zlib (gABI), and the older `.zdebug_*` sections. zstd is refused with a
 * hint: Node 20 has no decoder for it.
 */
import { createRequire } from "node:module";
import { Cursor, FormatError, messageOf } from "../base/index.js";

const ELFCOMPRESS_ZLIB = 1;
const ELFCOMPRESS_ZSTD = 2;

/** LIMIT: a decompressed section; the largest debug sections of real Go programs are a tenth of it. */
const MAX_DECOMPRESSED_BYTES = 2 ** 30;
/** Deflate can't do better than 1032 to 1, so a header that promises more is lying; bounds memory by the file's size. */
const MAX_DEFLATE_RATIO = 1032;

/** What zlib takes least. */
const MIN_CHUNK = 64;

function inflate(data: Buffer, size: number, structure: string): Buffer {
  if (size > MAX_DECOMPRESSED_BYTES || size > (data.length + 1) * MAX_DEFLATE_RATIO)
    throw new FormatError(structure, 0, `${data.length} compressed bytes can't be ${size} bytes`);
  if (size === 0) return Buffer.alloc(0);
  // Loaded on demand: most binaries need no decompression, and start-up time counts.
  const require = createRequire(import.meta.url);
  const { inflateSync }: typeof import("node:zlib") = require("node:zlib");
  let bytes: Buffer;
  try {
    // In one piece, with a byte to spare by which zlib sees that it is done: pieces would be copied together in the end.
    bytes = inflateSync(data, { maxOutputLength: size, chunkSize: Math.max(size + 1, MIN_CHUNK) });
  } catch (error) {
    throw new FormatError(structure, 0, `damaged zlib data: ${messageOf(error)}`, { cause: error });
  }
  if (bytes.length !== size) throw new FormatError(structure, 0, `decompresses to ${bytes.length} bytes, not ${size}`);
  return bytes;
}

/** Contents of a section with SHF_COMPRESSED: an Elf64_Chdr, then the data. */
export function decompressSection(bytes: Buffer, structure: string): Buffer {
  const cursor = new Cursor(bytes, structure);
  const method = cursor.u32();
  cursor.skip(4);
  const size = cursor.u64AsNumber();
  cursor.skip(8);
  if (method === ELFCOMPRESS_ZSTD)
    throw new FormatError(structure, 0, "compressed with zstd, which gospect does not read", {
      hint: "decompress a copy with objcopy --decompress-debug-sections and make a symbol file of it with gospect symbols",
    });
  if (method !== ELFCOMPRESS_ZLIB) throw new FormatError(structure, 0, `unknown compression method ${method}`);
  return inflate(cursor.slice(cursor.length - cursor.position), size, structure);
}

/** Contents of a `.zdebug_*` section: `ZLIB`, the size as a big-endian 64-bit number, the data. */
export function decompressLegacySection(bytes: Buffer, structure: string): Buffer {
  const cursor = new Cursor(bytes, structure);
  if (cursor.slice(4).toString("latin1") !== "ZLIB") throw new FormatError(structure, 0, "does not begin with ZLIB");
  const size = Number(cursor.slice(8).readBigUInt64BE());
  return inflate(cursor.slice(cursor.length - cursor.position), size, structure);
}
