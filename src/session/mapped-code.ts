/**
 * Whether a process runs its code where its file is mapped, for nowhere else do uprobes fire, and whether that code is
 * what the file has, for the kernel executes the file's instruction in place of the one it puts a breakpoint on.
 */
import { hex, runtimeAddress, UnmeasurableError } from "../base/index.js";
import type { Site } from "../probes/index.js";
import { findLoadBias, type Mapping, ProcessMemory, type TargetProcess } from "../process/index.js";
import { type CodeNow, isCode, readSites } from "./nearby.js";
import { mappingsAmong, type ProgramFile } from "./program-file.js";

type Code = Pick<Site, "address" | "offset" | "bytes">;

/**
 * Throws UnmeasurableError: `code-not-mapped` when the process does not run one of the files' sites from its file,
 * `code-patched` when it has other bytes there. The latter is not looked for where we may not read its memory.
 */
export function requireMappedCode(files: readonly ProgramFile[], process: TargetProcess): void {
  using memory = ProcessMemory.open(process.pid);
  for (const file of files) {
    const sites = file.sites.map(({ site }) => site);
    const mappings =
      file.number === 0 ? process.readExecutableMappings() : mappingsAmong(process.readMappings(), file.identity);
    requireMapped(file.planned.path, sites, mappings, `process ${process.pid}`, memory);
  }
}

/** The same for sites of the file at `path`, its mappings, the process that is called so, and its memory. */
export function requireMapped(
  path: string,
  sites: readonly Code[],
  mappings: readonly Mapping[],
  process: string,
  memory?: Pick<ProcessMemory, "readInto">,
): void {
  // The kernel puts no probes where the program may write.
  const code = mappings.filter(({ executable, writable }) => executable && !writable);
  const runtimeAddressOf = ({ address, offset, bytes }: Code): number => {
    const segment = { virtualAddress: address, fileOffset: offset, fileSize: bytes.length, executable: true };
    const loadBias = findLoadBias(code, [segment]);
    if (loadBias !== undefined) return address + loadBias;
    throw new UnmeasurableError(
      "code-not-mapped",
      `${process}: the code at ${hex(address)} does not run from ${path}`,
      { hint: "a program that moves its code, as to huge pages, can't be probed: start it without that" },
    );
  };
  const read = (at: number, into: Buffer): boolean => memory?.readInto(runtimeAddress(at), into) === true;
  readSites(sites, runtimeAddressOf, read, ({ address, bytes }, now) => {
    if (now === undefined || isSame(now, bytes)) return;
    throw new UnmeasurableError(
      "code-patched",
      `${process}: the code at ${hex(address)} in its memory is not that of ${path}`,
      { hint: "a program whose code is patched while it runs can't be probed there" },
    );
  });
}

const BREAKPOINT = 0xcc;

/** Another run's probe, which is no obstacle, is a breakpoint in place of the first byte. */
const isSame = (now: CodeNow, bytes: Buffer): boolean =>
  isCode(now, bytes, 1) && (now.bytes[now.at] === BREAKPOINT || isCode(now, bytes));
