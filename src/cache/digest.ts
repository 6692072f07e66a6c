/** What tells files apart: all of their bytes. */
import { createHash } from "node:crypto";

export interface Readable {
  readonly size: number;
  /** Fills `target` with the bytes from there on; throws where there are fewer. */
  readInto(target: Buffer, offset: number): void;
}

/** Large enough that a file takes few reads, small enough to stay in the processor's own cache. */
const PIECE_BYTES = 2 ** 20;

/** SHA-256 of the whole file, in hexadecimal. Throws what `readInto` throws. */
export function digestOf(file: Readable): string {
  const hash = createHash("sha256");
  const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, file.size));
  for (let at = 0; at < file.size; at += PIECE_BYTES) {
    const part = piece.subarray(0, Math.min(PIECE_BYTES, file.size - at));
    file.readInto(part, at);
    hash.update(part);
  }
  return hash.digest("hex");
}
