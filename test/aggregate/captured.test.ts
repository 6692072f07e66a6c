import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeCaptured, formatValueText, type Shape, valueJson } from "../../src/aggregate/index.js";
import { NAMES, PartBuilder } from "./capturing.js";

const BIAS = 0x5555_0000_0000n;

/** What a value is to people and to programs, by a shape that is made while its slots are filled. */
function shown(build: (part: PartBuilder) => Shape): [string, unknown] {
  const builder = new PartBuilder();
  const shape = build(builder);
  const value = decodeCaptured(shape, { part: builder.part(), bias: BIAS, names: NAMES });
  return [formatValueText(value), JSON.parse(JSON.stringify(valueJson(value)))];
}

const int = (part: PartBuilder, value: bigint): Shape => ({
  kind: "integer",
  slot: part.word(value),
  signed: true,
  size: 8,
});
const text = (part: PartBuilder, value: string, kept?: number): Shape => ({
  kind: "string",
  slot: part.bytes(value, kept),
});

test("numbers, bools and strings", () => {
  const integer = (value: bigint, size: 1 | 2 | 4 | 8, signed: boolean) =>
    shown((part) => ({ kind: "integer", slot: part.word(value), size, signed }));
  assert.deepEqual(integer(0xffffn, 1, true), ["-1", -1]);
  assert.deepEqual(integer(0x1_ffffn, 2, false), ["65535", 65535]);
  assert.deepEqual(integer(-1n, 8, false), ["18446744073709551615", "18446744073709551615"]);
  assert.deepEqual(
    shown((part) => ({ kind: "bool", slot: part.word(1n) })),
    ["true", true],
  );
  assert.deepEqual(
    shown((part) => ({ kind: "duration", slot: part.word(1_500_000n) })),
    ["1.5ms", 1_500_000],
  );
  const float = (bits: bigint) => shown((part) => ({ kind: "float", slot: part.word(bits), size: 8 }));
  assert.deepEqual(float(0x3ff8_0000_0000_0000n), ["1.5", 1.5]);
  assert.deepEqual(float(0x7ff0_0000_0000_0000n), ["+Inf", "+Inf"]);
  assert.deepEqual(float(0x7ff8_0000_0000_0001n), ["NaN", "NaN"]);
  assert.deepEqual(
    shown((part) => ({ kind: "float", slot: part.word(0x3dcc_cccdn), size: 4 })),
    ["0.1", 0.10000000149011612],
  );
  assert.deepEqual(
    shown((part) => ({
      kind: "complex",
      real: part.word(0x3ff0_0000_0000_0000n),
      imaginary: part.word(0xc000_0000_0000_0000n),
      size: 8,
    })),
    ["(1-2i)", "(1-2i)"],
  );
});

test("strings are quoted, cut where they were, and move no terminal", () => {
  const string = (value: string | Buffer, kept?: number) =>
    shown((part) => ({ kind: "string", slot: part.bytes(value, kept) }));
  assert.deepEqual(string("acme"), ['"acme"', "acme"]);
  assert.deepEqual(string(""), ['""', ""]);
  assert.deepEqual(string('a"b\\c\n'), ['"a\\"b\\\\c\\n"', 'a"b\\c\n']);
  assert.deepEqual(string("\x1b[2J\u202e\u2028\u0085"), [
    '"\\x1b[2J\\u202e\\u2028\\u0085"',
    "\x1b[2J\u202e\u2028\u0085",
  ]);
  assert.deepEqual(string(Buffer.from([0x61, 0xff, 0xc3])), ['"a\\xff\\xc3"', "a\\xff\\xc3"]);
  assert.deepEqual(string("żółw żółw", 5), ['"żó"…', "żó…"], "the cut went through a character");
  assert.deepEqual(
    shown((part) => ({ kind: "bytes", slot: part.bytes("x\0"), pointer: part.word(0xc000n) })),
    ['"x\\x00"', "x\0"],
  );
  assert.deepEqual(
    shown((part) => ({ kind: "bytes", slot: part.bytes(""), pointer: part.word(0n) })),
    ["nil", null],
  );
});

test("structs, arrays, slices and pointers", () => {
  const struct = (part: PartBuilder, omitted = 0): Shape => ({
    kind: "struct",
    type: "main.Outer",
    fields: [
      { name: "Inner", embedded: true, shape: int(part, 7n) },
      { name: "__proto__", embedded: false, shape: text(part, "x") },
    ],
    omitted,
  });
  assert.deepEqual(shown(struct)[0], '{Inner: 7, __proto__: "x"}');
  assert.equal(JSON.stringify(shown(struct)[1]), '{"Inner":7,"__proto__":"x"}');
  assert.equal(JSON.stringify(shown((part) => struct(part, 3))[1]), '{"Inner":7,"__proto__":"x","…":3}');
  assert.deepEqual(
    shown((part) => ({ kind: "array", type: "[3]int", length: 3, elements: [int(part, 1n), int(part, 2n)] })),
    ["[1, 2, …]", [1, 2, "…"]],
  );
  const slice = (length: bigint, pointer = 0xc000n) =>
    shown((part) => ({
      kind: "slice",
      type: "[]int",
      pointer: part.word(pointer),
      length: part.word(length),
      elements: [int(part, 1n), int(part, 2n)],
    }));
  assert.deepEqual(slice(0n), ["[]", []]);
  assert.deepEqual(slice(1n), ["[1]", [1]]);
  assert.deepEqual(slice(2n ** 62n), ["[1, 2, …]", [1, 2, "…"]]);
  assert.deepEqual(slice(0n, 0n), ["nil", null]);
  assert.deepEqual(slice(-1n), ["(unreadable: a length of -1)", { unreadable: "a length of -1" }]);
  const pointer = (address: bigint, target?: (part: PartBuilder) => Shape) =>
    shown((part) => ({ kind: "pointer", type: "*main.Outer", slot: part.word(address), target: target?.(part) }));
  assert.deepEqual(pointer(0n), ["nil", null]);
  assert.deepEqual(pointer(0xc0_0001_a0c0n), ["0xc00001a0c0", "0xc00001a0c0"]);
  assert.deepEqual(
    pointer(0xc0_0001_a0c0n, (part) => int(part, -3n)),
    ["&-3", -3],
  );
});

test("interfaces are what they hold", () => {
  const any = (word: bigint, taken: bigint | undefined) =>
    shown((part) => ({
      kind: "interface",
      type: "any",
      word: part.word(word === 0n ? 0n : word + BIAS),
      table: false,
      taken: taken === undefined ? part.nothing() : part.word(taken),
      cases: [
        { type: "int", shape: int(part, 5n) },
        { type: "string", shape: text(part, "five") },
      ],
    }));
  assert.deepEqual(any(0n, undefined), ["nil", null]);
  // Of a damaged program: its type lies before everything.
  assert.equal(any(-0x10n, undefined)[0], "type at -0x10(…)");
  assert.deepEqual(any(0x4a_0000n, 0n), ["5", 5]);
  assert.deepEqual(any(0x4a_0000n, 1n), ['"five"', "five"]);
  assert.deepEqual(any(0x4a_0100n, undefined), ["*main.Pair(…)", { unreadable: "*main.Pair" }]);
  assert.deepEqual(any(0x4a_0100n, 2n), ["*main.Pair(…)", { unreadable: "*main.Pair" }], "no such case");
  assert.deepEqual(any(0x4a_0200n, undefined), ["type at 0x4a0200(…)", { unreadable: "type at 0x4a0200" }]);
  const typeName = (word: bigint, table: boolean) =>
    shown((part) => ({ kind: "type-name", word: part.word(word), table }));
  assert.deepEqual(typeName(BIAS + 0x4b_0000n, false), ["*errors.errorString", "*errors.errorString"]);
  assert.deepEqual(typeName(BIAS + 0x4c_0000n, true), ["*errors.errorString", "*errors.errorString"]);
  assert.deepEqual(typeName(0n, true), ["nil", null]);
});

test("errors are what they say", () => {
  const message = (parts: (part: PartBuilder) => readonly (string | Shape)[]) =>
    shown((part) => ({ kind: "message", parts: parts(part) }));
  const inner = (part: PartBuilder): Shape => ({ kind: "errno", slot: part.word(2n) });
  assert.deepEqual(
    message((part) => [text(part, "open"), " ", text(part, "/x"), ": ", inner(part)]),
    ['"open /x: no such file or directory"', "open /x: no such file or directory"],
  );
  assert.deepEqual(
    message((part) => [text(part, "too long", 3)]),
    ['"too"…', "too…"],
  );
  assert.deepEqual(
    message((part) => [text(part, "too long", 3), ": ", { kind: "string", slot: part.word(0n, "fault") }]),
    ['"too…: (unreadable: fault)"', "too…: (unreadable: fault)"],
  );
  assert.deepEqual(
    message(() => []),
    ['""', ""],
  );
});

test("maps, channels, functions, times and what is known before", () => {
  const map = (pointer: bigint) =>
    shown((part) => ({ kind: "map", type: "map[string]int", pointer: part.word(pointer), length: part.word(3n) }));
  assert.deepEqual(map(0xc000n), ["map(len 3)", { len: 3 }]);
  assert.deepEqual(map(0n), ["nil", null]);
  assert.deepEqual(
    shown((part) => ({
      kind: "channel",
      type: "chan int",
      pointer: part.word(1n),
      length: part.word(2n),
      capacity: part.word(4n),
    })),
    ["chan(len 2, cap 4)", { len: 2, cap: 4 }],
  );
  const fn = (slot: (part: PartBuilder) => number) => shown((part) => ({ kind: "function", slot: slot(part) }));
  assert.deepEqual(
    fn((part) => part.word(BIAS + 0x40_1000n)),
    ["main.Double", "main.Double"],
  );
  assert.deepEqual(
    fn((part) => part.word(BIAS + 0x40_2000n)),
    ["0x402000", "0x402000"],
  );
  assert.deepEqual(
    fn((part) => part.word(0n, "nil")),
    ["nil", null],
  );
  assert.deepEqual(
    fn((part) => part.word(0n, "fault")),
    ["(unreadable: fault)", { unreadable: "fault" }],
  );
  const time = (wall: bigint, ext: bigint) =>
    shown((part) => ({ kind: "time", wall: part.word(wall), ext: part.word(ext) }));
  assert.deepEqual(time(0n, 0n), ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"]);
  assert.deepEqual(time(0n, 1n << 62n)[1], { unreadable: "no time that there is" });
  assert.deepEqual(
    shown(() => ({ kind: "constant", text: "main.f" })),
    ["main.f", "main.f"],
  );
  assert.deepEqual(
    shown(() => ({ kind: "unreadable", reason: "a float in a register" })),
    ["(unreadable: a float in a register)", { unreadable: "a float in a register" }],
  );
});

test("what could not be read says why, and never looks like a value", () => {
  const reasons = ["fault", "nil", "too-large", "not-found", "other-type", "no-room"] as const;
  assert.deepEqual(
    reasons.map(
      (outcome) => shown((part) => ({ kind: "integer", slot: part.word(0n, outcome), signed: true, size: 8 }))[0],
    ),
    [
      "(unreadable: fault)",
      "(unreadable: nil pointer)",
      "(unreadable: too large to search)",
      "(unreadable: not found)",
      "(unreadable: of another type)",
      "(unreadable: no room)",
    ],
  );
  const fault = (part: PartBuilder): Shape => ({ kind: "bool", slot: part.word(0n, "fault") });
  const pair = (part: PartBuilder, second: Shape): Shape => ({
    kind: "pointer",
    type: "*main.Pair",
    slot: part.word(1n),
    target: {
      kind: "struct",
      type: "main.Pair",
      fields: [
        { name: "X", embedded: false, shape: fault(part) },
        { name: "Y", embedded: false, shape: second },
      ],
      omitted: 0,
    },
  });
  assert.deepEqual(
    shown((part) => pair(part, fault(part))),
    ["(unreadable: fault)", { unreadable: "fault" }],
  );
  assert.deepEqual(
    shown((part) => pair(part, int(part, 4n))),
    ["&{X: (unreadable: fault), Y: 4}", { X: { unreadable: "fault" }, Y: 4 }],
  );
});

test("damaged parts: whatever is missing is missing in the answer", () => {
  const part = { words: [0xffff_ffff_ffff_ffffn, 5n], outcomes: ["read", "read"], tail: Buffer.from("abc") } as const;
  const decode = (shape: Shape) => formatValueText(decodeCaptured(shape, { part, bias: 0n, names: NAMES }));
  assert.equal(decode({ kind: "string", slot: 0 }), "(unreadable: kept bytes are missing)");
  assert.equal(
    decode({ kind: "integer", slot: 2, signed: true, size: 8 }),
    "(unreadable: too much to search before it)",
  );
  assert.equal(decode({ kind: "time", wall: 0, ext: 9 }), "(unreadable: too much to search before it)");
  const lost = (missing: "lost" | undefined) =>
    formatValueText(decodeCaptured({ kind: "bool", slot: 0 }, { part: missing, bias: 0n, names: NAMES }));
  assert.deepEqual([lost("lost"), lost(undefined)], ["(unreadable: no room)", "(unreadable: not captured)"]);
});
