/**
 * A page of our own machine code in this process, to put probes on: the price of a probe is measured here, never in
 * the target.
 *
 * SAFETY: the code below touches only registers and its own stack; its file is a memfd that nobody else has open, and
 * the mapping lives until the page is disposed.
 */
import { invariant, UnsupportedError } from "../base/index.js";
import { kernelError, lastErrno } from "./errno.js";
import { koffi, libc } from "./library.js";
import { closeDescriptor } from "./syscalls.js";

const machineCode = (...instructions: readonly string[]): Buffer =>
  Buffer.from(instructions.join("").replaceAll(" ", ""), "hex");

/** Calls a little function `rdi` times: the shape of a Go function, with a stack check's jbe, a frame and a ret. */
const CALLS = machineCode(
  "48 85 ff", // test rdi, rdi
  "74 0a", //       je end
  "e8 06 00 00 00", // again: call f
  "48 ff cf", //    dec rdi
  "75 f6", //       jne again
  "c3", //          end: ret
  "48 85 e4", //    f: test rsp, rsp
  "76 00", //       jbe +0
  "90", //          nop
  "55", //          push rbp
  "48 89 e5", //    mov rbp, rsp
  "5d", //          pop rbp
  "c3", //          ret
);

/**
 * Writes below the stack pointer, as C code may without moving it, has a 5-byte nop, and looks whether it is still there; `rdi`
 * times, or until it is not: then it returns 1, else 0.
 */
const RED_ZONE = machineCode(
  "31 c0", //          xor eax, eax
  "48 89 fa", //       again: mov rdx, rdi
  "48 89 54 24 f8", // mov [rsp-8], rdx
  "48 89 54 24 e0", // mov [rsp-32], rdx
  "48 89 54 24 80", // mov [rsp-128], rdx
  "0f 1f 44 00 00", // nop
  "48 39 54 24 f8", // cmp [rsp-8], rdx
  "75 14", //          jne bad
  "48 39 54 24 e0", // cmp [rsp-32], rdx
  "75 0d", //          jne bad
  "48 39 54 24 80", // cmp [rsp-128], rdx
  "75 06", //          jne bad
  "48 ff cf", //       dec rdi
  "75 cf", //          jne again
  "c3", //             ret
  "ff c0", //          bad: inc eax
  "c3", //             ret
);
const PAGE = 4096;
/** The function is there several times, so that probes on different instructions of it can be there at the same time. */
const STRIDE = 64;
const COPIES = 16;
const RED_ZONE_AT = COPIES * STRIDE;

const SITES = { first: 16, stackCheck: 19, nop: 21, push: 22, return: 27 } as const;

/** Instructions of the called function. */
export type CodePageSite = keyof typeof SITES;

/** Such an instruction in a copy of the function, as an offset in the page's file. */
export function codePageSite(site: CodePageSite, copy: number): number {
  invariant(copy < COPIES, "there is such a copy");
  return copy * STRIDE + SITES[site];
}

/** The 5-byte nop. */
export const LONG_NOP_SITE = RED_ZONE_AT + 20;

const PROT_READ = 1;
const PROT_EXEC = 4;
const MAP_PRIVATE = 2;
const MFD_CLOEXEC = 1;

type Mmap = (address: null, length: number, protection: number, flags: number, fd: number, offset: number) => bigint;

export class CodePage implements Disposable {
  /** Opens the page's file, for whoever attaches to it. */
  readonly path: string;
  private readonly fd: number;
  private readonly address: bigint;

  private constructor(fd: number, address: bigint) {
    this.fd = fd;
    this.address = address;
    this.path = `/proc/${process.pid}/fd/${fd}`;
  }

  static map(): CodePage {
    if (process.arch !== "x64") throw new UnsupportedError("architecture", "no code page for this architecture");
    const c = libc();
    const memfd = c.func("memfd_create", "int", ["str", "uint"]) as unknown as (name: string, flags: number) => number;
    const write = c.func("write", "long", ["int", "void *", "size_t"]) as unknown as (
      fd: number,
      bytes: Buffer,
      count: number,
    ) => number;
    const mmap = c.func("mmap", "uintptr_t", ["void *", "size_t", "int", "int", "int", "long"]) as unknown as Mmap;
    const fd = memfd("gospect-code-page", MFD_CLOEXEC);
    if (fd < 0) throw kernelError("memfd_create", lastErrno());
    const page = Buffer.alloc(PAGE, 0xcc);
    for (let copy = 0; copy < COPIES; copy++) CALLS.copy(page, copy * STRIDE);
    RED_ZONE.copy(page, RED_ZONE_AT);
    if (write(fd, page, PAGE) !== PAGE) {
      const errno = lastErrno();
      closeDescriptor(fd);
      throw kernelError("write code page", errno);
    }
    const address = BigInt(mmap(null, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
    if (address > 0xffff_ffff_ffff_0000n) {
      const errno = lastErrno();
      closeDescriptor(fd);
      throw kernelError("mmap code page", errno);
    }
    return new CodePage(fd, address);
  }

  /** Nanoseconds that `calls` calls of one copy of the function took. */
  time(calls: number, copy: number): number {
    invariant(calls > 0, "a measurement has calls");
    const run = koffi().proto("void (uint64_t)");
    const begin = process.hrtime.bigint();
    koffi().call(this.address + BigInt(copy * STRIDE), run, calls);
    return Number(process.hrtime.bigint() - begin);
  }

  /** Whether what C code keeps below its stack pointer is still there behind a 5-byte nop, `times` times. */
  keepsRedZone(times: number): boolean {
    const run = koffi().proto("uint64_t (uint64_t)");
    return BigInt(koffi().call(this.address + BigInt(RED_ZONE_AT), run, times)) === 0n;
  }

  [Symbol.dispose](): void {
    const munmap = libc().func("munmap", "int", ["uintptr_t", "size_t"]) as unknown as (
      address: bigint,
      length: number,
    ) => number;
    munmap(this.address, PAGE);
    closeDescriptor(this.fd);
  }
}
