/**
 * A recorded run as a file: `gospect run` and a newline, a version, then sections one after the other, each compressed by
 * itself, so that a run is written as it happens and read a piece at a time.
 *
 *     12 bytes "gospect run\n"   u32 version
 *     per section: 4 bytes its name, u32 packed bytes, u32 bytes, the packed bytes (gzip, with its own checksum)
 *
 * The sections: `head`, the description; any number of `evts`, events; `tail`, the counts; `syms`, the names. A file
 * without the last one is of a run that was cut off.
 */
import { gunzipSync, gzipSync } from "node:zlib";
import { FormatError, messageOf } from "../base/index.js";
import type { ByteSource } from "../binary/index.js";

export type SectionName = "head" | "evts" | "tail" | "syms";
const NAMES: ReadonlySet<string> = new Set<SectionName>(["head", "evts", "tail", "syms"]);

const MAGIC = Buffer.from("gospect run\n");
const VERSION = 1;
const HEADER_BYTES = MAGIC.length + 4;
const SECTION_HEADER_BYTES = 12;

/** LIMIT: bytes of one section; the stacks of a run of many are far below. */
const MOST_BYTES = 1 << 28;

/** What every file of ours begins with. */
export function fileHeader(): Buffer {
  const version = Buffer.alloc(4);
  version.writeUInt32LE(VERSION);
  return Buffer.concat([MAGIC, version]);
}

/** Fast rather than small where there is much of it, and time matters. */
const LEVELS: Readonly<Record<SectionName, number>> = { head: 6, evts: 1, tail: 6, syms: 6 };

export function packSection(name: SectionName, bytes: Buffer): Buffer {
  const packed = gzipSync(bytes, { level: LEVELS[name] });
  const header = Buffer.alloc(SECTION_HEADER_BYTES);
  header.write(name, "latin1");
  header.writeUInt32LE(packed.length, 4);
  header.writeUInt32LE(bytes.length, 8);
  return Buffer.concat([header, packed]);
}

/** Where a section is; its bytes are unpacked when they are wanted. */
export interface Section {
  readonly name: SectionName;
  /** Of the packed bytes, in the file. */
  readonly offset: number;
  readonly packedBytes: number;
  readonly bytes: number;
}

/** Throws a FormatError for what is no recorded run, is of another version, or breaks off. */
export function readSections(source: ByteSource): readonly Section[] {
  const header = source.size < HEADER_BYTES ? Buffer.alloc(0) : source.read(0, HEADER_BYTES);
  if (!header.subarray(0, MAGIC.length).equals(MAGIC)) throw new FormatError(source.path, 0, "not a recorded run");
  const version = header.readUInt32LE(MAGIC.length);
  if (version !== VERSION) {
    throw new FormatError(source.path, MAGIC.length, `version ${version} of a recorded run; this gospect reads 1`);
  }
  const sections: Section[] = [];
  for (let offset = HEADER_BYTES; offset < source.size; ) {
    const section = readSection(source, offset);
    sections.push(section);
    offset = section.offset + section.packedBytes;
  }
  return sections;
}

function readSection(source: ByteSource, at: number): Section {
  if (source.size - at < SECTION_HEADER_BYTES) throw cutOff(source, at);
  const header = source.read(at, SECTION_HEADER_BYTES);
  const name = header.toString("latin1", 0, 4);
  if (!isSectionName(name)) throw new FormatError(source.path, at, "no section begins here");
  const packedBytes = header.readUInt32LE(4);
  const bytes = header.readUInt32LE(8);
  if (bytes > MOST_BYTES) throw new FormatError(source.path, at, `a section of ${bytes} bytes`);
  const offset = at + SECTION_HEADER_BYTES;
  if (source.size - offset < packedBytes) throw cutOff(source, at);
  return { name, offset, packedBytes, bytes };
}

const isSectionName = (name: string): name is SectionName => NAMES.has(name);

const cutOff = ({ path }: ByteSource, at: number): FormatError =>
  new FormatError(path, at, "the recording breaks off", { hint: "the run was killed, or its disk was full" });

export function unpackSection(source: ByteSource, { offset, packedBytes, bytes }: Section): Buffer {
  let unpacked: Buffer;
  try {
    unpacked = gunzipSync(source.read(offset, packedBytes), { maxOutputLength: Math.max(1, bytes) });
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError(source.path, offset, `a damaged section: ${messageOf(error)}`, { cause: error });
  }
  if (unpacked.length !== bytes) throw new FormatError(source.path, offset, "a section of another length");
  return unpacked;
}
