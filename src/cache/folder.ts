/**
 * The one folder that all caching is done in, `gospect/answers` in the user's cache folder as the XDG Base Directory
 * Specification has it, and what is asked of it before anything there is believed: it and its files belong to the user we run
 * as, and nobody else can write there. Root with another user's HOME therefore neither reads nor leaves anything.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writevSync,
} from "node:fs";
import { dirname, isAbsolute, join } from "node:path";

/** LIMIT: bytes of one entry; the list of a program of 100 MB as JSON takes half of it. */
const MAX_ENTRY_BYTES = 2 ** 26;
/** LIMIT: bytes of all entries together; those that were used longest ago make room. */
const MAX_FOLDER_BYTES = 2 ** 28;
/** LIMIT: entries, however small. */
const MAX_ENTRIES = 256;

/** What others may do with a folder or file of ours: nothing that changes it. */
const WRITABLE_BY_OTHERS = 0o022;
const OPEN_TO_OTHERS = 0o077;

const isOurs = ({ uid }: { readonly uid: number }): boolean => uid === process.geteuid?.();

/** Undefined where no such place is named. */
function cacheHome({ XDG_CACHE_HOME: cache, HOME: home }: NodeJS.ProcessEnv): string | undefined {
  // The specification has relative paths ignored.
  if (cache !== undefined && isAbsolute(cache)) return cache;
  return home !== undefined && isAbsolute(home) ? join(home, ".cache") : undefined;
}

/** What `attempt` answers; undefined when the file system refuses. */
function ifPossible<T>(attempt: () => T): T | undefined {
  try {
    return attempt();
  } catch {
    return undefined;
  }
}

/** Makes it where it is missing, inside of what is ours. */
function makeFolder(path: string): void {
  if (ifPossible(() => lstatSync(path)) !== undefined) return;
  if (isOurs(statSync(dirname(path)))) mkdirSync(path, { mode: 0o700 });
}

/** Makes it where it is missing; false for one that others can change. */
function makeSafe(path: string): boolean {
  makeFolder(path);
  const folder = lstatSync(path);
  return folder.isDirectory() && isOurs(folder) && (folder.mode & WRITABLE_BY_OTHERS) === 0;
}

/** Files of bytes by name. Whatever goes wrong, there is no such file, or it is not kept. */
export class CacheFolder {
  private readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** The user's, made if missing; undefined where there is none that only the user can write to. */
  static open(environment: NodeJS.ProcessEnv): CacheFolder | undefined {
    const home = cacheHome(environment);
    if (home === undefined) return undefined;
    const own = join(home, "gospect");
    // Not beside what a developer's toolchains keep there.
    const path = join(own, "answers");
    return ifPossible(() => {
      makeFolder(home);
      // Who owns the folder around ours could put another in its place.
      if (!isOurs(statSync(home))) return undefined;
      return [own, path].every(makeSafe) ? new CacheFolder(path) : undefined;
    });
  }

  /** Undefined when there is none, or it is not a file that only the user can read and write. */
  find(name: string): Buffer | undefined {
    return ifPossible(() => {
      const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
      const descriptor = openSync(join(this.path, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      try {
        const file = fstatSync(descriptor);
        if (!file.isFile() || !isOurs(file) || (file.mode & OPEN_TO_OTHERS) !== 0) return undefined;
        if (file.size > MAX_ENTRY_BYTES) return undefined;
        const now = new Date();
        futimesSync(descriptor, now, now);
        return readFileSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
    });
  }

  /** In place of an older one, at once or not at all. */
  keep(name: string, parts: readonly Buffer[]): void {
    if (parts.reduce((sum, { length }) => sum + length, 0) > MAX_ENTRY_BYTES) return;
    const unfinished = join(this.path, `${name}.${randomBytes(8).toString("hex")}`);
    const written = ifPossible(() => {
      const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
      const descriptor = openSync(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      try {
        for (const part of parts) writeAll(descriptor, part);
      } finally {
        closeSync(descriptor);
      }
      renameSync(unfinished, join(this.path, name));
      return true;
    });
    if (written === undefined) ifPossible(() => unlinkSync(unfinished));
    this.makeRoom();
  }

  /** Unfinished files of runs that were killed are files like all others. */
  private makeRoom(): void {
    const names = ifPossible(() => readdirSync(this.path)) ?? [];
    const files = names.flatMap((name) => {
      const path = join(this.path, name);
      const file = ifPossible(() => lstatSync(path));
      return file?.isFile() === true ? [{ path, size: file.size, usedMs: file.mtimeMs }] : [];
    });
    let [room, count] = [MAX_FOLDER_BYTES, MAX_ENTRIES];
    for (const { path, size } of files.sort((a, b) => b.usedMs - a.usedMs)) {
      room -= size;
      count--;
      if (room < 0 || count < 0) ifPossible(() => unlinkSync(path));
    }
  }
}

function writeAll(descriptor: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) done += writevSync(descriptor, [bytes.subarray(done)]);
}
