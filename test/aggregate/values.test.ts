import assert from "node:assert/strict";
import { test } from "node:test";
import type { KeyValue, RawValue, ValueEncoding } from "../../src/aggregate/index.js";
import { decodeValue } from "../../src/aggregate/values.js";

const bits = (value: bigint): RawValue => ({ status: "read", bits: BigInt.asUintN(64, value) });
const bytes = (value: string | readonly number[], status: "read" | "cut" = "read"): RawValue => ({
  status,
  bytes: typeof value === "string" ? Buffer.from(value) : Buffer.from(value),
});

/** What a value looks like to people and to programs. */
const shown = ({ text, json }: KeyValue) => [text, json];
const decode = (raw: RawValue, encoding: ValueEncoding) => shown(decodeValue(raw, encoding));
const STRING: ValueEncoding = { kind: "string" };

test("integers by size and sign", () => {
  const decodeInteger = (value: bigint, size: 1 | 2 | 4 | 8, signed: boolean) =>
    decode(bits(value), { kind: "integer", size, signed });
  assert.deepEqual(decodeInteger(-1n, 1, true), ["-1", -1]);
  assert.deepEqual(decodeInteger(-1n, 1, false), ["255", 255]);
  assert.deepEqual(decodeInteger(0x1_8000n, 2, true), ["-32768", -32768]);
  assert.deepEqual(decodeInteger(0xffff_ffffn, 4, false), ["4294967295", 4294967295]);
  assert.deepEqual(decodeInteger(-5n, 8, true), ["-5", -5]);
});

test("integers beyond 2^53 are strings in JSON", () => {
  const unsigned: ValueEncoding = { kind: "integer", size: 8, signed: false };
  const signed: ValueEncoding = { kind: "integer", size: 8, signed: true };
  assert.deepEqual(decode(bits(2n ** 53n - 1n), unsigned), ["9007199254740991", 9007199254740991]);
  assert.deepEqual(decode(bits(2n ** 53n), unsigned), ["9007199254740992", "9007199254740992"]);
  assert.deepEqual(decode(bits(-1n), unsigned), ["18446744073709551615", "18446744073709551615"]);
  assert.deepEqual(decode(bits(-(2n ** 63n)), signed), ["-9223372036854775808", "-9223372036854775808"]);
});

test("bools and pointers", () => {
  assert.deepEqual(decode(bits(0n), { kind: "bool" }), ["false", false]);
  assert.deepEqual(decode(bits(1n), { kind: "bool" }), ["true", true]);
  assert.deepEqual(decode(bits(0xc00001a0c0n), { kind: "pointer" }), ["0xc00001a0c0", "0xc00001a0c0"]);
  assert.deepEqual(decode(bits(0n), { kind: "pointer" }), ["nil", null]);
});

test("floats, as Go writes them", () => {
  const float = (value: bigint, size: 4 | 8) => decode(bits(value), { kind: "float", size });
  assert.deepEqual(float(0x3fb9_9999_9999_999an, 8), ["0.1", 0.1]);
  assert.deepEqual(float(0xffff_ffff_3dcc_cccdn, 4), ["0.1", 0.10000000149011612]);
  assert.deepEqual(float(0x7ff0_0000_0000_0000n, 8), ["+Inf", "+Inf"]);
});

test("ranges of log2 and lin", () => {
  const log2: ValueEncoding = { kind: "log2" };
  assert.deepEqual(decode(bits(10n), log2), ["[1024, 2048)", { low: 1024, high: 2048 }]);
  assert.deepEqual(decode(bits(0n), log2), ["[0, 2)", { low: 0, high: 2 }]);
  assert.deepEqual(decode(bits(64n), log2), ["< 0", { low: null, high: 0 }]);
  assert.deepEqual(decode(bits(63n), log2), [
    "[9223372036854775808, 18446744073709551616)",
    { low: "9223372036854775808", high: "18446744073709551616" },
  ]);
  const linear: ValueEncoding = { kind: "linear", low: -20, width: 10, buckets: 3 };
  assert.deepEqual(
    [0n, 1n, 3n, 4n].map((bucket) => decode(bits(bucket), linear)),
    [
      ["< -20", { low: null, high: -20 }],
      ["[-20, -10)", { low: -20, high: -10 }],
      ["[0, 10)", { low: 0, high: 10 }],
      ["≥ 10", { low: 10, high: null }],
    ],
  );
});

test("what could not be read says why, whatever it should have been", () => {
  for (const encoding of [STRING, { kind: "bool" }, { kind: "log2" }] as const) {
    assert.deepEqual(decode({ status: "fault" }, encoding), ["(unreadable: fault)", { unreadable: "fault" }]);
    assert.deepEqual(decode({ status: "nil" }, encoding), ["(unreadable: nil pointer)", { unreadable: "nil pointer" }]);
  }
});

test("strings: text is safe on a terminal, JSON has the characters", () => {
  assert.deepEqual(decode(bytes("acme"), STRING), ["acme", "acme"]);
  assert.deepEqual(decode(bytes("Zoë 日本 🎉"), STRING), ["Zoë 日本 🎉", "Zoë 日本 🎉"]);
  assert.deepEqual(decode(bytes(""), STRING), ['""', ""]);
  assert.deepEqual(decode(bytes("a\n\tb\0"), STRING), ["a\\n\\tb\\x00", "a\n\tb\0"]);
  assert.deepEqual(decode(bytes("\x1b[31mred\x7f"), STRING), ["\\x1b[31mred\\x7f", "\x1b[31mred\x7f"]);
  assert.deepEqual(decode(bytes("\u009b2J"), STRING), ["\\x9b2J", "\u009b2J"]);
  assert.deepEqual(decode(bytes("ab\u202ecd\u2028"), STRING), ["ab\\u{202e}cd\\u{2028}", "ab\u202ecd\u2028"]);
});

test("strings: bytes that are not UTF-8", () => {
  const json = (value: readonly number[], status: "read" | "cut" = "read") => decode(bytes(value, status), STRING)[1];
  assert.equal(json([0x61, 0xff, 0x62]), "a\\xffb");
  assert.equal(json([0xc0, 0x80]), "\\xc0\\x80", "overlong NUL");
  assert.equal(json([0xed, 0xa0, 0x80]), "\\xed\\xa0\\x80", "surrogate");
  assert.equal(json([0xf4, 0x90, 0x80, 0x80]), "\\xf4\\x90\\x80\\x80", "beyond Unicode");
  assert.equal(json([0x61, 0xe2, 0x82]), "a\\xe2\\x82", "breaks off");
  assert.equal(json([0xe2, 0x82, 0x61]), "\\xe2\\x82a", "interrupted");
});

test("strings: what was cut ends in …, also where the cut went through a character", () => {
  assert.deepEqual(decode(bytes("abc", "cut"), STRING), ["abc…", "abc…"]);
  assert.deepEqual(decode(bytes([0x61, 0xe2, 0x82], "cut"), STRING), ["a…", "a…"]);
  assert.deepEqual(decode(bytes([0x61, 0xe2, 0x82, 0xac], "cut"), STRING), ["a€…", "a€…"]);
  assert.deepEqual(decode(bytes([0x61, 0xff], "cut"), STRING), ["a\\xff…", "a\\xff…"]);
});

test("a value that is not what its encoding promises is an invariant", () => {
  assert.throws(() => decodeValue(bits(1n), STRING), /invariant violated/);
  assert.throws(() => decodeValue(bytes("x"), { kind: "bool" }), /invariant violated/);
});

test("durations have units for people and are nanoseconds for programs; what is nil has no type", () => {
  const duration: ValueEncoding = { kind: "integer", size: 8, signed: true, unit: "ns" };
  assert.deepEqual(decode(bits(1_500_000n), duration), ["1.5ms", 1_500_000]);
  assert.deepEqual(decode(bits(-1n), duration), ["-1ns", -1]);
  const typeName: ValueEncoding = { kind: "string", empty: "nil" };
  assert.deepEqual(decode(bytes(""), typeName), ["nil", null]);
  assert.deepEqual(decode(bytes("*fs.PathError"), typeName), ["*fs.PathError", "*fs.PathError"]);
});
