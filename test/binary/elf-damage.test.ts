/** Damaged files: whatever the bytes, a reader returns a value or throws an error with a code, soon and in little memory. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { deflateSync } from "node:zlib";
import { FormatError, ProfilerError } from "../../src/base/index.js";
import { decompressLegacySection, decompressSection } from "../../src/binary/compression.js";
import {
  type ElfFile,
  findBuildInfo,
  findGnuBuildId,
  findGoBuildId,
  memorySource,
  openElf,
  readElfSymbols,
} from "../../src/binary/index.js";
import { buildElfFixtures, type ElfFixtures, randomFrom } from "./elf-fixtures.js";

let fixtures: ElfFixtures;
before(() => {
  fixtures = buildElfFixtures();
});
after(() => fixtures[Symbol.dispose]());

const attempt = (read: () => unknown): string => {
  try {
    read();
    return "value";
  } catch (error) {
    assert.ok(error instanceof FormatError, String(error));
    return "damaged";
  }
};

/** Everything these readers can be asked; how many of the answers were FormatErrors. */
function readEverything(elf: ElfFile): number {
  const answers = [
    attempt(() => readElfSymbols(elf).map((symbol) => symbol.name)),
    attempt(() => readElfSymbols(elf, "dynsym").map((symbol) => symbol.name)),
    attempt(() => findBuildInfo(elf)),
    attempt(() => findGoBuildId(elf)),
    attempt(() => findGnuBuildId(elf)),
    ...elf.sections.filter((section) => section.compressed).map((section) => attempt(() => elf.sectionData(section))),
  ];
  return answers.filter((answer) => answer === "damaged").length;
}

interface Outcomes {
  opened: number;
  refused: number;
  damagedReads: number;
}

async function openDamaged(bytes: Buffer, outcomes: Outcomes): Promise<void> {
  let elf: ElfFile;
  try {
    elf = await openElf(memorySource("damaged", bytes));
  } catch (error) {
    assert.ok(error instanceof ProfilerError, String(error));
    assert.doesNotMatch(error.message, /\n/);
    outcomes.refused++;
    return;
  }
  outcomes.opened++;
  outcomes.damagedReads += readEverything(elf);
}

const EXTREMES = [0, 1, 0x7f, 0x80, 0xff];

/** Changes one to four bytes of `[start, end)` and returns how to undo it. */
function mutate(bytes: Buffer, start: number, end: number, random: (bound: number) => number): () => void {
  const places = Array.from({ length: 1 + random(4) }, () => start + random(end - start));
  const saved = places.map((place) => bytes[place] ?? 0);
  for (const place of places) bytes[place] = random(2) === 0 ? random(256) : (EXTREMES[random(EXTREMES.length)] ?? 0);
  return () => {
    for (let index = places.length - 1; index >= 0; index--) bytes[places[index] ?? 0] = saved[index] ?? 0;
  };
}

describe("damaged ELF files", () => {
  it("mutated headers, notes, build info and symbols are values or errors", async () => {
    for (const [seed, path] of [fixtures.plain, fixtures.positionIndependent, fixtures.compressed].entries()) {
      const bytes = readFileSync(path);
      const whole = await openElf(memorySource(path, Buffer.from(bytes)));
      const random = randomFrom(seed + 1);
      const targets = [".note.go.buildid", ".go.buildinfo", ".symtab"].flatMap((name) => whole.findSection(name) ?? []);
      const ranges = [
        { start: 0, end: 64 },
        { start: 0, end: 64 + whole.segments.length * 56 + whole.sections.length * 64 },
        ...targets.map(({ fileOffset, size }) => ({ start: fileOffset, end: fileOffset + Math.min(size, 4096) })),
      ];
      const outcomes: Outcomes = { opened: 0, refused: 0, damagedReads: 0 };
      for (let round = 0; round < 100; round++) {
        const range = ranges[round % ranges.length] ?? { start: 0, end: 64 };
        const undo = mutate(bytes, range.start, range.end, random);
        await openDamaged(bytes, outcomes);
        undo();
      }
      assert.deepEqual(bytes, readFileSync(path), "mutations were undone");
      assert.ok(outcomes.opened > 20 && outcomes.refused > 10 && outcomes.damagedReads > 5, JSON.stringify(outcomes));
    }
  });

  it("files cut anywhere are values or errors", async () => {
    const bytes = readFileSync(fixtures.plain);
    const random = randomFrom(7);
    const outcomes: Outcomes = { opened: 0, refused: 0, damagedReads: 0 };
    for (let length = 0; length < 1024; length += 13) await openDamaged(bytes.subarray(0, length), outcomes);
    const { loads } = await openElf(memorySource("whole", bytes));
    const loaded = Math.max(...loads.map((load) => load.fileOffset + load.fileSize));
    for (let round = 0; round < 30; round++) await openDamaged(bytes.subarray(0, random(loaded)), outcomes);
    assert.deepEqual(outcomes, { opened: 0, refused: 109, damagedReads: 0 });
    const beyond: Outcomes = { opened: 0, refused: 0, damagedReads: 0 };
    for (let round = 0; round < 30; round++)
      await openDamaged(bytes.subarray(0, loaded + random(bytes.length - loaded)), beyond);
    assert.ok(beyond.opened === 30 && beyond.damagedReads > 10, JSON.stringify(beyond));
    await assert.rejects(openElf(memorySource("x", bytes.subarray(0, loaded - 1))), /it is truncated$/);
  });

  it("segments that claim the same bytes again and again are refused", async () => {
    const bytes = readFileSync(fixtures.plain);
    const count = 1000;
    const table = Buffer.alloc(count * 56);
    for (let index = 0; index < count; index++) {
      table.writeUInt32LE(1, index * 56);
      table.writeUInt32LE(6, index * 56 + 4);
      table.writeBigUInt64LE(BigInt(index + 1) << 32n, index * 56 + 16);
      table.writeBigUInt64LE(BigInt(bytes.length), index * 56 + 32);
      table.writeBigUInt64LE(BigInt(bytes.length), index * 56 + 40);
    }
    const hostile = Buffer.concat([bytes, table]);
    hostile.writeBigUInt64LE(BigInt(bytes.length), 0x20);
    hostile.writeUInt16LE(count, 0x38);
    await assert.rejects(
      openElf(memorySource("x", hostile)),
      /^FormatError: program headers .* segments load \d+ bytes/,
    );
  });

  it("counts beyond all reason are refused before anything is read", async () => {
    for (const [field, value] of [
      [0x38, 0xffff],
      [0x38, 0x8000],
      [0x3c, 0xffff],
      [0x36, 8],
      [0x3a, 0xffff],
      [0x3e, 0x7fff],
    ] as const) {
      const bytes = readFileSync(fixtures.plain);
      bytes.writeUInt16LE(value, field);
      await assert.rejects(openElf(memorySource("x", bytes)), FormatError, `field 0x${field.toString(16)}`);
    }
    for (const field of [0x20, 0x28]) {
      const bytes = readFileSync(fixtures.plain);
      bytes.writeBigUInt64LE(2n ** 64n - 8n, field);
      await assert.rejects(openElf(memorySource("x", bytes)), FormatError, `field 0x${field.toString(16)}`);
    }
  });
});

describe("compressed sections", () => {
  const contents = Buffer.alloc(100_000, "section ");
  const packed = deflateSync(contents);

  function modern(method: number, size: number, data: Buffer): Buffer {
    const header = Buffer.alloc(24);
    header.writeUInt32LE(method, 0);
    header.writeBigUInt64LE(BigInt(size), 8);
    return Buffer.concat([header, data]);
  }

  function legacy(size: number, data: Buffer): Buffer {
    const header = Buffer.from("ZLIB\0\0\0\0\0\0\0\0", "latin1");
    header.writeBigUInt64BE(BigInt(size), 4);
    return Buffer.concat([header, data]);
  }

  it("of both forms are decompressed", () => {
    assert.deepEqual(decompressSection(modern(1, contents.length, packed), ".debug_info"), contents);
    assert.deepEqual(decompressLegacySection(legacy(contents.length, packed), ".zdebug_info"), contents);
  });

  const lies: readonly (readonly [string, Buffer, RegExp])[] = [
    ["larger than stated", modern(1, 99_999, packed), /damaged zlib data/],
    ["smaller than stated", modern(1, 100_001, packed), /decompresses to 100000 bytes, not 100001/],
    ["impossibly large", modern(1, 2 ** 29, packed), /can't be 536870912 bytes/],
    ["larger than memory", modern(1, 2 ** 52, packed), /can't be/],
    ["cut", modern(1, 100_000, packed.subarray(0, -8)), /damaged zlib data/],
    ["not zlib", modern(1, 100_000, Buffer.alloc(200, 0x55)), /damaged zlib data/],
    ["without a whole header", modern(1, 1, packed).subarray(0, 20), /is outside the data/],
    ["of an unknown method", modern(7, 100_000, packed), /unknown compression method 7/],
    ["zstd", modern(2, 100_000, packed), /compressed with zstd, which gospect does not read/],
  ];
  for (const [name, bytes, message] of lies)
    it(`${name} are damaged`, () => {
      assert.throws(
        () => decompressSection(bytes, ".debug_info"),
        (error) => error instanceof FormatError && message.test(error.message),
      );
    });
});
