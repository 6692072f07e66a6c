/**
 * The release that a program's runtime says it is: the string variable runtime.buildVersion.
 *
 * For programs whose build info was taken out, as from esbuild's. The variable has no symbol in a stripped program. But the
 * linker itself writes its text (`-X`), which is therefore the only one of its form with a NUL behind it to which a string
 * header in initialized data leads with exactly its length.
 */
import { type VirtualAddress, virtualAddress } from "../base/index.js";
import type { ElfFile, ElfSegment } from "./elf.js";
import { RelocatedImage } from "./image.js";

/** Only programs with one of these are searched: the search reads all initialized data. */
const TABLE_SECTIONS = [".gopclntab", ".data.rel.ro.gopclntab"] as const;

const PREFIX = Buffer.from("go1.");
const VERSION = /^(go1\.\d{1,3}(?:\.\d{1,3})?(?:(?:rc|beta)\d{1,2})?(?:[ +-][\w:, .-]+)?)\0/;

/** LIMIT: a version with the names of experiments. */
const MAX_VERSION_BYTES = 128;
/** LIMIT: texts of this form; programs that know releases by name have some dozens. */
const MAX_CANDIDATES = 256;
/** How much of a segment is read at once. */
const SCAN_CHUNK = 2 ** 20;

const STRING_HEADER_SIZE = 16;
const ALIGNMENT = 8;

interface Candidate {
  readonly address: VirtualAddress;
  readonly text: string;
}

/** Goes through a segment in pieces that overlap by `overlap` bytes. */
function* chunksOf(elf: ElfFile, segment: ElfSegment, overlap: number): Generator<readonly [VirtualAddress, Buffer]> {
  for (let done = 0; done < segment.fileSize; done += SCAN_CHUNK) {
    const address = virtualAddress(segment.virtualAddress + done);
    yield [address, elf.readVirtual(address, Math.min(SCAN_CHUNK + overlap, segment.fileSize - done))];
  }
}

function findCandidates(elf: ElfFile): readonly Candidate[] {
  const candidates: Candidate[] = [];
  for (const segment of elf.loads) {
    if (segment.executable) continue;
    for (const [start, bytes] of chunksOf(elf, segment, MAX_VERSION_BYTES)) {
      for (let at = bytes.indexOf(PREFIX); at >= 0 && at < SCAN_CHUNK; at = bytes.indexOf(PREFIX, at + 1)) {
        const [, text] = VERSION.exec(bytes.toString("latin1", at, at + MAX_VERSION_BYTES)) ?? [];
        if (text === undefined) continue;
        candidates.push({ address: virtualAddress(start + at), text });
        if (candidates.length >= MAX_CANDIDATES) return candidates;
      }
    }
  }
  return candidates;
}

/** Whether a string header in the file's own bytes leads to a text. */
function isVariable(elf: ElfFile, { address, text }: Candidate): boolean {
  const header = Buffer.alloc(STRING_HEADER_SIZE);
  header.writeBigUInt64LE(BigInt(address));
  header.writeBigUInt64LE(BigInt(text.length), 8);
  for (const segment of elf.loads) {
    if (!segment.writable) continue;
    for (const [start, bytes] of chunksOf(elf, segment, STRING_HEADER_SIZE)) {
      for (let at = bytes.indexOf(header); at >= 0; at = bytes.indexOf(header, at + 1))
        if ((start + at) % ALIGNMENT === 0) return true;
    }
  }
  return false;
}

/** The same where only the loader writes the address. */
function isRelocatedVariable(image: RelocatedImage, { address, text }: Candidate): boolean {
  return image.placesOf(address).some((place) => {
    const header = image.read(place, STRING_HEADER_SIZE);
    return header.readBigUInt64LE(8) === BigInt(text.length);
  });
}

/** As build info would have it: `go1.26.5`. Undefined when the program has none, or when several could be meant. */
export function findRuntimeVersion(elf: ElfFile): string | undefined {
  if (TABLE_SECTIONS.every((name) => elf.findSection(name) === undefined)) return undefined;
  const candidates = findCandidates(elf);
  if (candidates.length === 0) return undefined;
  const image = elf.positionIndependent ? new RelocatedImage(elf) : undefined;
  const texts = new Set(
    candidates
      .filter((each) => isVariable(elf, each) || (image !== undefined && isRelocatedVariable(image, each)))
      .map(({ text }) => text),
  );
  const [only] = texts;
  return texts.size === 1 ? only : undefined;
}
