/** What a process has in its memory at an address (`/proc/PID/mem`, see proc(5)): which may differ from the file there. */
import { closeSync, openSync, readSync } from "node:fs";
import type { RuntimeAddress } from "../base/index.js";

export class ProcessMemory implements Disposable {
  private readonly fd: number;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** Undefined when it may not be read, which takes the right to trace the process, or when the process has ended. */
  static open(pid: number): ProcessMemory | undefined {
    try {
      return new ProcessMemory(openSync(`/proc/${pid}/mem`, "r"));
    } catch {
      return undefined;
    }
  }

  /** Undefined when not all of it can be read: nothing is mapped there, or the process has ended. */
  read(address: RuntimeAddress, length: number): Buffer | undefined {
    const bytes = Buffer.alloc(length);
    return this.readInto(address, bytes) ? bytes : undefined;
  }

  /** Fills the buffer; false when not all of that can be read. */
  readInto(address: RuntimeAddress, bytes: Buffer): boolean {
    try {
      return readSync(this.fd, bytes, 0, bytes.length, address) === bytes.length;
    } catch {
      return false;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}
