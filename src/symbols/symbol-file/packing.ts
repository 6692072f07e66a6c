/** Compression with a checksum: the first bytes of a SHA-256 of the rest, then Brotli. */
import { createHash } from "node:crypto";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import { FormatError, messageOf } from "../../base/index.js";
import { MAX_BLOCK_BYTES } from "./format.js";

const CHECKSUM_SIZE = 4;

const checksumOf = (bytes: Buffer): Buffer => createHash("sha256").update(bytes).digest().subarray(0, CHECKSUM_SIZE);

/** How hard to look for what repeats: `quick` is some hundred times faster, and a quarter larger. */
export type Effort = "thorough" | "quick";
const QUALITIES = { thorough: constants.BROTLI_MAX_QUALITY, quick: constants.BROTLI_MIN_QUALITY } as const;

export function pack(bytes: Buffer, effort: Effort = "thorough"): Buffer {
  const packed = brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      [constants.BROTLI_PARAM_QUALITY]: QUALITIES[effort],
    },
  });
  return Buffer.concat([checksumOf(packed), packed]);
}

/** Throws a FormatError for bytes that `pack` did not make. */
export function unpack(bytes: Buffer, structure: string): Buffer {
  const packed = bytes.subarray(CHECKSUM_SIZE);
  if (bytes.length < CHECKSUM_SIZE || !checksumOf(packed).equals(bytes.subarray(0, CHECKSUM_SIZE)))
    throw new FormatError(structure, 0, "damaged: its checksum is another");
  try {
    return brotliDecompressSync(packed, { maxOutputLength: MAX_BLOCK_BYTES });
  } catch (error) {
    throw new FormatError(structure, 0, `damaged: ${messageOf(error)}`, { cause: error });
  }
}
