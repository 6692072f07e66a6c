/**
 * Records that programs hand over through a BPF ring buffer, in the order in which they took their room there. Nothing
 * tells that there are some: programs that wake nobody are cheaper, and whoever reads comes by in time.
 */
import { RingMapping } from "../kernel/index.js";

/** Of a record's header, include/uapi/linux/bpf.h: the length, whether it is still being written, whether it was given up. */
const BUSY = 0x8000_0000;
const DISCARDED = 0x4000_0000;
const HEADER = 8;
/** LIMIT: bytes that are read before their room is given back, so that programs need not wait for the last record. */
const CHUNK = 1 << 16;

const lengthOf = (header: number): number => header & ~(BUSY | DISCARDED);
const spaceOf = (header: number): number => HEADER + Math.ceil(lengthOf(header) / 8) * 8;

/** Takes a record: `length` bytes of a copy of many, from `at` on, which is a multiple of 8. */
export type RecordVisitor = (copy: DataView, at: number, length: number) => void;

export class RingBuffer implements Disposable {
  private readonly memory: RingMapping;

  /** Reads the ring buffer of `size` bytes behind a map's descriptor. */
  constructor(fd: number, size: number) {
    this.memory = RingMapping.open(fd, size);
  }

  /** Visits the records that are complete, up to the first that is not, and `most` of them or a few more. */
  drain(most: number, visit: RecordVisitor): void {
    let { produced, consumed } = this.memory.positions();
    for (let count = 0; count < most && consumed < produced; ) {
      const end = this.findComplete(consumed, produced);
      if (end === consumed) return;
      count += this.visitChunk(consumed, end, visit);
      consumed = end;
      this.memory.consume(consumed);
    }
  }

  /** Where the next complete records end, as many as make up a chunk. */
  private findComplete(from: number, produced: number): number {
    let at = from;
    while (at < produced && at - from < CHUNK) {
      const header = this.memory.word(at);
      if ((header & BUSY) !== 0) break;
      at += spaceOf(header);
    }
    return at;
  }

  private visitChunk(from: number, end: number, visit: RecordVisitor): number {
    const copy = this.memory.copy(from, end - from);
    let count = 0;
    for (let at = 0; at < copy.byteLength; count++) {
      const header = copy.getUint32(at, true);
      if ((header & DISCARDED) === 0) visit(copy, at + HEADER, lengthOf(header));
      at += spaceOf(header);
    }
    return count;
  }

  [Symbol.dispose](): void {
    this.memory[Symbol.dispose]();
  }
}
