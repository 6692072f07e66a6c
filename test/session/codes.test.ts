/** Codes as the programs read them: numbers of more than 32 bits, jumps across those, each code and literal once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gsConstant, gsOpcode, gsStep } from "../../src/abi/index.js";
import { virtualAddress } from "../../src/base/index.js";
import type { Code } from "../../src/probes/index.js";
import { CodeBook } from "../../src/session/codes.js";

const NAMES = new Map<number, string>(Object.entries(gsOpcode).map(([name, number]) => [number, name]));

/** Every step of the run, as `NAME a b imm`. */
function stepsOf(book: CodeBook): string[] {
  const bytes = book.codeElements();
  return Array.from({ length: bytes.length / gsStep.size }, (_, index) => {
    const step = bytes.subarray(index * gsStep.size);
    const name = NAMES.get(step.readUInt8(gsStep.opcode.offset));
    const operands = [
      step.readUInt8(gsStep.a.offset),
      step.readUInt8(gsStep.b.offset),
      step.readInt32LE(gsStep.imm.offset),
    ];
    return [name, ...operands].join(" ");
  });
}

test("no code is number 0, which ends at once", () => {
  const book = new CodeBook();
  assert.equal(book.add(undefined, 0), 0);
  assert.equal(book.used, false);
  assert.deepEqual(stepsOf(book), ["GS_END 0 0 0"]);
  assert.equal(book.constantElements().length, gsConstant.size);
});

test("a code ends with an end; what fits in 32 bits takes one step", () => {
  const book = new CodeBook();
  const code: Code = [
    { op: "set", value: -1n },
    { op: "set", value: 0xffff_ffff_ffff_ffffn },
    { op: "set", value: 0x8000_0000n },
    { op: "set", value: 0x1234_5678_9abc_def0n },
    { op: "image", address: virtualAddress(0x45_6789) },
    { op: "load", offset: -8, size: 4, signed: true },
    { op: "keep-bytes", slot: 3, most: 64 },
  ];
  assert.equal(book.add(code, 0x40_0000), 1);
  assert.deepEqual(stepsOf(book).slice(1), [
    "GS_SET 0 0 -1",
    "GS_SET 0 0 -1",
    "GS_SET 0 0 -2147483648",
    "GS_SET_HIGH 0 0 0",
    "GS_SET 0 0 -1698898192",
    "GS_SET_HIGH 0 0 305419896",
    "GS_IMAGE 0 0 354185",
    "GS_LOAD 4 1 -8",
    "GS_KEEP_BYTES 8 0 3",
    "GS_END 0 0 0",
  ]);
});

test("jumps lead to the same steps, though some in between are two", () => {
  const book = new CodeBook();
  const large = { op: "set", value: 1n << 40n } as const;
  book.add(
    [
      { op: "try", by: 3 },
      large,
      { op: "jump-if", by: 1 },
      large,
      { op: "order-float", size: 8, onNan: -4 },
      { op: "jump", by: -6 },
      { op: "jump-unless", by: 0 },
    ],
    0,
  );
  const high = "GS_SET_HIGH 0 0 256";
  assert.deepEqual(stepsOf(book).slice(1), [
    "GS_TRY 0 0 5",
    "GS_SET 0 0 0",
    high,
    "GS_JUMP_IF 0 0 2",
    "GS_SET 0 0 0",
    high,
    "GS_ORDER_FLOAT 8 0 -6",
    "GS_JUMP 0 0 -8",
    "GS_JUMP_UNLESS 0 0 0",
    "GS_END 0 0 0",
  ]);
  assert.throws(() => book.add([{ op: "jump", by: 1 }], 0), /step 0 of a code jumps within it/);
  assert.throws(() => book.add([{ op: "jump", by: -2 }], 0), /step 0 of a code jumps within it/);
});

test("equal codes and equal literals are there once", () => {
  const book = new CodeBook();
  const compare = (text: string, prefix: "whole" | "prefix"): Code => [
    { op: "compare-bytes", constant: Buffer.from(text), prefix },
  ];
  assert.deepEqual(
    [compare("acme", "whole"), compare("acme", "prefix"), compare("acme", "whole"), compare("ac", "whole")].map(
      (code) => book.add(code, 0),
    ),
    [1, 3, 1, 5],
  );
  assert.deepEqual(stepsOf(book), [
    "GS_END 0 0 0",
    "GS_COMPARE_BYTES 0 0 0",
    "GS_END 0 0 0",
    "GS_COMPARE_BYTES 1 0 0",
    "GS_END 0 0 0",
    "GS_COMPARE_BYTES 0 0 1",
    "GS_END 0 0 0",
  ]);
  const literals = book.constantElements();
  assert.deepEqual(
    [0, 1].map((index) => {
      const element = literals.subarray(index * gsConstant.size, (index + 1) * gsConstant.size);
      return [element.readBigUInt64LE(0), element.subarray(gsConstant.bytes.offset).toString().replace(/\0+$/, "")];
    }),
    [
      [4n, "acme"],
      [2n, "ac"],
    ],
  );
});
