/**
 * A file system for the Linux kernel to start with, as an archive in memory order: cpio's "newc" format, which the kernel
 * unpacks (Documentation/driver-api/early-userspace/buffer-format.rst). Plain files and folders only.
 */
import { closeSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";

const FOLDER = 0o040755;
const TRAILER = "TRAILER!!!";

/** Everything in the archive is aligned so. */
const ALIGNMENT = 4;
const padding = (length: number): Buffer => Buffer.alloc((ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT);

/** Contents by path; both paths of a file that is the same here and there are one. */
export class Initramfs {
  private readonly contents = new Map<string, () => { readonly mode: number; readonly bytes: Buffer }>();
  private readonly folders = new Set<string>();

  folder(path: string): this {
    if (path === "/" || this.folders.has(path)) return this;
    this.folder(dirname(path));
    this.folders.add(path);
    return this;
  }

  /** The file `from`, with its mode, under the name `to`. What is a link here is a file there. */
  file(from: string, to = from): this {
    this.contents.set(to, () => ({ mode: statSync(from).mode, bytes: readFileSync(from) }));
    return this.folder(dirname(to));
  }

  text(to: string, text: string): this {
    this.contents.set(to, () => ({ mode: 0o100644, bytes: Buffer.from(text) }));
    return this.folder(dirname(to));
  }

  /** One file at a time is in memory. */
  write(path: string): void {
    const archive = openSync(path, "w");
    try {
      let inode = 0;
      const entry = (name: string, mode: number, bytes: Buffer): void => {
        // Numbers of 8 hexadecimal digits: inode, mode, user, group, links, time, size, devices, name's size, checksum.
        const numbers = [++inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, Buffer.byteLength(name) + 1, 0];
        const head = `070701${numbers.map((number) => number.toString(16).padStart(8, "0")).join("")}${name}\0`;
        for (const part of [Buffer.from(head), padding(Buffer.byteLength(head)), bytes, padding(bytes.length)]) {
          let written = 0;
          while (written < part.length) written += writeSync(archive, part, written);
        }
      };
      for (const folder of this.folders) entry(folder.slice(1), FOLDER, Buffer.alloc(0));
      for (const [to, read] of this.contents) {
        const { mode, bytes } = read();
        entry(to.slice(1), mode, bytes);
      }
      entry(TRAILER, 0, Buffer.alloc(0));
    } finally {
      closeSync(archive);
    }
  }
}
