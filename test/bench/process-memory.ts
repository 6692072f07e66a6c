/** The code of a running process, read from outside: shows whether a probe is on. */
import { closeSync, openSync, readSync } from "node:fs";

/** int3 on amd64: what the kernel writes where a uprobe sits. */
const BREAKPOINT = 0xcc;

/** All of a process' code; addresses are the process' own. */
export class LiveCode implements Disposable {
  private readonly fd: number;
  private readonly byte = Buffer.alloc(1);

  constructor(pid: number) {
    this.fd = openSync(`/proc/${pid}/mem`, "r");
  }

  hasProbe(address: number): boolean {
    return readSync(this.fd, this.byte, 0, 1, address) === 1 && this.byte[0] === BREAKPOINT;
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}

/** One instruction of a process. */
export class LiveInstruction implements Disposable {
  private readonly code: LiveCode;
  private readonly address: number;

  /** `address` is the process' own. */
  constructor(pid: number, address: number) {
    this.code = new LiveCode(pid);
    this.address = address;
  }

  hasProbe(): boolean {
    return this.code.hasProbe(this.address);
  }

  [Symbol.dispose](): void {
    this.code[Symbol.dispose]();
  }
}

/** Tells of a process whether the instruction at an address of its own has a probe. */
export const probedAt =
  (address: number) =>
  (pid: number): boolean => {
    using instruction = new LiveInstruction(pid, address);
    return instruction.hasProbe();
  };
