/**
 * The memory of a BPF ring buffer, mapped into this process: the consumer's page, which we write; then the producer's
 * page and the data, which the kernel writes and maps twice in a row, so that no record is in two pieces.
 *
 * SAFETY: views of the mapping end in a SIGSEGV when they outlive it. They never leave this class: records are copied
 * out, and after disposal there are none.
 */
import { invariant } from "../base/index.js";
import { kernelError, lastErrno } from "./errno.js";
import { koffi, libc } from "./library.js";

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const FAILED = 0xffff_ffff_ffff_0000n;

type Mmap = (address: null, length: number, protection: number, flags: number, fd: number, offset: number) => bigint;
type Munmap = (address: bigint, length: number) => number;

interface Area {
  readonly address: bigint;
  readonly bytes: number;
}

function map(fd: number, bytes: number, protection: number, offset: number): Area {
  const mmap = libc().func("mmap", "uintptr_t", ["void *", "size_t", "int", "int", "int", "long"]) as unknown as Mmap;
  const address = BigInt(mmap(null, bytes, protection, MAP_SHARED, fd, offset));
  if (address > FAILED) throw kernelError("mmap ring buffer", lastErrno());
  return { address, bytes };
}

function unmap({ address, bytes }: Area): void {
  const munmap = libc().func("munmap", "int", ["uintptr_t", "size_t"]) as unknown as Munmap;
  munmap(address, bytes);
}

const view = ({ address }: Area, bytes: number): ArrayBuffer => koffi().view(address, bytes);

export class RingMapping implements Disposable {
  /** Bytes of data; a power of two. */
  private readonly size: number;
  private readonly areas: readonly Area[];
  private views:
    | { readonly consumer: BigInt64Array; readonly producer: BigInt64Array; readonly data: Int32Array }
    | undefined;

  private constructor(size: number, page: number, consumer: Area, producer: Area) {
    this.size = size;
    this.areas = [consumer, producer];
    const whole = view(producer, producer.bytes);
    this.views = {
      consumer: new BigInt64Array(view(consumer, page), 0, 1),
      producer: new BigInt64Array(whole, 0, 1),
      data: new Int32Array(whole, page),
    };
  }

  /** Maps the ring buffer of `size` bytes behind a descriptor, which may be closed afterwards. */
  static open(fd: number, size: number): RingMapping {
    const page = (libc().func("getpagesize", "int", []) as unknown as () => number)();
    const consumer = map(fd, page, PROT_READ | PROT_WRITE, 0);
    try {
      return new RingMapping(size, page, consumer, map(fd, page + 2 * size, PROT_READ, page));
    } catch (error) {
      unmap(consumer);
      throw error;
    }
  }

  private mapped(): NonNullable<RingMapping["views"]> {
    invariant(this.views !== undefined, "the ring buffer is mapped");
    return this.views;
  }

  /** How far the kernel has given out room, and how far we have read: bytes since the beginning. */
  positions(): { readonly produced: number; readonly consumed: number } {
    const { consumer, producer } = this.mapped();
    // Atomic reads acquire: what was written before the position is there to be seen.
    return { produced: Number(Atomics.load(producer, 0)), consumed: Number(Atomics.load(consumer, 0)) };
  }

  /** The 32 bits at a position that is a multiple of 4, read with acquire. */
  word(position: number): number {
    return Atomics.load(this.mapped().data, (position % this.size) / 4) >>> 0;
  }

  /** A copy of `length` bytes from a position on, both multiples of 4. */
  copy(position: number, length: number): DataView {
    invariant(length <= this.size, "no more is read than there is");
    const from = (position % this.size) / 4;
    const copy = new Int32Array(length / 4);
    copy.set(this.mapped().data.subarray(from, from + length / 4));
    return new DataView(copy.buffer);
  }

  /** Gives everything before a position back to the kernel. */
  consume(position: number): void {
    Atomics.store(this.mapped().consumer, 0, BigInt(position));
  }

  [Symbol.dispose](): void {
    if (this.views === undefined) return;
    this.views = undefined;
    for (const area of this.areas) unmap(area);
  }
}
