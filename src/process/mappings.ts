/** Memory mappings of a process (`/proc/PID/maps`, see proc(5)) and what they say about where a file was loaded. */
import { type FileOffset, FormatError, fileOffset, type RuntimeAddress, runtimeAddress } from "../base/index.js";

export interface Mapping {
  readonly start: RuntimeAddress;
  /** Exclusive. */
  readonly end: RuntimeAddress;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly executable: boolean;
  /** Of the mapping's first byte in the file; 0 for memory without a file. */
  readonly offset: FileOffset;
  /** `major:minor` in hexadecimal. */
  readonly device: string;
  /** 0 for memory without a file. */
  readonly inode: bigint;
  /** As the kernel prints it: a path, perhaps with ` (deleted)`, or `[heap]`; empty for anonymous memory. */
  readonly path: string;
}

const LINE = /^([0-9a-f]+)-([0-9a-f]+) ([r-][w-][x-][ps]) ([0-9a-f]+) ([0-9a-f]+:[0-9a-f]+) (\d+)(?: +(.*))?$/;

/** Mappings in address order. `[vsyscall]`, at addresses no program's memory has, is left out. */
export function parseMappings(text: string): readonly Mapping[] {
  const mappings: Mapping[] = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const match = LINE.exec(line);
    if (match === null) throw new FormatError("/proc/PID/maps", 0, `not a mapping: ${line}`);
    const [, start = "", end = "", flags = "", offset = "", device = "", inode = "", path = ""] = match;
    if (!Number.isSafeInteger(Number.parseInt(end, 16))) continue;
    mappings.push({
      start: runtimeAddress(Number.parseInt(start, 16)),
      end: runtimeAddress(Number.parseInt(end, 16)),
      readable: flags[0] === "r",
      writable: flags[1] === "w",
      executable: flags[2] === "x",
      offset: fileOffset(Number.parseInt(offset, 16)),
      device,
      inode: BigInt(inode),
      // The one character that the kernel escapes in this file.
      path: path.replaceAll("\\012", "\n"),
    });
  }
  return mappings;
}

/**
 * The mappings of one file. By path where any has it, for some file systems (btrfs, old overlays) show other devices and
 * inodes here than stat does; else by inode.
 */
export function mappingsOfFile(
  mappings: readonly Mapping[],
  file: { readonly linkPath: string; readonly inode: bigint },
): readonly Mapping[] {
  const byPath = mappings.filter((mapping) => mapping.path === file.linkPath);
  return byPath.length > 0 ? byPath : mappings.filter((mapping) => mapping.inode === file.inode);
}

/** A loaded segment of an ELF file. */
export interface FileSegment {
  readonly virtualAddress: number;
  readonly fileOffset: number;
  readonly fileSize: number;
  readonly executable: boolean;
}

/**
 * What to add to the file's virtual addresses to get this process' addresses; 0 for programs linked at a fixed
 * address. `mappings` are those of the file. Undefined when none of them is code of the file, as when a program has
 * moved its code to huge pages.
 */
export function findLoadBias(mappings: readonly Mapping[], segments: readonly FileSegment[]): number | undefined {
  for (const mapping of mappings) {
    if (!mapping.executable) continue;
    const mappedEnd = mapping.offset + (mapping.end - mapping.start);
    for (const segment of segments) {
      const overlaps = mapping.offset < segment.fileOffset + segment.fileSize && mappedEnd > segment.fileOffset;
      if (segment.executable && overlaps)
        return mapping.start - mapping.offset - (segment.virtualAddress - segment.fileOffset);
    }
  }
  return undefined;
}
