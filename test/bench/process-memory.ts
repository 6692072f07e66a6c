/** The code of a running process, read from outside: shows whether a probe is on. */
import { closeSync, openSync, readSync } from "node:fs";

/** int3 on amd64: what the kernel writes where a uprobe sits. */
const BREAKPOINT = 0xcc;

/** One instruction of a process. */
export class LiveInstruction implements Disposable {
  private readonly fd: number;
  private readonly address: number;
  private readonly byte = Buffer.alloc(1);

  /** `address` is the process' own. */
  constructor(pid: number, address: number) {
    this.fd = openSync(`/proc/${pid}/mem`, "r");
    this.address = address;
  }

  hasProbe(): boolean {
    return readSync(this.fd, this.byte, 0, 1, this.address) === 1 && this.byte[0] === BREAKPOINT;
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}
