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

/** Calls a little function `rdi` times: the shape of a Go function, with a stack check's jbe, a frame and a ret. */
const CODE = Buffer.from([
  0x48,
  0x85,
  0xff, // test rdi, rdi
  0x74,
  0x0a, //       je end
  0xe8,
  0x06,
  0x00,
  0x00,
  0x00, // again: call f
  0x48,
  0xff,
  0xcf, // dec rdi
  0x75,
  0xf6, //       jne again
  0xc3, //        end: ret
  0x48,
  0x85,
  0xe4, // f: test rsp, rsp
  0x76,
  0x00, //       jbe +0
  0x55, //             push rbp
  0x48,
  0x89,
  0xe5, // mov rbp, rsp
  0x5d, //             pop rbp
  0xc3, //             ret
]);

/** Instructions of the called function, as offsets in the page's file. */
export const CODE_PAGE_SITES = { first: 16, stackCheck: 19, push: 21, return: 26 } as const;

const PAGE = 4096;
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
    CODE.copy(page);
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

  /** Nanoseconds that `calls` calls of the function took. */
  time(calls: number): number {
    invariant(calls > 0, "a measurement has calls");
    const run = koffi().proto("void (uint64_t)");
    const begin = process.hrtime.bigint();
    koffi().call(this.address, run, calls);
    return Number(process.hrtime.bigint() - begin);
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
