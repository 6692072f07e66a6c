/** LEB128 numbers against those of the DWARF 5 specification (figures C.1 and C.2), and at the limits. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Cursor } from "../../src/base/index.js";

const cursorAt = (...bytes: number[]): Cursor => new Cursor(Buffer.from(bytes), "numbers");

/** `value` in as few bytes as it takes. */
function encode(value: bigint): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    const low = Number(rest & 0x7fn);
    if (rest < 0x80n) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}

describe("LEB128", () => {
  it("unsigned", () => {
    assert.equal(cursorAt(0x02).uleb128(), 2);
    assert.equal(cursorAt(0x7f).uleb128(), 127);
    assert.equal(cursorAt(0x80, 0x01).uleb128(), 128);
    assert.equal(cursorAt(0xb9, 0x64).uleb128(), 12857);
    assert.throws(() => cursorAt(...encode(2n ** 53n)).uleb128(), /out of range/);
  });

  it("signed", () => {
    assert.equal(cursorAt(0x7e).sleb128(), -2);
    assert.equal(cursorAt(0xff, 0x00).sleb128(), 127);
    assert.equal(cursorAt(0x81, 0x7f).sleb128(), -127);
    assert.equal(cursorAt(0x80, 0x7f).sleb128(), -128);
  });

  it("added modulo 2^64", () => {
    assert.equal(cursorAt(...encode(0n)).uleb128Offset(), 0);
    assert.equal(cursorAt(...encode(0x115bn)).uleb128Offset(), 0x115b);
    assert.equal(cursorAt(...encode(2n ** 64n - 1n)).uleb128Offset(), -1);
    assert.equal(cursorAt(...encode(0xffffffffff4dd560n)).uleb128Offset(), -0xb22aa0);
    assert.throws(() => cursorAt(...encode(2n ** 63n)).uleb128Offset(), /out of range/);
    assert.throws(() => cursorAt(...encode(2n ** 64n)).uleb128Offset(), /out of range/);
  });
});
