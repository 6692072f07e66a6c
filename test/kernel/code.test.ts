/** The evaluation machine on the real kernel: every step, with codes made by hand on values that the subject passes. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import type { Code, CodeStep } from "../../src/probes/index.js";
import type { Fixture } from "../fixture.js";
import { type Coding, capture, coded, slotsOf, textOf } from "./coded.js";
import { planner, withoutKernel } from "./measuring.js";
import { startSubject, subjectPath } from "./subject.js";

const options = { skip: withoutKernel };

let subject: Fixture;
before(async () => {
  if (withoutKernel === false) subject = await startSubject("plain");
});
after(() => subject?.[Symbol.dispose]());

const register = (name: (CodeStep & { op: "register" })["register"]): CodeStep => ({ op: "register", register: name });
const argument = register("ax");
const set = (value: bigint): CodeStep => ({ op: "set", value });
const put = (variable: number): CodeStep => ({ op: "put", variable });
const get = (variable: number): CodeStep => ({ op: "get", variable });
const keep = (slot: number): CodeStep => ({ op: "keep", slot });

/** A number of 64 bits, as the machine holds it. */
const bits = (value: bigint | number | boolean): bigint => BigInt.asUintN(64, BigInt(value));

/** Codes, and what each leaves in A when it is given n: a number, or why there is none. */
interface Case {
  readonly name: string;
  readonly code: Code;
  readonly expected: (n: bigint) => bigint | number | boolean | string;
}

/** Each case has a slot of its own and can't disturb the next one. */
const captured = (cases: readonly Case[]): Coding["entry"] =>
  capture(
    cases.length,
    cases.flatMap(({ code }, slot) => [{ op: "try", by: code.length } as const, ...code, keep(slot)]),
  );

/** Has Step called with 0..9 and compares what each case left. */
async function compare(cases: readonly Case[]): Promise<void> {
  const entry = captured(cases);
  assert.ok(entry !== undefined);
  const { events } = await coded(subject, { "main.Step": { entry } }, ["step 10 10"]);
  assert.equal(events.length, 10);
  events.forEach((event, n) => {
    const words = slotsOf(event.entry);
    for (const [slot, { name, expected }] of cases.entries()) {
      const value = expected(BigInt(n));
      assert.equal(words[slot], typeof value === "string" ? value : bits(value), `${name} of ${n}`);
    }
  });
}

test("constants and variables", options, async () => {
  const numbers = [0n, 1n, -1n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, -0x8000_0000n, -0x8000_0001n];
  const large = [1n << 32n, (1n << 63n) - 1n, 1n << 63n, 0x1234_5678_9abc_def0n, 0xffff_ffff_8000_0000n];
  await compare([
    ...[...numbers, ...large].map((value) => ({ name: `set ${value}`, code: [set(value)], expected: () => value })),
    ...Array.from({ length: 16 }, (_, variable) => ({
      name: `variable ${variable}`,
      code: [argument, { op: "add", value: variable } as const, put(variable), set(99n), get(variable)],
      expected: (n: bigint) => n + BigInt(variable),
    })),
    { name: "a variable keeps its value", code: [get(3)], expected: (n) => n + 3n },
    {
      name: "B",
      code: [{ op: "register-b", register: "ax" }, { op: "put-b", variable: 0 }, set(7n), get(0)],
      expected: (n) => n,
    },
    { name: "back to B", code: [{ op: "get-b", variable: 4 }, { op: "take-b" }], expected: (n) => n + 4n },
    { name: "A to B", code: [argument, { op: "give-b" }, set(1n), { op: "take-b" }], expected: (n) => n },
  ]);
});

test("arithmetic", options, async () => {
  const minus: Code = [argument, { op: "add", value: -5 }];
  await compare([
    { name: "add", code: minus, expected: (n) => n - 5n },
    {
      name: "add-variable",
      code: [...minus, put(0), argument, { op: "add-variable", variable: 0 }],
      expected: (n) => 2n * n - 5n,
    },
    { name: "multiply", code: [argument, { op: "multiply", by: 1000 }], expected: (n) => n * 1000n },
    { name: "multiply by less than 0", code: [argument, { op: "multiply", by: -3 }], expected: (n) => n * -3n },
    { name: "and", code: [argument, { op: "and", mask: 6 }], expected: (n) => n & 6n },
    { name: "and, sign-extended", code: [...minus, { op: "and", mask: -2 }], expected: (n) => (n - 5n) & -2n },
    { name: "shift", code: [...minus, { op: "shift-right", by: 1, signed: true }], expected: (n) => (n - 5n) >> 1n },
    {
      name: "unsigned shift",
      code: [...minus, { op: "shift-right", by: 60, signed: false }],
      expected: (n) => bits(n - 5n) >> 60n,
    },
    {
      name: "truncate",
      code: [...minus, { op: "truncate", size: 1, signed: false }],
      expected: (n) => (n - 5n) & 0xffn,
    },
    { name: "truncate, signed", code: [...minus, { op: "truncate", size: 2, signed: true }], expected: (n) => n - 5n },
    {
      name: "log2",
      code: [argument, { op: "log2", signed: false }],
      expected: (n) => Math.floor(Math.log2(Number(n) || 1)),
    },
    {
      name: "log2 of less than 0",
      code: [...minus, { op: "log2", signed: true }],
      expected: (n) => (n < 5n ? 64 : Math.floor(Math.log2(Number(n) - 5 || 1))),
    },
    { name: "not-zero", code: [...minus, { op: "not-zero" }], expected: (n) => n !== 5n },
  ]);
});

test("comparisons", options, async () => {
  const relations = {
    "==": (a: bigint, b: bigint) => a === b,
    "!=": (a: bigint, b: bigint) => a !== b,
    "<": (a: bigint, b: bigint) => a < b,
    "<=": (a: bigint, b: bigint) => a <= b,
    ">": (a: bigint, b: bigint) => a > b,
    ">=": (a: bigint, b: bigint) => a >= b,
  } as const;
  const names = Object.keys(relations) as (keyof typeof relations)[];
  await compare(
    [-3n, 0n, 4n].flatMap((other) =>
      names.flatMap((relation) =>
        [true, false].map((signed) => ({
          name: `n - 5 ${relation} ${other}, ${signed ? "signed" : "unsigned"}`,
          code: [
            set(other),
            put(15),
            argument,
            { op: "add", value: -5 },
            { op: "compare", relation, variable: 15, signed },
          ] satisfies Code,
          expected: (n: bigint) => relations[relation](signed ? n - 5n : bits(n - 5n), signed ? other : bits(other)),
        })),
      ),
    ),
  );
});

/** The bits of a float. */
function floatBits(value: number, size: 4 | 8): bigint {
  const bytes = Buffer.alloc(8);
  if (size === 4) bytes.writeFloatLE(value);
  else bytes.writeDoubleLE(value);
  return bytes.readBigUInt64LE();
}

test("floats order as numbers do", options, async () => {
  const numbers = [-Infinity, -1e30, -2.5, -1, -1e-30, -0, 0, 1e-30, 1, 2.5, 1e30, Infinity];
  for (const size of [4, 8] as const) {
    const ordered = (value: number): Code => [
      set(floatBits(value, size)),
      { op: "order-float", size, onNan: 1 },
      { op: "jump", by: 1 },
      set(-99n),
    ];
    const codes = [...numbers, NaN, -NaN].map(ordered);
    const entry = capture(
      codes.length,
      codes.flatMap((code, slot) => [...code, keep(slot)]),
    );
    const { events } = await coded(subject, { "main.Step": { entry } }, ["step 1 1"]);
    const words = slotsOf(events[0]?.entry);
    assert.deepEqual(words.slice(numbers.length), [bits(-99n), bits(-99n)], "not a number");
    for (const [i, a] of numbers.entries()) {
      for (const [j, b] of numbers.entries()) {
        const [x, y] = [words[i], words[j]];
        assert.ok(typeof x === "bigint" && typeof y === "bigint");
        assert.deepEqual([x < y, x === y], [a < b, a === b], `${a} and ${b}, ${size} bytes: ${x} and ${y}`);
      }
    }
  }
});

test("jumps, and loops that go on too long", options, async () => {
  /** The sum of 1..n, by going back. */
  const sum: Code = [
    set(0n),
    put(1),
    argument,
    put(0),
    { op: "jump-unless", by: 8 },
    get(1),
    { op: "add-variable", variable: 0 },
    put(1),
    get(0),
    { op: "add", value: -1 },
    put(0),
    { op: "jump-if", by: -7 },
    { op: "jump", by: 0 },
    get(1),
  ];
  await compare([
    { name: "sum", code: sum, expected: (n) => (n * (n + 1n)) / 2n },
    {
      name: "jump over numbers of two steps",
      code: [set(1n), { op: "jump", by: 2 }, set(1n << 40n), set(1n << 41n)],
      expected: () => 1n,
    },
    { name: "jump-unless, taken", code: [set(0n), { op: "jump-unless", by: 1 }, set(5n)], expected: () => 0n },
    { name: "jump-if, not taken", code: [set(0n), { op: "jump-if", by: 1 }, set(5n)], expected: () => 5n },
  ]);
  const entry = capture(3, [
    argument,
    keep(0),
    { op: "jump-if", by: -1 },
    set(1n),
    keep(1),
    { op: "jump", by: -1 },
    keep(2),
  ]);
  const { events } = await coded(subject, { "main.Step": { entry } }, ["step 2 2"]);
  assert.deepEqual(
    events.map((event) => slotsOf(event.entry)),
    [
      [0n, 1n, undefined],
      [1n, undefined, undefined],
    ],
  );
});

test("reads that fail go on where they were told to, once", options, async () => {
  const nil: CodeStep = { op: "load", offset: 0, size: 8, signed: false };
  const fault: Code = [set(0x7ead_beef_0000n), nil];
  await compare([
    { name: "nil", code: [set(0n), nil], expected: () => "nil" },
    { name: "a field of nil", code: [set(0n), { op: "load-pair", offset: 64 }], expected: () => "nil" },
    { name: "unmapped", code: fault, expected: () => "fault" },
    { name: "of the kernel", code: [set(0xffff_8000_0000_1000n), nil], expected: () => "fault" },
    {
      name: "not canonical",
      code: [set(0x0dea_dbee_f000_0000n), { op: "load-pair", offset: 0 }],
      expected: () => "fault",
    },
    ...(["fault", "nil", "too-large", "not-found", "other-type"] as const).map((as) => ({
      name: as,
      code: [set(1n), { op: "fail", as } as const],
      expected: () => as,
    })),
    {
      name: "a handler that goes on elsewhere, and jumps back over the failure of its own",
      code: [{ op: "try", by: 2 }, set(0n), nil, set(12n), put(2), { op: "try", by: 1 }, ...fault.slice(0, 1), get(2)],
      expected: () => "nil",
    },
    { name: "the next slot is free of it", code: [get(2)], expected: () => 12n },
  ]);
  const entry = capture(2, [argument, keep(0), { op: "jump-if", by: 2 }, set(0n), nil, argument, keep(1)]);
  const { events } = await coded(subject, { "main.Step": { entry } }, ["step 2 2"]);
  assert.deepEqual(
    events.map((event) => slotsOf(event.entry)),
    [
      [0n, undefined],
      [1n, 1n],
    ],
    "without a handler the code ends",
  );
});

test("the image, the stack, and what is known of the call", options, async () => {
  const plan = (await planner({ kind: "pid", pid: subject.pid }))({ probes: ["main.Step"] });
  const [probe] = plan.probes;
  assert.ok(probe !== undefined);
  const { address } = probe.function;
  const offset = probe.entry.offset - (probe.entry.address - address);
  const file = readFileSync(subjectPath("plain"));
  const here: CodeStep = { op: "image", address };
  const entry = capture(5, [
    here,
    { op: "load", offset: 0, size: 4, signed: false },
    keep(0),
    { op: "stack", offset: 0 },
    { op: "load", offset: 0, size: 8, signed: false },
    keep(1),
    { op: "special", value: "goid" },
    keep(2),
    { op: "special", value: "tid" },
    keep(3),
    here,
    { op: "load", offset: 2, size: 1, signed: true },
    keep(4),
  ]);
  const back = capture(1, [{ op: "special", value: "duration" }, keep(0)]);
  const { events } = await coded(subject, { "main.Step": { entry, return: back } }, ["step 3 3"]);
  assert.equal(events.length, 3);
  for (const event of events) {
    const [code, caller, goid, tid, byte] = slotsOf(event.entry);
    assert.equal(code, BigInt(file.readUInt32LE(offset)));
    assert.equal(byte, bits(file.readInt8(offset + 2)));
    // The return address lies in the function that called: in this program's image, near this function.
    assert.ok(typeof caller === "bigint" && Math.abs(Number(caller - event.bias) - address) < 1 << 16);
    assert.deepEqual([goid, tid], [event.goid, BigInt(event.tid)]);
    assert.equal(event.tgid, subject.pid);
    assert.deepEqual(slotsOf(event.return), [event.end - event.start]);
  }
});

test("strings are compared as Go compares them", options, async () => {
  const texts = ["", "w", "word", "word0", "word00", "word1", "wore", "x", "word\0", "word0\0", "a".repeat(128)];
  const long = "word0".repeat(20);
  const others = [...texts, long, `${long}w`.padEnd(128, "z"), long.slice(0, 99), `${long.slice(0, 99)}1`];
  const order = (text: string, other: string): bigint => bits(text === other ? 0 : text < other ? -1 : 1);
  const pairs = [
    { at: register("ax"), length: "bx", text: "word0" },
    { at: register("r9"), length: "r10", text: long },
  ] as const;
  for (const { at, length, text } of pairs) {
    const code = others.flatMap((other, index): CodeStep[] =>
      (["whole", "prefix"] as const).flatMap((prefix, which): CodeStep[] => [
        at,
        { op: "register-b", register: length },
        { op: "compare-bytes", constant: Buffer.from(other, "latin1"), prefix },
        keep(2 * index + which),
      ]),
    );
    const { events } = await coded(subject, { "main.Words": { entry: capture(2 * others.length, code) } }, ["words 1"]);
    const words = slotsOf(events[0]?.entry);
    for (const [index, other] of others.entries()) {
      assert.equal(words[2 * index], order(text, other), `${text} and ${other}`);
      assert.equal(words[2 * index + 1], order(text.slice(0, other.length), other), `${text} and prefix ${other}`);
    }
  }
});

/** Keeps the string whose header is in these registers. */
const keepString = (at: CodeStep, length: "bx" | "di" | "r8" | "r10", slot: number, most: number): Code => [
  at,
  { op: "register-b", register: length },
  { op: "keep-bytes", slot, most },
];

test("strings are kept whole, cut, or not for want of room", options, async () => {
  const long = "word0".repeat(20);
  const code: Code = [
    ...keepString(register("ax"), "bx", 0, 64),
    ...keepString(register("r9"), "r10", 2, 64),
    ...keepString(register("r9"), "r10", 4, 0),
    ...keepString(register("r9"), "r10", 6, 512),
    ...keepString(register("cx"), "di", 8, 64),
    ...keepString(register("si"), "r8", 10, 64),
    set(5n),
    keep(12),
  ];
  const entry = capture(13, code, 176);
  const { events } = await coded(subject, { "main.Words": { entry } }, ["words 1"]);
  const part = events[0]?.entry;
  assert.deepEqual(
    [0, 2, 4, 6, 8, 10].map((slot) => textOf(part, slot)),
    [
      "read word0 of 5",
      `cut ${long.slice(0, 64)} of 100`,
      "cut  of 100",
      `read ${long} of 100`,
      "read word0 of 5",
      // 5 + 64 + 100 + 5 bytes have left two.
      "cut wo of 5",
    ],
  );
  assert.equal(slotsOf(part)[12], 5n);

  const none = capture(4, [...keepString(register("ax"), "bx", 0, 64), ...keepString(register("r9"), "r10", 2, 64)], 0);
  const bare = await coded(subject, { "main.Words": { entry: none } }, ["words 1"]);
  assert.deepEqual(
    [textOf(bare.events[0]?.entry, 0), textOf(bare.events[0]?.entry, 2)],
    ["no-room  of 5", "no-room  of 100"],
  );
});

test("hostile strings: addresses that nobody mapped, lengths that nobody wrote", options, async () => {
  const entry = capture(3, [...keepString(register("ax"), "bx", 0, 512), set(1n), keep(2)], 512);
  const { events } = await coded(subject, { "main.Text": { entry } }, ["hostile"]);
  assert.deepEqual(
    events.map((event) => [textOf(event.entry, 0), slotsOf(event.entry)[2]]),
    [
      ["fault  of 5", 1n],
      ["fault  of 5", 1n],
      ["fault  of 5", 1n],
      ["fault  of 5", 1n],
      [`fault  of ${1n << 62n}`, 1n],
      ["fault  of -1", 1n],
      ["read  of 0", 1n],
      ["read good of 4", 1n],
    ],
  );
  const compared = (prefix: "whole" | "prefix"): Coding => ({
    condition: {
      entry: [
        argument,
        { op: "register-b", register: "bx" },
        { op: "compare-bytes", constant: Buffer.from("good"), prefix },
        { op: "not-zero" },
      ],
    },
  });
  for (const prefix of ["whole", "prefix"] as const) {
    const { results } = await coded(subject, { "main.Text": compared(prefix) }, ["hostile"]);
    // Of length 0 is read without looking; all others but the last can't be.
    assert.deepEqual([results.balance.filtered, results.balance.undecided], [1n, 6n], prefix);
  }
});

test("pointers are followed as far as they lead", options, async () => {
  const load = (offset: number): CodeStep => ({ op: "load", offset, size: 8, signed: false });
  const entry = capture(2, [{ op: "try", by: 3 }, argument, load(0), load(8), keep(0), argument, load(8), keep(1)]);
  const { events } = await coded(subject, { "main.Follow": { entry } }, ["hostile"]);
  assert.deepEqual(
    events.map((event) => slotsOf(event.entry)),
    [
      ["nil", undefined],
      ["fault", undefined],
      ["fault", undefined],
      ["fault", undefined],
      ["nil", 0n],
      ["fault", 0n],
      [7n, 0n],
      [7n, 0n],
    ],
  );
});

test("as many slots and bytes as there can be, and slots beyond them", options, async () => {
  const slots = 256;
  const code: CodeStep[] = Array.from({ length: slots }, (_, slot) => [argument, keep(slot)]).flat();
  const bytes = (slot: number): Code => keepString(register("r9"), "r10", slot, 512);
  const entry = capture(slots, [...code, argument, keep(slots), keep(0xffff), keep(-1)]);
  const back = capture(slots, [...code, argument, keep(slots)]);
  const { events } = await coded(subject, { "main.Step": { entry, return: back } }, ["step 3 3"]);
  assert.deepEqual(
    events.map((event) => [slotsOf(event.entry), slotsOf(event.return)]),
    [0n, 1n, 2n].map((n) => [Array(slots).fill(n), Array(slots).fill(n + 1n)]),
  );

  const strings = Array.from({ length: 64 }, (_, index) => bytes(2 * index)).flat();
  const full = await coded(subject, { "main.Words": { entry: capture(128, strings, 4096) } }, ["words 1"]);
  const long = "word0".repeat(20);
  assert.deepEqual(
    Array.from({ length: 64 }, (_, index) => textOf(full.events[0]?.entry, 2 * index)),
    Array.from({ length: 64 }, (_, index) => {
      // 4096 bytes are 40 strings and most of one more.
      if (index < 40) return `read ${long} of 100`;
      return index === 40 ? `cut ${long.slice(0, 96)} of 100` : "no-room  of 100";
    }),
  );
});
