/** `--output FILE`: opened before anything is measured, so that a run never ends with nowhere to put its results. */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, statSync, unlinkSync, writeSync } from "node:fs";
import { messageOf, RunError } from "../base/index.js";

const outputError = (path: string, error: unknown): RunError => {
  const code = error instanceof Error && "code" in error ? String(error.code) : messageOf(error);
  return new RunError("output-not-writable", `cannot write ${path}: ${code}`, {
    hint: "choose another file with --output",
    cause: error,
  });
};

/**
 * A file that keeps its old contents until the new ones are known; a disk that is full while they are written leaves a
 * part of them. It stays the file it was, with its owner, mode and links, as after `>` in a shell. Disposing of it
 * without writing leaves no trace.
 */
export class OutputFile implements Disposable {
  readonly path: string;
  private descriptor: number | undefined;
  /** Removed again when nothing was written. */
  private created: boolean;
  private begun = false;

  private constructor(path: string, descriptor: number, created: boolean) {
    this.path = path;
    this.descriptor = descriptor;
    this.created = created;
  }

  /** Throws a RunError when the file cannot be written. */
  static open(path: string): OutputFile {
    const { O_WRONLY, O_CREAT, O_EXCL } = constants;
    try {
      return new OutputFile(path, openSync(path, O_WRONLY | O_CREAT | O_EXCL, 0o644), true);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw outputError(path, error);
    }
    try {
      return new OutputFile(path, openSync(path, O_WRONLY), false);
    } catch (error) {
      throw outputError(path, error);
    }
  }

  /** Adds to the file; the first bytes replace its old contents. */
  append(data: string | Buffer): void {
    if (this.descriptor === undefined) throw new RunError("output-not-writable", `${this.path} is closed`);
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    try {
      // A pipe or a device has no length to cut.
      if (!this.begun && fstatSync(this.descriptor).isFile()) ftruncateSync(this.descriptor, 0);
      this.begun = true;
      this.created = false;
      for (let at = 0; at < bytes.length; ) at += writeSync(this.descriptor, bytes, at);
    } catch (error) {
      throw outputError(this.path, error);
    }
  }

  /** Adds the last of its contents and closes it. */
  finish(...pieces: readonly (string | Buffer)[]): void {
    try {
      for (const piece of pieces) this.append(piece);
    } finally {
      this[Symbol.dispose]();
    }
  }

  [Symbol.dispose](): void {
    if (this.descriptor === undefined) return;
    closeSync(this.descriptor);
    this.descriptor = undefined;
    if (this.created) unlinkSync(this.path);
  }
}

/** Whether writing to one would overwrite the other, by whatever names they go. */
export function isSameFile(path: string, other: string): boolean {
  const [one, two] = [path, other].map((each) => statSync(each, { throwIfNoEntry: false }));
  return one !== undefined && two !== undefined && one.dev === two.dev && one.ino === two.ino;
}
