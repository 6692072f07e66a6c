/**
 * Every generation of pclntab, on tables written here after the format's descriptions: Go 1.2 to 1.17 have no toolchain
 * among the fixtures. Two functions, one with a call inlined into it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FormatError, type VirtualAddress, virtualAddress } from "../../src/base/index.js";
import type { ImageReader } from "../../src/binary/image.js";
import { inlineTableNumbers } from "../../src/binary/inline-tree.js";
import { findModuledata } from "../../src/binary/moduledata.js";
import { Pclntab } from "../../src/binary/pclntab.js";
import {
  PCLNTAB_HEADER_SIZE,
  type PclntabFormat,
  type PclntabHeader,
  parsePclntabHeader,
} from "../../src/binary/pclntab-format.js";
import { readFunctionTable } from "../../src/binary/pclntab-records.js";

const MAGIC: Readonly<Record<PclntabFormat, number>> = {
  "go1.2": 0xfffffffb,
  "go1.16": 0xfffffffa,
  "go1.18": 0xfffffff0,
  "go1.20": 0xfffffff1,
};

const TEXT = 0x401000;
const PCLNTAB = 0x500000;
const TREE = 0x600010;
const GOFUNC = 0x600000;
const MODULEDATA = 0x700000;
/** main.outer is 0x30 bytes of code in room for 0x40; main.leaf, behind it, has 0x10. */
const END = TEXT + 0x50;

/** Bytes that grow, and positions in them to be filled in later. */
class Writer {
  bytes = Buffer.alloc(0);

  get length(): number {
    return this.bytes.length;
  }

  add(...parts: readonly (Buffer | readonly number[])[]): number {
    const at = this.length;
    this.bytes = Buffer.concat([this.bytes, ...parts.map((part) => Buffer.from(part))]);
    return at;
  }

  u32(...values: readonly number[]): number {
    const bytes = Buffer.alloc(values.length * 4);
    for (const [index, value] of values.entries()) bytes.writeInt32LE(value | 0, index * 4);
    return this.add(bytes);
  }

  u64(...values: readonly number[]): number {
    const bytes = Buffer.alloc(values.length * 8);
    for (const [index, value] of values.entries()) bytes.writeBigUInt64LE(BigInt(value), index * 8);
    return this.add(bytes);
  }

  align(size: number): void {
    this.add(Buffer.alloc((size - (this.length % size)) % size));
  }

  setU32(at: number, value: number): void {
    this.bytes.writeInt32LE(value | 0, at);
  }

  setU64(at: number, value: number): void {
    this.bytes.writeBigUInt64LE(BigInt(value), at);
  }
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

/** A pc-value table of [value, bytes of code] pairs. */
function pcValues(...ranges: readonly (readonly [number, number])[]): number[] {
  let previous = -1;
  const encoded = ranges.flatMap(([value, size]) => {
    const delta = value - previous;
    previous = value;
    return [...varint(((delta << 1) ^ (delta >> 31)) >>> 0), ...varint(size)];
  });
  return [...encoded, 0];
}

const text = (value: string): Buffer => Buffer.from(`${value}\0`);

interface Synthetic {
  readonly format: PclntabFormat;
  readonly pclntab: Writer;
  readonly tree: Writer;
  readonly moduledata: Writer;
}

/** Where things are once written, from the pclntab's start. */
interface Tables {
  readonly names: number;
  readonly units: number;
  readonly files: number;
  readonly pcs: number;
  readonly functions: number;
}

/** What stands in a function record; offsets are from the start of the table they point into. */
interface Place {
  readonly entry: number;
  readonly name: number;
  readonly file: number;
  readonly line: number;
  readonly inlining: number | undefined;
  readonly startLine: number;
  readonly functionId: number;
  readonly flags: number;
}

function addRecord(out: Writer, format: PclntabFormat, place: Place): void {
  const wide = format === "go1.2" || format === "go1.16";
  if (wide) out.u64(TEXT + place.entry);
  else out.u32(place.entry);
  out.u32(place.name, 0, 0, 0, place.file, place.line, place.inlining === undefined ? 0 : 3);
  if (format !== "go1.2") out.u32(0);
  if (format === "go1.20") out.u32(place.startLine);
  const funcDataCount = place.inlining === undefined ? 0 : 5;
  out.add([place.functionId, format === "go1.2" ? 0 : place.flags, 0, funcDataCount]);
  if (place.inlining === undefined) return;
  out.u32(0, 0, place.inlining);
  const number = format === "go1.2" ? 4 : 3;
  if (wide) {
    out.align(8);
    for (let index = 0; index < funcDataCount; index++) out.u64(index === number ? TREE : 0);
  } else for (let index = 0; index < funcDataCount; index++) out.u32(index === number ? TREE - GOFUNC : -1);
}

function synthesize(format: PclntabFormat): Synthetic {
  const wide = format === "go1.2" || format === "go1.16";
  const old = format === "go1.2";
  const out = new Writer();
  out.u32(MAGIC[format]);
  out.add([0, 0, 1, 8]);
  const functionTable = old ? 16 : PCLNTAB_HEADER_SIZE;
  out.u64(2);
  const headerRest = old ? 0 : out.u64(...Array.from({ length: format === "go1.16" ? 6 : 7 }, () => 0));

  // The old layout begins with the function table; the new ones end with it.
  const column = wide ? 8 : 4;
  const oldTable = old ? out.add(Buffer.alloc(5 * 8 + 8)) : 0;
  const names = old ? 0 : out.length;
  const outerName = out.add(text("main.outer"));
  const inlinedName = out.add(text("main.inlined·1"));
  const leafName = out.add(text("main.leaf[...]"));
  out.align(4);
  const units = out.length;
  const unitTable = old ? 0 : out.u32(0, 10);
  const files = out.length;
  const fileNames = [out.add(text("outer.go")), out.add([0]), out.add(text("inlined.go"))];
  if (!old) {
    assert.equal((fileNames[2] ?? 0) - files, 10);
    assert.equal(unitTable, units);
  }
  const firstFile = old ? 1 : 0;
  const pcs = out.add([0]);
  const pcBase = old ? 0 : pcs;
  const outerFile = out.add(pcValues([firstFile, 0x10], [firstFile + 1, 0x10], [firstFile, 0x10]));
  const outerLine = out.add(pcValues([10, 0x10], [7, 0x8], [200, 0x8], [12, 0x10]));
  const inlining = out.add(pcValues([-1, 0x10], [0, 0x10], [-1, 0x10]));
  const leafFile = out.add(pcValues([firstFile, 0x10]));
  const leafLine = out.add(pcValues([30, 0x10]));
  out.align(8);
  const nameBase = old ? 0 : names;
  const table = old ? oldTable : out.add(Buffer.alloc(5 * column));
  const recordBase = old ? 0 : table;
  const records: number[] = [];
  for (const place of [
    { entry: 0, name: outerName, file: outerFile, line: outerLine, inlining, startLine: 9, functionId: 0, flags: 1 },
    {
      entry: 0x40,
      name: leafName,
      file: leafFile,
      line: leafLine,
      inlining: undefined,
      startLine: 29,
      functionId: 3,
      flags: 4,
    },
  ]) {
    out.align(8);
    records.push(out.length - recordBase);
    const position = (at: number) => at - pcBase;
    const tree = place.inlining === undefined ? undefined : position(place.inlining);
    const tables = { file: position(place.file), line: position(place.line), inlining: tree };
    addRecord(out, format, { ...place, name: place.name - nameBase, ...tables });
  }
  const cells = [0, records[0] ?? 0, 0x40, records[1] ?? 0, 0x50];
  for (const [index, cell] of cells.entries()) {
    if (wide) out.setU64(table + index * 8, index % 2 === 0 ? TEXT + cell : cell);
    else out.setU32(table + index * 4, cell);
  }
  if (old) {
    const list = out.u32(3, ...fileNames.filter((_, index) => index !== 1));
    out.setU32(oldTable + 5 * 8, list);
    assert.equal(functionTable, oldTable);
  } else {
    const starts = [names, units, files, pcs, table];
    const header = format === "go1.16" ? [3, ...starts] : [3, format === "go1.18" ? TEXT : 0, ...starts];
    for (const [index, value] of header.entries()) out.setU64(headerRest + index * 8, value);
  }
  const moduledata = writeModuledata(format, out.length, { names, units, files, pcs, functions: table });
  return { format, pclntab: out, tree: writeTree(format, inlinedName - nameBase), moduledata };
}

/** One call of main.inlined, declared at line 5, whose call site is the instruction 0x2c into main.outer. */
function writeTree(format: PclntabFormat, name: number): Writer {
  const out = new Writer();
  out.add(Buffer.alloc(TREE - GOFUNC));
  if (format === "go1.20") out.u32(0, name, 0x2c, 5);
  else out.u32(0xffff, 0, 12, name, 0x2c);
  return out;
}

/** Go 1.8's, 1.16's, 1.18's and 1.26's. */
function writeModuledata(format: PclntabFormat, size: number, tables: Tables): Writer {
  const out = new Writer();
  const slice = (offset: number, length: number) => out.u64(PCLNTAB + offset, length, length);
  if (format === "go1.2") {
    slice(0, size);
    out.u64(PCLNTAB + 16, 3, 3, 0, 0, 0);
  } else {
    out.u64(PCLNTAB);
    slice(tables.names, tables.units - tables.names);
    slice(tables.units, (tables.files - tables.units) / 4);
    slice(tables.files, tables.pcs - tables.files);
    slice(tables.pcs, tables.functions - tables.pcs);
    slice(tables.functions, size - tables.functions);
    slice(tables.functions, 3);
  }
  out.u64(0x7f0000, TEXT, END, TEXT, END);
  for (let index = 0; index < 4; index++) out.u64(0x710000, 0x710100);
  if (format === "go1.20") out.u64(0, 0);
  out.u64(0x720000, 0, 0, 0x610000, 0x620000);
  if (format === "go1.18" || format === "go1.20") out.u64(0x600000, GOFUNC);
  if (format === "go1.20") out.u64(PCLNTAB + size);
  out.u64(0x730000, 1, 1);
  out.add(Buffer.alloc(408 - Math.min(408, out.length)));
  return out;
}

/** Memory that holds these pieces and nothing else. */
function imageOf(pieces: ReadonlyMap<number, Buffer>): ImageReader {
  return {
    read(address: VirtualAddress, length: number): Buffer {
      for (const [start, bytes] of pieces)
        if (address >= start && address + length <= start + bytes.length)
          return bytes.subarray(address - start, address - start + length);
      throw new FormatError("image", address, `${length} bytes are not there`);
    },
  };
}

function open({ format, pclntab, tree, moduledata }: Synthetic, bytes: Buffer, goMinor: number): Pclntab {
  const image = imageOf(
    new Map([
      [PCLNTAB, bytes],
      [GOFUNC, tree.bytes],
      [MODULEDATA, moduledata.bytes],
    ]),
  );
  assert.ok(pclntab.length > 0);
  const address = virtualAddress(PCLNTAB);
  const header: PclntabHeader = parsePclntabHeader(bytes.subarray(0, PCLNTAB_HEADER_SIZE));
  const table = readFunctionTable(image, address, header);
  const found = findModuledata(
    image,
    [virtualAddress(MODULEDATA)],
    { address, header },
    { text: `go1.${goMinor}`, major: 1, minor: goMinor },
    [table.entries[0] ?? 0, table.entries[header.functionCount] ?? 0],
  );
  return new Pclntab(
    { image, address, header, moduledata: found, inlineTables: inlineTableNumbers(format, goMinor) },
    table,
  );
}

const CASES = [
  { format: "go1.2", goMinor: 15 },
  { format: "go1.16", goMinor: 17 },
  { format: "go1.18", goMinor: 19 },
  { format: "go1.20", goMinor: 26 },
] as const;

for (const { format, goMinor } of CASES) {
  const made = synthesize(format);
  const dated = format === "go1.20";

  test(`${format}: functions, lines and inlining`, () => {
    const pclntab = open(made, made.pclntab.bytes, goMinor);
    assert.equal(pclntab.functionCount, 2);
    const flagged = format === "go1.18" || format === "go1.20";
    assert.deepEqual(pclntab.function(0), {
      index: 0,
      name: "main.outer",
      entry: TEXT,
      end: TEXT + 0x30,
      file: "outer.go",
      line: dated ? 9 : 10,
      startLine: dated ? 9 : undefined,
      functionId: 0,
      assembly: false,
      wrapper: false,
      topFrame: format !== "go1.2",
      writesStackPointer: false,
    });
    assert.deepEqual(pclntab.function(1), {
      index: 1,
      name: "main.leaf[...]",
      entry: TEXT + 0x40,
      end: TEXT + 0x50,
      file: "outer.go",
      line: dated ? 29 : 30,
      startLine: dated ? 29 : undefined,
      functionId: 3,
      assembly: flagged,
      wrapper: false,
      topFrame: false,
      writesStackPointer: false,
    });
    const lines = [0, 0xf, 0x10, 0x18, 0x1f, 0x20, 0x2f, 0x30, 0x3f, 0x40, 0x4f, 0x50].map((offset) => {
      const place = pclntab.lineAt(virtualAddress(TEXT + offset));
      return place === undefined ? "none" : `${place.file}:${place.line}`;
    });
    assert.deepEqual(lines, [
      ...["outer.go:10", "outer.go:10", "inlined.go:7", "inlined.go:200", "inlined.go:200"],
      ...["outer.go:12", "outer.go:12", "none", "none", "outer.go:30", "outer.go:30", "none"],
    ]);
    assert.deepEqual(pclntab.inlineTreeAt(virtualAddress(TEXT + 0x18)), [
      {
        function: "main.inlined·1",
        file: "inlined.go",
        line: 200,
        startLine: dated ? 5 : undefined,
        inlined: true,
        wrapper: false,
      },
      {
        function: "main.outer",
        file: "outer.go",
        line: 12,
        startLine: dated ? 9 : undefined,
        inlined: false,
        wrapper: false,
      },
    ]);
    assert.deepEqual(pclntab.inlinedFunctionNames(0), ["main.inlined·1"]);
    assert.deepEqual(pclntab.inlinedFunctionNames(1), []);
    assert.deepEqual(pclntab.inlinedCopyCounts(), new Map([["main.inlined·1", 1]]));
    assert.deepEqual(pclntab.findIndexesByName("main.leaf[...]"), [1]);
    assert.deepEqual(pclntab.findIndexesByName("main.inlined·1"), []);
  });

  test(`${format}: any damaged byte gives an answer or a FormatError`, () => {
    for (let at = 0; at < made.pclntab.length; at++) {
      for (const value of [0x00, 0x01, 0x7f, 0x80, 0xff]) {
        const bytes = Buffer.from(made.pclntab.bytes);
        bytes[at] = value;
        try {
          const pclntab = open(made, bytes, goMinor);
          for (const act of [
            () => pclntab.names(),
            () => pclntab.function(0),
            () => pclntab.function(1),
            () => pclntab.inlineTreeAt(virtualAddress(TEXT + 0x18)),
            () => pclntab.inlinedCopyCounts(),
            () => pclntab.findIndexesByName("main.leaf[...]"),
          ])
            requireFormatError(act);
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
        }
      }
    }
    assert.ok(made.pclntab.length > 200);
  });

  test(`${format}: every truncated header is refused`, () => {
    const size = format === "go1.2" ? 16 : format === "go1.16" ? 64 : PCLNTAB_HEADER_SIZE;
    for (let length = 0; length < size; length++)
      assert.throws(() => parsePclntabHeader(made.pclntab.bytes.subarray(0, length)), FormatError, `${length} bytes`);
    assert.equal(parsePclntabHeader(made.pclntab.bytes.subarray(0, size)).functionCount, 2);
  });
}

function requireFormatError(act: () => unknown): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
  }
}

test("what no Go linker writes is refused", () => {
  const good = synthesize("go1.20").pclntab.bytes;
  const refused = (at: number, value: number, detail: RegExp) => {
    const bytes = Buffer.from(good);
    bytes[at] = value;
    assert.throws(() => parsePclntabHeader(bytes), detail);
  };
  refused(0, 0xf2, /0xfffffff2 is not a known magic number/);
  refused(4, 1, /padding is not zero/);
  refused(6, 3, /instruction quantum 3/);
  refused(7, 4, /pointers of 4 bytes/);
  refused(14, 1, /functions/);
});

test("a function's inlining before go1.14 is not guessed at", () => {
  assert.equal(inlineTableNumbers("go1.2", 13), undefined);
  const made = synthesize("go1.2");
  const frames = open(made, made.pclntab.bytes, 13).inlineTreeAt(virtualAddress(TEXT + 0x18));
  assert.deepEqual(
    frames.map(({ function: name, line }) => `${name} ${line}`),
    ["main.outer 200"],
  );
});
