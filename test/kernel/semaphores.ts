/**
 * The counts by which a process knows which of its static probes are wanted, read from its memory: where they are, readelf
 * tells.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync, readSync } from "node:fs";

export class SemaphoreReader {
  private readonly file: string;
  /** Virtual addresses by the name of the probe. */
  private readonly addresses: ReadonlyMap<string, number>;
  private readonly positionIndependent: boolean;

  constructor(file: string, provider: string) {
    this.file = file;
    const notes = execFileSync("readelf", ["-n", file], { encoding: "utf8" });
    const fields = /^ +Provider: (.+)\n +Name: (.+)\n.*Semaphore: (0x[0-9a-f]+)$/gm;
    this.addresses = new Map(
      [...notes.matchAll(fields)]
        .filter(([, of]) => of === provider)
        .map(([, , name = "", address]) => [name, Number(address)] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
    assert.ok(this.addresses.size > 0);
    const header = execFileSync("readelf", ["-h", file], { encoding: "utf8" });
    this.positionIndependent = /^ +Type: +DYN/m.test(header);
  }

  /** Those of a process of the file that are not 0, by the name of the probe. */
  of(pid: number): Readonly<Record<string, number>> {
    const bias = this.positionIndependent ? this.base(pid) : 0;
    const memory = openSync(`/proc/${pid}/mem`, "r");
    try {
      const counts = [...this.addresses].map(([name, address]) => {
        const count = Buffer.alloc(2);
        assert.equal(readSync(memory, count, 0, 2, bias + address), 2);
        return [name, count.readUInt16LE()] as const;
      });
      return Object.fromEntries(counts.filter(([, count]) => count !== 0));
    } finally {
      closeSync(memory);
    }
  }

  /** Where the file begins in the process. */
  private base(pid: number): number {
    const maps = readFileSync(`/proc/${pid}/maps`, "utf8").split("\n");
    const first = maps.find((line) => line.endsWith(` ${this.file}`) && line.split(" ")[2] === "00000000");
    assert.ok(first !== undefined);
    return Number.parseInt(first, 16);
  }
}
