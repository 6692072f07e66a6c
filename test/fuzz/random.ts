/** Numbers that look random and are the same for the same seed on every machine. */

/** A 32-bit xorshift-multiply generator (mulberry32); good enough to choose where to damage a file. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** An integer from 0 to 2^32 - 1. */
  word(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** From 0 to 1, both excluded. */
  fraction(): number {
    return (this.word() + 0.5) / 2 ** 32;
  }

  /** An integer from 0 to `limit - 1`; 0 when `limit` is below 1. */
  below(limit: number): number {
    return limit < 1 ? 0 : Math.floor((this.word() / 2 ** 32) * limit);
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0;
  }

  pick<T>(from: readonly T[]): T {
    const item = from[this.below(from.length)];
    if (item === undefined) throw new RangeError("nothing to pick from");
    return item;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }
}

/** The seed of run `index` of a series, so that each run can be repeated alone. */
export const seedOfRun = (seed: number, index: number): number => (Math.imul(seed, 0x9e3779b1) + index) >>> 0;
