/**
 * The files whose code a process has mapped: its program, its libraries, and what was deleted since or never had a name
 * (memfd). Memory without a file, the kernel's own included, is none.
 */
import { closeSync, constants, openSync, realpathSync, statSync } from "node:fs";
import { formatMapsDevice, parseStatDevice } from "./device.js";
import { type Mapping, mappingsOfFile, parseMappings } from "./mappings.js";
import { readProcFile } from "./proc-file.js";

export interface MappedFile {
  /** For people: as the process calls it, without ` (deleted)`; of a memfd `/memfd:NAME`. */
  readonly path: string;
  /** As /proc/PID/maps has it. */
  readonly linkPath: string;
  readonly device: string;
  readonly inode: bigint;
  /** All of this file, in address order; at least one is executable. */
  readonly mappings: readonly Mapping[];
}

/** A mapped file that can be opened. */
export interface CodeFileOfProcess extends MappedFile {
  /** Opens this very file, as long as the process has it mapped. */
  readonly access: string;
}

const DELETED = " (deleted)";

/** Files with executable mappings, in the order of their first mappings. */
export function codeFilesOf(mappings: readonly Mapping[]): readonly MappedFile[] {
  const files = new Map<string, Mapping[]>();
  for (const mapping of mappings) {
    if (mapping.inode === 0n) continue;
    // Of two deleted files with one name only inodes tell which is which; on some file systems only the name is exact.
    const key = `${mapping.device} ${mapping.inode} ${mapping.path}`;
    const known = files.get(key);
    if (known === undefined) files.set(key, [mapping]);
    else known.push(mapping);
  }
  return [...files.values()]
    .filter((each) => each.some(({ executable }) => executable))
    .flatMap((each) => {
      const [first] = each;
      if (first === undefined) return [];
      const { path: linkPath, device, inode } = first;
      return [{ path: withoutDeleted(linkPath), linkPath, device, inode, mappings: each }];
    });
}

const withoutDeleted = (path: string): string => (path.endsWith(DELETED) ? path.slice(0, -DELETED.length) : path);

/**
 * Those files of a process that can be opened: through the mapping itself, else by name where the name still is that of the
 * mapped file. Throws as openProcess does.
 */
export function readCodeFiles(pid: number): readonly CodeFileOfProcess[] {
  return codeFilesOf(parseMappings(readProcFile(pid, "maps"))).flatMap((file) => {
    const access = findAccess(pid, file);
    return access === undefined ? [] : [{ ...file, access }];
  });
}

/** `/proc/PID/map_files/START-END` */
const MAPPING_LINK = /^\/proc\/(\d+)\/map_files\/([0-9a-f]+)-/;

/**
 * Those of the mappings of process `pid` that are of the file which `access` opens: a link of `map_files`, or a path. Empty
 * when it has none, or there is no such file.
 */
export function mappingsOfAccess(pid: number, mappings: readonly Mapping[], access: string): readonly Mapping[] {
  const link = MAPPING_LINK.exec(access);
  if (link !== null && Number(link[1]) === pid) {
    const start = Number.parseInt(link[2] ?? "", 16);
    return codeFilesOf(mappings).find((file) => file.mappings.some((each) => each.start === start))?.mappings ?? [];
  }
  try {
    return mappingsOfFile(mappings, {
      linkPath: realpathSync(access),
      inode: statSync(access, { bigint: true }).ino,
    });
  } catch {
    return [];
  }
}

function findAccess(pid: number, file: MappedFile): string | undefined {
  // Any mapping of the file would do.
  const mapping = file.mappings.find(({ executable }) => executable);
  if (mapping === undefined) return undefined;
  const range = `${mapping.start.toString(16)}-${mapping.end.toString(16)}`;
  const byMapping = `/proc/${pid}/map_files/${range}`;
  // Needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN, unlike the name.
  if (isRegularFile(byMapping)) return byMapping;
  const byName = `/proc/${pid}/root${file.linkPath}`;
  return isRegularFile(byName) && isSame(byName, file) ? byName : undefined;
}

/** Whether it is there, a file that has bytes of its own, and may be read. Devices do things when they are opened. */
function isRegularFile(path: string): boolean {
  try {
    if (!statSync(path).isFile()) return false;
    closeSync(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
    return true;
  } catch {
    return false;
  }
}

function isSame(path: string, file: MappedFile): boolean {
  const { dev, ino } = statSync(path, { bigint: true });
  return ino === file.inode && formatMapsDevice(parseStatDevice(dev)) === file.device;
}
