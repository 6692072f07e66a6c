/**
 * Where bytes come from: a file read in pieces, or memory. Nothing here knows what the bytes mean.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { FormatError, messageOf, RunError, UnmeasurableError, UnsupportedError } from "../base/index.js";

/**
 * Random access to bytes of a known size. `read` returns exactly `length` bytes or throws a FormatError; what it
 * returns may share memory with the source and must not be written to.
 */
export interface ByteSource extends Disposable {
  /** How messages name it. */
  readonly path: string;
  readonly size: number;
  read(offset: number, length: number): Buffer;
  /** As `read`, of as many bytes as `target` has, into it: for who goes through all of a file and keeps nothing. */
  readInto(target: Buffer, offset: number): void;
}

/** LIMIT: one read; far above any table of a real binary, far below what a damaged length field may ask for. */
export const MAX_READ_BYTES = 2 ** 30;

function requireInside(source: ByteSource, offset: number, length: number): void {
  if (!Number.isSafeInteger(offset) || offset < 0 || !Number.isSafeInteger(length) || length < 0)
    throw new FormatError(source.path, 0, `impossible read of ${length} bytes at ${offset}`);
  if (length > MAX_READ_BYTES)
    throw new FormatError(source.path, offset, `${length} bytes in one piece are more than gospect reads`);
  if (offset + length > source.size)
    throw new FormatError(source.path, offset, `needs ${length} bytes, the file ends at 0x${source.size.toString(16)}`);
}

/** Reads that follow one another, as those of all functions' code do, are taken out of pieces of this size. */
const READ_AHEAD_BYTES = 2 ** 18;
/** Reads no farther apart than this follow one another. */
const NEXT_WITHIN_BYTES = 2 ** 10;

class FileSource implements ByteSource {
  readonly path: string;
  readonly size: number;
  private descriptor: number;
  private ahead: Buffer = Buffer.alloc(0);
  private aheadOffset = 0;
  /** Where the last read ended. */
  private lastEnd = 0;

  constructor(path: string, descriptor: number, size: number) {
    this.path = path;
    this.descriptor = descriptor;
    this.size = size;
  }

  read(offset: number, length: number): Buffer {
    requireInside(this, offset, length);
    const follows = Math.abs(offset - this.lastEnd) <= NEXT_WITHIN_BYTES;
    this.lastEnd = offset + length;
    const within = offset - this.aheadOffset;
    if (within >= 0 && within + length <= this.ahead.length) return this.ahead.subarray(within, within + length);
    if (!follows || length > READ_AHEAD_BYTES / 4) return this.readAnew(offset, length);
    // Nobody asked for the rest of it, so a file that became shorter there is no error yet.
    this.ahead = this.readUpTo(offset, Math.min(READ_AHEAD_BYTES, this.size - offset));
    this.aheadOffset = offset;
    return this.requireAll(this.ahead.subarray(0, length), offset, length);
  }

  readInto(target: Buffer, offset: number): void {
    requireInside(this, offset, target.length);
    this.requireAll(this.fill(target, offset), offset, target.length);
  }

  private readAnew(offset: number, length: number): Buffer {
    return this.requireAll(this.readUpTo(offset, length), offset, length);
  }

  private requireAll(bytes: Buffer, offset: number, length: number): Buffer {
    if (bytes.length < length)
      throw new FormatError(this.path, offset + bytes.length, "the file became shorter while it was being read");
    return bytes;
  }

  /** Fewer bytes than `length` where the file ends. */
  private readUpTo(offset: number, length: number): Buffer {
    return this.fill(Buffer.allocUnsafe(length), offset);
  }

  /** As far as the file goes. */
  private fill(bytes: Buffer, offset: number): Buffer {
    let done = 0;
    for (let count = 1; count > 0 && done < bytes.length; done += count)
      count = this.readSome(bytes, done, offset + done);
    return bytes.subarray(0, done);
  }

  private readSome(bytes: Buffer, done: number, offset: number): number {
    try {
      return readSync(this.descriptor, bytes, done, bytes.length - done, offset);
    } catch (error) {
      throw new RunError("read-failed", `${this.path}: ${messageOf(error)}`, { cause: error });
    }
  }

  [Symbol.dispose](): void {
    if (this.descriptor < 0) return;
    closeSync(this.descriptor);
    this.descriptor = -1;
  }
}

const errorCode = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;

function openFailure(path: string, error: unknown): Error {
  switch (errorCode(error)) {
    case "ENOENT":
    case "ENOTDIR":
      return new UnmeasurableError("no-such-file", `${path}: no such file`, { cause: error });
    case "EACCES":
    case "EPERM":
      return new UnsupportedError("not-permitted", `${path}: not permitted to read it`, {
        cause: error,
        hint: "run as root, or as the user who may read this file",
      });
    default:
      return new UnmeasurableError("unreadable-file", `${path}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Opens a regular file. `displayPath` is how messages name it, where the path itself (`/proc/4711/exe`) would mean
 * little. Throws UnmeasurableError (`no-such-file`, `not-elf` for what is not a regular file) or UnsupportedError
 * (`not-permitted`). The caller disposes.
 */
export function openFileSource(path: string, displayPath = path): ByteSource {
  let descriptor: number;
  try {
    // Opening a FIFO without O_NONBLOCK would wait for a writer that may never come.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw openFailure(displayPath, error);
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) throw new UnmeasurableError("not-elf", `${displayPath}: not a regular file`);
    return new FileSource(displayPath, descriptor, stat.size);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** Bytes already in memory; reads share them. */
export function memorySource(path: string, bytes: Buffer): ByteSource {
  const source: ByteSource = {
    path,
    size: bytes.length,
    read(offset, length) {
      requireInside(source, offset, length);
      return bytes.subarray(offset, offset + length);
    },
    readInto(target, offset) {
      requireInside(source, offset, target.length);
      bytes.copy(target, 0, offset);
    },
    [Symbol.dispose]() {},
  };
  return source;
}
