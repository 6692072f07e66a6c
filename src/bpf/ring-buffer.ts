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
const GIVEN_BACK = 1 << 16;

export class RingBuffer implements Disposable {
  private readonly memory: RingMapping;

  /** Reads the ring buffer of `size` bytes behind a map's descriptor. */
  constructor(fd: number, size: number) {
    this.memory = RingMapping.open(fd, size);
  }

  /** Whether the kernel has given out no room that was not read. */
  isEmpty(): boolean {
    const { produced, consumed } = this.memory.positions();
    return produced === consumed;
  }

  /** Visits a copy of each record that is complete, up to the first that is not. Their number. */
  drain(visit: (record: Buffer) => void): number {
    const { memory } = this;
    const mask = BigInt(memory.size - 1);
    let { produced, consumed } = memory.positions();
    let givenBack = consumed;
    let count = 0;
    while (consumed < produced) {
      const offset = Number(consumed & mask);
      const header = memory.word(offset);
      if ((header & BUSY) !== 0) break;
      const length = header & ~(BUSY | DISCARDED);
      if ((header & DISCARDED) === 0) {
        visit(memory.copy(offset + HEADER, length));
        count++;
      }
      consumed += BigInt(HEADER + Math.ceil(length / 8) * 8);
      if (consumed - givenBack >= GIVEN_BACK) {
        memory.consume(consumed);
        givenBack = consumed;
      }
    }
    memory.consume(consumed);
    return count;
  }

  [Symbol.dispose](): void {
    this.memory[Symbol.dispose]();
  }
}
