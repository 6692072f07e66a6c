import assert from "node:assert/strict";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { FormatError, UnmeasurableError, virtualAddress } from "../../src/base/index.js";
import {
  type ElfFile,
  type ElfSection,
  type ElfSegment,
  memorySource,
  openElf,
  openFileSource,
  readElfSymbols,
} from "../../src/binary/index.js";
import { buildElfFixtures, type ElfFixtures, run } from "./elf-fixtures.js";

let fixtures: ElfFixtures;
before(() => {
  fixtures = buildElfFixtures();
});
after(() => fixtures[Symbol.dispose]());

const SECTION_TYPES: Readonly<Record<number, string>> = {
  0: "NULL",
  1: "PROGBITS",
  2: "SYMTAB",
  3: "STRTAB",
  4: "RELA",
  5: "HASH",
  6: "DYNAMIC",
  7: "NOTE",
  8: "NOBITS",
  11: "DYNSYM",
  14: "INIT_ARRAY",
  15: "FINI_ARRAY",
  16: "PREINIT_ARRAY",
  19: "RELR",
  1879048182: "GNU_HASH",
  1879048189: "VERDEF",
  1879048190: "VERNEED",
  1879048191: "VERSYM",
};
/** Letter of each SHF_ bit, lowest first. */
const SECTION_FLAGS = "WAX?MSILOGTC?????????R";
const SEGMENT_TYPES: Readonly<Record<string, string>> = {
  LOAD: "load",
  DYNAMIC: "dynamic",
  INTERP: "interpreter",
  NOTE: "note",
  TLS: "tls",
};

const flagLetters = (flags: number): string =>
  [...SECTION_FLAGS].filter((_, bit) => Math.floor(flags / 2 ** bit) % 2 === 1).join("");

/** A section as `readelf -SW` has it: index, name, type, address, offset, size, entry size, flags, link, info, alignment. */
const sectionRow = (section: ElfSection): readonly unknown[] => [
  section.index,
  section.name,
  SECTION_TYPES[section.type] ?? section.type,
  section.virtualAddress,
  section.fileOffset,
  section.size,
  section.entrySize,
  flagLetters(section.flags),
  section.link,
  section.info,
  section.alignment,
];

function readelfSections(path: string): readonly unknown[] {
  const line =
    /^ {2}\[ *(\d+)\] (.*?) +([A-Z_0-9]+) +([0-9a-f]{16}) ([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) +([A-Za-z]*) +(\d+) +(\d+) +(\d+)$/;
  return run("readelf", "-SW", path)
    .split("\n")
    .flatMap((text) => {
      const match = line.exec(text);
      if (match === null) return [];
      const [, index, name, type, address = "", offset = "", size = "", entry = "", flags, link, info, alignment] =
        match;
      const numbers = [address, offset, size, entry].map((field) => Number.parseInt(field, 16));
      return [[Number(index), name, type, ...numbers, flags, Number(link), Number(info), Number(alignment)]];
    });
}

/** A segment as `readelf -lW` has it: type, offset, address, file size, memory size, flags, alignment. */
const segmentRow = (segment: ElfSegment): readonly unknown[] => [
  segment.type,
  segment.fileOffset,
  segment.virtualAddress,
  segment.fileSize,
  segment.memorySize,
  segment.flags & 7,
  segment.alignment,
];

function readelfSegments(path: string): readonly unknown[] {
  const line =
    /^ {2}(\S+) +0x([0-9a-f]+) 0x([0-9a-f]+) 0x[0-9a-f]+ 0x([0-9a-f]+) 0x([0-9a-f]+) (R| )(W| )(E| ) (?:0x)?([0-9a-f]+)$/;
  return run("readelf", "-lW", path)
    .split("\n")
    .flatMap((text) => {
      const match = line.exec(text);
      if (match === null) return [];
      const [, type = "", offset = "", address = "", fileSize = "", memorySize = "", r, w, x, alignment = ""] = match;
      const [at, virtual, inFile, inMemory, aligned] = [offset, address, fileSize, memorySize, alignment].map((field) =>
        Number.parseInt(field, 16),
      );
      const flags = (r === "R" ? 4 : 0) + (w === "W" ? 2 : 0) + (x === "E" ? 1 : 0);
      return [[SEGMENT_TYPES[type] ?? "other", at, virtual, inFile, inMemory, flags, aligned]];
    });
}

const SYMBOL_KINDS: Readonly<Record<string, string>> = {
  FUNC: "function",
  OBJECT: "object",
  IFUNC: "ifunc",
  TLS: "tls",
};
const BINDINGS: Readonly<Record<string, string>> = { LOCAL: "local", GLOBAL: "global", WEAK: "weak" };

/** Rows of `readelf -sW` for one table: name, address, size, kind, binding of what is defined. */
function readelfSymbols(path: string, table: string): readonly unknown[] {
  const line = /^ *\d+: ([0-9a-f]{16}) +(\d+|0x[0-9a-f]+) ([A-Z]+) +([A-Z]+) +[A-Z]+ +(\S+) (.*)$/;
  let current = "";
  return run("readelf", "-sW", path)
    .split("\n")
    .flatMap((text) => {
      current = /^Symbol table '(.*)' contains/.exec(text)?.[1] ?? current;
      const match = current === table ? line.exec(text) : null;
      const [, address = "", size, type = "", binding = "", section, name = ""] = match ?? [];
      const kind = SYMBOL_KINDS[type];
      if (kind === undefined || section === "UND") return [];
      const plainName = table === ".dynsym" ? name.replace(/@.*$/, "") : name;
      return [[plainName, Number.parseInt(address, 16), Number(size), kind, BINDINGS[binding] ?? "other"]];
    });
}

const symbolRows = (elf: ElfFile, which: "symtab" | "dynsym"): readonly unknown[] =>
  readElfSymbols(elf, which).map((symbol) => [symbol.name, symbol.address, symbol.size, symbol.kind, symbol.binding]);

describe("an ELF file reads as readelf reads it", () => {
  it("sections and segments", async () => {
    for (const path of fixtures.all) {
      using source = openFileSource(path);
      const elf = await openElf(source);
      assert.deepEqual(elf.sections.map(sectionRow), readelfSections(path), path);
      assert.deepEqual(elf.segments.map(segmentRow), readelfSegments(path), path);
      assert.ok(elf.sections.length > 10 && elf.segments.length > 4, path);
    }
  });

  it("symbol tables", async () => {
    let compared = 0;
    for (const path of fixtures.all) {
      using source = openFileSource(path);
      const elf = await openElf(source);
      for (const which of ["symtab", "dynsym"] as const) {
        const rows = symbolRows(elf, which);
        assert.deepEqual(rows, readelfSymbols(path, `.${which}`), `${path} ${which}`);
        compared += rows.length;
      }
    }
    assert.ok(compared > 5_000, `${compared} symbols`);
  });

  it("decompressed debug sections", async () => {
    using packed = openFileSource(fixtures.compressed);
    const elf = await openElf(packed);
    const expanded = `${fixtures.directory}/expanded`;
    run("objcopy", "--decompress-debug-sections", fixtures.compressed, expanded);
    using unpacked = openFileSource(expanded);
    const plain = await openElf(unpacked);
    const sections = elf.sections.filter((section) => section.compressed);
    assert.ok(sections.length >= 5, `${sections.length} compressed sections`);
    for (const section of sections) {
      const same = plain.sections.find(({ name }) => name === section.name.replace(".zdebug_", ".debug_"));
      assert.ok(same !== undefined, section.name);
      assert.equal(Buffer.compare(elf.sectionData(section), plain.sectionData(same)), 0, section.name);
    }
  });
});

describe("addresses", () => {
  it("lead to bytes and file offsets, the latter through executable segments only", async () => {
    for (const path of [fixtures.plain, fixtures.positionIndependent, fixtures.stripped]) {
      using source = openFileSource(path);
      const elf = await openElf(source);
      const text = elf.findSection(".text");
      const data = elf.findSection(".data");
      assert.ok(text !== undefined && data !== undefined);
      assert.deepEqual(elf.readVirtual(text.virtualAddress, 64), elf.sectionData(text).subarray(0, 64));
      assert.equal(elf.toFileOffset(text.virtualAddress), text.fileOffset);
      assert.equal(elf.toFileOffset(data.virtualAddress), undefined);
      assert.equal(elf.toFileOffset(virtualAddress(2 ** 40)), undefined);
    }
  });

  it("without bytes in the file are errors, not zeros", async () => {
    using source = openFileSource(fixtures.plain);
    const elf = await openElf(source);
    const bss = elf.findSection(".bss");
    assert.ok(bss !== undefined);
    assert.throws(() => elf.readVirtual(bss.virtualAddress, 8), FormatError);
    assert.throws(() => elf.sectionData(bss), FormatError);
    assert.throws(() => elf.readVirtual(virtualAddress(16), 8), FormatError);
  });

  it("work without section headers", async () => {
    const bytes = readFileSync(fixtures.stripped);
    const whole = await openElf(memorySource("whole", Buffer.from(bytes)));
    bytes.writeBigUInt64LE(0n, 0x28);
    bytes.writeUInt32LE(0, 0x3c);
    const elf = await openElf(memorySource("stripped of sections", bytes));
    assert.equal(elf.sections.length, 0);
    assert.deepEqual(elf.segments, whole.segments);
    assert.deepEqual(readElfSymbols(elf), []);
    const text = whole.findSection(".text");
    assert.ok(text !== undefined);
    assert.equal(elf.toFileOffset(text.virtualAddress), text.fileOffset);
  });
});

const withByte =
  (value: number, at: number) =>
  (bytes: Buffer): Buffer => {
    bytes.writeUInt8(value, at);
    return bytes;
  };
const withHalf =
  (value: number, at: number) =>
  (bytes: Buffer): Buffer => {
    bytes.writeUInt16LE(value, at);
    return bytes;
  };

describe("what is not a program for us", () => {
  const refusals: readonly (readonly [string, (bytes: Buffer) => Buffer, string, RegExp])[] = [
    ["empty file", () => Buffer.alloc(0), "not-elf", /^x: not an ELF file$/],
    ["text", () => Buffer.from("hello, world"), "not-elf", /^x: not an ELF file$/],
    ["script", () => Buffer.from("#!/bin/sh\n"), "not-elf", /^x: not an ELF file$/],
    ["32-bit", withByte(1, 4), "unsupported-machine", /^x: not a 64-bit ELF file$/],
    ["big endian", withByte(2, 5), "unsupported-machine", /^x: not a little-endian ELF/],
    ["other machine", withHalf(21, 0x12), "unsupported-machine", /ELF machine 21 is not/],
    ["object file", withHalf(1, 0x10), "not-executable", /^x: neither a program nor/],
  ];
  for (const [name, change, code, message] of refusals)
    it(`${name} is refused as ${code}`, async () => {
      const bytes = change(readFileSync(fixtures.stripped).subarray(0, 4096));
      await assert.rejects(openElf(memorySource("x", bytes)), (error) => {
        assert.ok(error instanceof UnmeasurableError);
        assert.equal(error.code, code);
        assert.match(error.message, message);
        assert.notEqual(error.hint, undefined);
        return true;
      });
    });

  it("a file that ends in its headers is damaged", async () => {
    const bytes = readFileSync(fixtures.stripped);
    for (const length of [5, 63, 64, 300, 900])
      await assert.rejects(openElf(memorySource("x", bytes.subarray(0, length))), FormatError, `${length} bytes`);
  });

  it("a file that becomes shorter while it is open is damaged", () => {
    const path = `${fixtures.directory}/shrinking`;
    writeFileSync(path, Buffer.alloc(100, 1));
    using source = openFileSource(path);
    truncateSync(path, 50);
    assert.deepEqual(source.read(0, 50), Buffer.alloc(50, 1));
    assert.throws(() => source.read(40, 20), FormatError);
    assert.throws(() => source.read(90, 20), FormatError);
    assert.throws(() => source.read(-1, 1), FormatError);
    assert.throws(() => source.read(0, Number.NaN), FormatError);
  });

  it("a missing file, a directory and a device are named", () => {
    const code = (path: string): unknown => {
      try {
        openFileSource(path)[Symbol.dispose]();
        return "opened";
      } catch (error) {
        return error instanceof UnmeasurableError ? `${error.code}: ${error.message}` : error;
      }
    };
    assert.equal(code("/nonexistent/program"), "no-such-file: /nonexistent/program: no such file");
    assert.equal(code("/usr/bin"), "not-elf: /usr/bin: not a regular file");
    assert.equal(code("/dev/null"), "not-elf: /dev/null: not a regular file");
  });
});
