/** ABI assignment against the example and rules of cmd/compile/abi-internal.md, and against places worked out by hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AMD64_REGISTER_ABI,
  assign,
  type CallingConvention,
  type DictionaryPlace,
  type Place,
  STACK_ABI,
} from "../../src/probes/abi.js";
import { parseGivenSignature } from "../../src/probes/sig.js";

const describePlace = (place: Place): string =>
  place.kind === "stack"
    ? `sp+${place.offset}`
    : place.pieces.map((piece) => `${piece.bank[0]}${piece.index}@${piece.offset}:${piece.size}`).join(" ");

function placesOf(
  signature: string,
  options: {
    readonly convention?: CallingConvention;
    readonly name?: string;
    readonly dictionary?: DictionaryPlace;
  } = {},
): { parameters: string[]; results: string[] } {
  const given = parseGivenSignature(`${options.name ?? "main.f"}=${signature}`);
  const { convention = AMD64_REGISTER_ABI, dictionary = "none" } = options;
  const { parameters, results } = assign(given.signature, convention, dictionary);
  return { parameters: parameters.map(describePlace), results: results.map(describePlace) };
}

test("the example of abi-internal.md", () => {
  const signature = "func(a1 uint8, a2 [2]uintptr, a3 uint8) (r1 struct { x uintptr; y [2]uintptr }, r2 string)";
  assert.deepEqual(placesOf(signature), {
    parameters: ["i0@0:1", "sp+8", "i1@0:1"],
    results: ["sp+24", "i0@0:8 i1@8:8"],
  });
});

test("strings, slices, interfaces, maps, channels and functions take one register a word", () => {
  assert.deepEqual(placesOf("func(s string, e error, m map[string]int, c chan bool, f func()) []byte"), {
    parameters: ["i0@0:8 i1@8:8", "i2@0:8 i3@8:8", "i4@0:8", "i5@0:8", "i6@0:8"],
    results: ["i0@0:8 i1@8:8 i2@16:8"],
  });
});

test("structs and arrays of one are taken apart, floats and integers counted apart", () => {
  const point = "struct { a int8; b float32; c [1]int16; d [0]int; e complex128; f string }";
  assert.deepEqual(placesOf(`func(p ${point}, n float64)`).parameters, [
    "i0@0:1 f0@4:4 i1@8:2 f1@16:8 f2@24:8 i2@32:8 i3@40:8",
    "f3@0:8",
  ]);
});

test("a value that does not fit whole goes to the stack and leaves its registers to the next", () => {
  assert.deepEqual(placesOf("func(a, b, c, d, e, f, g, h int, s string, last int32) (x string)"), {
    parameters: [...[0, 1, 2, 3, 4, 5, 6, 7].map((index) => `i${index}@0:8`), "sp+8", "i8@0:4"],
    results: ["i0@0:8 i1@8:8"],
  });
  const floats = Array.from({ length: 16 }, () => "float64").join(", ");
  assert.deepEqual(placesOf(`func(${floats})`).parameters.slice(-2), ["f14@0:8", "sp+8"]);
});

test("stack slots are aligned as struct fields are; results begin at a word", () => {
  const big = "[2]int32";
  assert.deepEqual(placesOf(`func(a [3]byte, b ${big}, c [2]byte) (d [2]byte, e [2]int64)`), {
    parameters: ["sp+8", "sp+12", "sp+20"],
    results: ["sp+24", "sp+32"],
  });
});

test("empty values take neither register nor room, but their alignment", () => {
  assert.deepEqual(placesOf("func(a [2]byte, b [0]int64, c [2]byte, d struct{}, e int)").parameters, [
    "sp+8",
    "sp+16",
    "sp+16",
    "sp+18",
    "i0@0:8",
  ]);
});

test("ABI0: everything is on the stack, in order", () => {
  assert.deepEqual(placesOf("func(a uint8, b string, c int16) (ok bool, n int)", { convention: STACK_ABI }), {
    parameters: ["sp+8", "sp+16", "sp+32"],
    results: ["sp+40", "sp+48"],
  });
});

test("the receiver of a pointer method is the first argument; a generic body's dictionary the next", () => {
  assert.deepEqual(placesOf("func(key string) int", { name: "main.(*Store).Lookup" }).parameters, [
    "i0@0:8",
    "i1@0:8 i2@8:8",
  ]);
  const generic = { dictionary: "after-receiver" } as const;
  assert.deepEqual(placesOf("func(n int) int", generic).parameters, ["i1@0:8"]);
  assert.deepEqual(placesOf("func(n int)", { ...generic, name: "main.(*List[...]).Push" }).parameters, [
    "i0@0:8",
    "i2@0:8",
  ]);
  assert.deepEqual(placesOf("func(n int)", { dictionary: "first", name: "main.(*List[...]).Push" }).parameters, [
    "i1@0:8",
    "i2@0:8",
  ]);
  assert.deepEqual(placesOf("func(n int) int", { ...generic, convention: STACK_ABI }), {
    parameters: ["sp+16"],
    results: ["sp+24"],
  });
});
