/** The notes of USDT probes: each is a probe or is refused by itself. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { memorySource, openElf, readUsdtNotes, type UsdtNote } from "../../src/binary/index.js";
import { openMadeElf } from "./made-elf.js";
import { CODE, DATA, type MadeNote, noteBytes, openNotesFile, rawNote, readNotesFile } from "./usdt-files.js";

const probe = (name: string, address: number, more: Partial<UsdtNote> = {}): unknown => ({
  provider: "made",
  name,
  address,
  semaphore: undefined,
  arguments: [],
  ...more,
});

const refusal = (index: number, reason: string, provider?: string, name?: string): unknown => ({
  index,
  provider,
  name,
  reason,
});

/** What comes of one note between two that are right. */
async function beside(note: Buffer): Promise<{ readonly kept: readonly string[]; readonly refused: unknown }> {
  const first = noteBytes({ strings: ["made", "first", ""] });
  const last = noteBytes({ strings: ["made", "last", ""] });
  const { notes, refused } = await readNotesFile({ sections: [Buffer.concat([first, note, last])] });
  return { kept: notes.map(({ name }) => name), refused };
}

test("a file without notes has no probes", async () => {
  assert.deepEqual(await readNotesFile({ sections: [] }), { notes: [], refused: [] });
  assert.deepEqual(await readNotesFile({ sections: [Buffer.alloc(0)] }), { notes: [], refused: [] });
  assert.deepEqual(readUsdtNotes(await openElf(memorySource("sh", readFileSync("/bin/sh")))), {
    notes: [],
    refused: [],
  });
});

test("names, addresses, semaphores and arguments, over all sections, in the order of the file", async () => {
  const data = (await openNotesFile({ sections: [] })).findLoad(DATA as never)?.fileOffset ?? 0;
  const sections = [
    Buffer.concat([
      noteBytes({ strings: ["made", "one", ""] }),
      noteBytes({ address: CODE + 63, semaphore: DATA + 30, strings: ["made", "two", "-4@%edi 8@$5"] }),
    ]),
    noteBytes({ address: CODE + 7, strings: ["made", "one", "1@%ah"] }),
  ];
  assert.deepEqual(await readNotesFile({ sections }), {
    notes: [
      probe("one", CODE),
      {
        provider: "made",
        name: "two",
        address: CODE + 63,
        semaphore: { address: DATA + 30, offset: data + 30 },
        arguments: [
          { text: "-4@%edi", size: 4, signed: true, location: { kind: "register", register: "rdi", shift: 0 } },
          { text: "8@$5", size: 8, signed: false, location: { kind: "constant", value: 5n } },
        ],
      },
      {
        provider: "made",
        name: "one",
        address: CODE + 7,
        semaphore: undefined,
        arguments: [
          { text: "1@%ah", size: 1, signed: false, location: { kind: "register", register: "rax", shift: 8 } },
        ],
      },
    ],
    refused: [],
  });
});

test("addresses move with .stapsdt.base, as prelink moves it", async () => {
  const note = noteBytes({ address: 0x1010, base: 0x1800, semaphore: 0x2004 });
  const { notes, refused } = await readNotesFile({ sections: [note], base: 0x401800 });
  assert.deepEqual(refused, []);
  assert.deepEqual(
    notes.map(({ address, semaphore }) => [address, semaphore?.address]),
    [[CODE + 0x10, DATA + 4]],
  );
  const lower = noteBytes({ address: 0x501000, base: 0x501800 });
  assert.deepEqual((await readNotesFile({ sections: [lower], base: 0x401800 })).notes, [probe("probe", CODE)]);
  // Notes that were added later state no base, and mean addresses as they are.
  assert.deepEqual((await readNotesFile({ sections: [noteBytes({})], base: 0x401800 })).notes, [probe("probe", CODE)]);
});

test("a place that several notes agree on comes once; where they do not agree, the first counts", async () => {
  const same = noteBytes({ strings: ["made", "probe", "8@%rax"] });
  const other = noteBytes({ strings: ["made", "probe", "8@%rbx"] });
  const named = noteBytes({ strings: ["made", "next", "8@%rbx"] });
  const { notes, refused } = await readNotesFile({ sections: [Buffer.concat([same, same, other]), named] });
  assert.deepEqual(
    notes.map(({ name, address, arguments: [argument] }) => [name, address, argument?.text]),
    [
      ["probe", CODE, "8@%rax"],
      ["next", CODE, "8@%rbx"],
    ],
  );
  assert.deepEqual(refused, [refusal(2, "another note says something else of the same place", "made", "probe")]);
});

const MADE = ["made", "probe"] as const;
const spoiled: readonly (readonly [string, MadeNote, string, boolean])[] = [
  ["an address outside the code", { address: CODE + 64 }, "its address 0x401040 is not in the file's code", true],
  ["an address in the data", { address: DATA }, "its address 0x402000 is not in the file's code", true],
  ["no address", { address: 0 }, "its address 0x0 is not in the file's code", true],
  ["a huge address", { address: 2 ** 63 }, "its address 0x8000000000000000 is not in the file's code", true],
  ["a semaphore in the code", { semaphore: CODE }, "its semaphore 0x401000 is not in the file's data", true],
  ["a semaphore in .bss", { semaphore: DATA + 32 }, "its semaphore 0x402020 is not in the file's data", true],
  ["half a semaphore", { semaphore: DATA + 31 }, "its semaphore 0x40201f is not in the file's data", true],
  ["a semaphore nowhere", { semaphore: 2 ** 52 }, "its semaphore 0x10000000000000 is not in the file's data", true],
  ["a semaphore at an odd place", { semaphore: DATA + 1 }, "its semaphore 0x402001 is at an odd place", true],
  ["another owner", { owner: "GNU" }, 'not a USDT probe but type 3 of "GNU"', false],
  ["another type", { type: 4 }, 'not a USDT probe but type 4 of "stapsdt"', false],
  ["control characters in its arguments", { strings: [...MADE, "8@\x1b[2J"] }, "its arguments are damaged", true],
  ["endless arguments", { strings: [...MADE, "8@%rax ".repeat(64)] }, "its arguments are damaged", true],
  ["a fourth string", { strings: [...MADE, "", "more"] }, "more follows its arguments", true],
];

for (const [what, note, reason, named] of spoiled)
  test(`${what} is refused, beside two that stay`, async () => {
    assert.deepEqual(await beside(noteBytes(note)), {
      kept: ["first", "last"],
      refused: [named ? refusal(1, reason, ...MADE) : refusal(1, reason)],
    });
  });

test("a name that can't be printed is refused, the other one is told", async () => {
  for (const name of ["", "a b", "a\tb", "\x1b[31m"]) {
    assert.deepEqual((await beside(noteBytes({ strings: ["made", name, ""] }))).refused, [
      refusal(1, "its name is damaged", "made"),
    ]);
    assert.deepEqual((await beside(noteBytes({ strings: [name, "probe", ""] }))).refused, [
      refusal(1, "its name is damaged", undefined, "probe"),
    ]);
  }
});

test("descriptions that end early are refused", async () => {
  const whole = Buffer.concat([Buffer.alloc(24), Buffer.from("made\0probe\0")]);
  assert.deepEqual((await beside(rawNote(whole))).refused, [
    refusal(1, "its names and arguments have no end", "made", "probe"),
  ]);
  assert.deepEqual((await beside(rawNote(whole.subarray(0, 23)))).refused, [
    refusal(1, "23 bytes are too few for its addresses"),
  ]);
  assert.deepEqual((await beside(rawNote(Buffer.alloc(0)))).refused, [
    refusal(1, "0 bytes are too few for its addresses"),
  ]);
});

test("zeros behind the arguments are padding", async () => {
  const note = Buffer.concat([noteBytes({}).subarray(20), Buffer.alloc(5)]);
  assert.deepEqual(await beside(rawNote(note)), { kept: ["first", "probe", "last"], refused: [] });
});

test("behind a size that leads nowhere no note is found, and that is said", async () => {
  const lost = noteBytes({});
  lost.writeUInt32LE(0xfffffff0, 4);
  const { kept, refused } = await beside(lost);
  assert.deepEqual(kept, ["first"]);
  assert.deepEqual(refused, [
    refusal(
      1,
      "the 112 bytes from here on can't be read: .note.stapsdt at offset 0x4c: needs 4294967280 bytes, 92 left",
    ),
  ]);
});

test("too few bytes for another note are refused; another section is read all the same", async () => {
  const { notes, refused } = await readNotesFile({
    sections: [Buffer.concat([noteBytes({}), Buffer.alloc(4)]), noteBytes({ strings: ["made", "next", ""] })],
  });
  assert.deepEqual(
    notes.map(({ name }) => name),
    ["probe", "next"],
  );
  assert.deepEqual(refused, [
    refusal(1, "the 4 bytes from here on can't be read: .note.stapsdt at offset 0x3c: needs 4 bytes, 0 left"),
  ]);
});

test("a section that is not in the file, and one that is too large, are refused", async () => {
  const file = (bytes: Buffer): Promise<unknown> => readNotesFile({ sections: [bytes, noteBytes({})] });
  assert.deepEqual(await file(Buffer.alloc(2 ** 22 + 4)), {
    notes: [probe("probe", CODE)],
    refused: [refusal(0, "4194308 bytes of notes are more than gospect reads")],
  });
  const elf = await openNotesFile({ sections: [noteBytes({})] });
  const [section] = elf.sections.filter(({ name }) => name === ".note.stapsdt");
  assert.ok(section);
  const away = await openMadeElf({ segments: [], sections: [] });
  const { refused } = readUsdtNotes(Object.assign(away, { sections: [{ ...section, fileOffset: 2 ** 30 }] }));
  assert.deepEqual(
    refused.map(({ index, reason }) => [index, reason.replace(/.*: /, "")]),
    [[0, "needs 56 bytes, the file ends at 0xd0"]],
  );
});
