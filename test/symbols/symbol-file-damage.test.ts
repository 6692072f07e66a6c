/** Symbol files that are not what they should be: every answer is right, or a FormatError. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { FormatError } from "../../src/base/index.js";
import { type GoType, memorySource, openGoBinary } from "../../src/binary/index.js";
import { writeSymbolFile } from "../../src/symbols/index.js";
import { ColumnBlock, joinColumns } from "../../src/symbols/symbol-file/columns.js";
import { MAGIC, PRELUDE_SIZE } from "../../src/symbols/symbol-file/format.js";
import { SymbolFile } from "../../src/symbols/symbol-file/index.js";
import { pack, unpack } from "../../src/symbols/symbol-file/packing.js";
import { Positions } from "../../src/symbols/symbol-file/positions.js";
import { fixturePath } from "../fixture.js";

let sound: Buffer = Buffer.alloc(0);

before(async () => {
  using binary = await openGoBinary(fixturePath("truth", "1.27", "plain"));
  sound = await writeSymbolFile(binary);
});

const open = (bytes: Buffer): SymbolFile => new SymbolFile(memorySource("app.gosym", bytes));

/** Follows a type as far as a few steps lead. */
function follow(type: GoType, steps: number): void {
  if (steps === 0) return;
  if (type.kind === "pointer") follow(type.target(), steps - 1);
  if (type.kind === "struct") for (const field of type.fields) follow(field.type, steps - 1);
  if (type.kind === "slice") follow(type.element(), steps - 1);
}

/** Asks for something of everything. */
function exercise(bytes: Buffer): void {
  using file = open(bytes);
  for (const name of ["main.main", "runtime.mallocgc", "no.such"]) file.findIndexesByName(name);
  file.inlinedCopyCountsOf(["main.main", "sync.(*Mutex).Lock"]);
  for (const name of ["runtime.allgs", "main.nosuch"]) {
    const variable = file.findVariable(name);
    if (variable?.type !== undefined) follow(variable.type, 3);
  }
  const type = file.findType("runtime.g");
  if (type !== undefined) follow(type, 4);
  for (let index = 0; index < file.functionCount; index += 97) {
    file.placeOf(index);
    file.linkNamesOf(index);
    for (const { type: each } of file.signatureOf(index)?.parameters ?? []) follow(each, 3);
    const entry = file.entryOf(index);
    file.findIndexByAddress(entry);
    file.inlineTreeAt(entry);
  }
}

/** A FormatError or an answer; anything else fails the test. */
function survives(act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}

/** Numbers that are the same in every run. */
function* numbers(seed: number): Generator<number> {
  for (let state = seed >>> 0; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state;
  }
}

test("a sound file answers", () =>
  assert.equal(
    survives(() => exercise(sound)),
    true,
  ));

test("another file is told apart, and so is another version", () => {
  assert.throws(() => open(Buffer.from("\x7fELF\x02\x01\x01 something else")), { code: "not-symbol-file" });
  assert.throws(() => open(Buffer.alloc(0)), { code: "not-symbol-file" });
  const later = Buffer.from(sound);
  later[MAGIC.length - 1] = 3;
  assert.throws(() => open(later), {
    code: "bad-format",
    message: "app.gosym at offset 0x7: version 3 of symbol files is not known",
  });
});

test("a truncated file, and one with more behind it, is refused when it is opened", () => {
  for (let size = PRELUDE_SIZE; size < sound.length; size += 997)
    assert.throws(() => open(sound.subarray(0, size)), FormatError, `${size} bytes`);
  assert.throws(() => open(Buffer.concat([sound, Buffer.alloc(1)])), FormatError);
});

test("no changed byte goes unnoticed", () => {
  const random = numbers(1);
  for (let round = 0; round < 60; round++) {
    const damaged = Buffer.from(sound);
    const at = PRELUDE_SIZE + (random.next().value % (sound.length - PRELUDE_SIZE));
    damaged[at] = (damaged[at] ?? 0) ^ (1 + (random.next().value % 255));
    using file = survives(() => open(damaged)[Symbol.dispose]()) ? open(damaged) : undefined;
    if (file === undefined) continue;
    assert.throws(
      () => {
        for (let index = 0; index < file.functionCount; index++) {
          file.placeOf(index);
          file.signatureOf(index);
          file.inlineTreeAt(file.entryOf(index));
        }
        file.inlinedCopyCounts();
        for (const name of file.variableNames()) file.findVariable(name);
        for (let number = 0; number < 4000; number++) file.findVariable(`no.such${number}`);
        for (let number = 0; number < 4000; number++) file.findIndexesByName(`no.such${number}`);
        for (let number = 0; number < 4000; number++) file.findType(`no.such${number}`);
      },
      FormatError,
      `byte ${at}`,
    );
  }
});

/** The packed parts of a file, each sound in itself, with the directory's numbers unharmed. */
test("what hides behind right checksums gives a FormatError or an answer", () => {
  const random = numbers(2);
  const size = sound.readUInt32LE(MAGIC.length);
  const directory = unpack(sound.subarray(PRELUDE_SIZE, PRELUDE_SIZE + size), "directory");
  let refused = 0;
  for (let round = 0; round < 400; round++) {
    const damaged = Buffer.from(directory);
    for (let count = 0; count <= random.next().value % 3; count++) {
      const at = random.next().value % damaged.length;
      damaged[at] = random.next().value % 256;
    }
    const packed = pack(damaged);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(packed.length);
    const bytes = Buffer.concat([MAGIC, length, packed, sound.subarray(PRELUDE_SIZE + size)]);
    if (!survives(() => exercise(bytes))) refused++;
  }
  assert.ok(refused > 100, `${refused} refused`);
});

test("columns give back the strings they were made of, or a FormatError", () => {
  const strings = ["AAAA,kBACA,IC5jBA;AAAAof,CAKAklF", ";", "AAAA;AAAAA"].map((text) => Buffer.from(text));
  const block = joinColumns(strings);
  const recordsOf = (bytes: Buffer): Buffer[] => {
    const columns = new ColumnBlock(bytes, strings.length, "block");
    return strings.map((_, index) => columns.record(index));
  };
  assert.deepEqual(recordsOf(block), strings);
  for (let at = 0; at < block.length; at++) {
    for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
      const damaged = Buffer.from(block);
      damaged[at] = value;
      survives(() => void recordsOf(damaged));
    }
    assert.throws(() => recordsOf(block.subarray(0, at)), FormatError);
  }
});

test("positions that lead nowhere are refused", () => {
  for (const mappings of [
    "AAAA",
    "AAAA;",
    "AAAA;AAAA",
    "ACAA;AAAAA",
    "CAAA;AAAAA",
    "AAAA,AAAA;AAAAA",
    "AAAA;ACAAA",
    "AAAA;AAAAA;",
  ])
    assert.throws(() => new Positions(mappings, 0), FormatError, mappings);
});
