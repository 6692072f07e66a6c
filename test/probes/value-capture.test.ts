/** What is captured of values, run on a made-up program and read back: whole values, what can't be read, and what has no room. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeCaptured, formatValueText } from "../../src/aggregate/index.js";
import { virtualAddress } from "../../src/base/index.js";
import type { GoType } from "../../src/binary/index.js";
import { compileCaptures, compileShow } from "../../src/probes/captures.js";
import type { DynamicType, ProgramFacts } from "../../src/probes/dynamic-types.js";
import { parseExpression } from "../../src/probes/index.js";
import { operandOf } from "../../src/probes/operand.js";
import { Random } from "../fuzz/random.js";
import {
  ANY,
  arrayOf,
  BIAS,
  BOOL,
  callWith,
  DURATION,
  Dynamic,
  ERROR,
  FLOAT32,
  FLOAT64,
  type GoValue,
  INT,
  int,
  NO_PROGRAM,
  pointerTo,
  STRING,
  sliceOf,
  structOf,
  surroundings,
} from "./go-memory.js";
import { Memory, run, type World } from "./machine.js";

interface Parameter {
  readonly name: string;
  readonly type: GoType;
  readonly value: GoValue;
}

const text = (content: string): Buffer => Buffer.from(content);
let nextDescriptor = 0x4000;
const described = (type: GoType): DynamicType => {
  nextDescriptor += 0x40;
  return { type, descriptor: virtualAddress(nextDescriptor) };
};

const ERROR_STRING = described(pointerTo(structOf("errors.errorString", { s: STRING })));
const PATH_ERROR = described(pointerTo(structOf("io/fs.PathError", { Op: STRING, Path: STRING, Err: ERROR })));
const JOINED = described(pointerTo(structOf("errors.joinError", { errs: sliceOf(ERROR) })));
const CODE = described(int("main.Code", 8, true));
const PAIR = structOf("main.Pair", { x: INT, y: INT });
const PAIR_POINTER = described(pointerTo(PAIR));
const HELD_STRING = described(STRING);
const HELD_INT = described(INT);
const HELD_PAIR = described(PAIR);
const FOREIGN = described(structOf("other.Thing", { a: INT }));
const PROGRAM: ProgramFacts = {
  ...NO_PROGRAM,
  typesNamed: (name) => [HELD_STRING, HELD_INT].filter(({ type }) => type.name === name),
  typesIn: (name) => (name === "error" ? [CODE, PATH_ERROR, JOINED, ERROR_STRING] : []),
  typesOf: () => [HELD_PAIR, PAIR_POINTER],
};
const plain = (message: string): Dynamic => new Dynamic(ERROR_STRING, { s: text(message) });

/** Captured at the entry with what `shows` ask for, as `name: text`; the code ran through. */
function captured(parameters: readonly Parameter[], shows: readonly string[] = []): readonly string[] {
  const around = surroundings(parameters, [], PROGRAM);
  const values = parameters.map(({ name }) => {
    const bound = around.scope.bind(name);
    return { name, role: "argument", phase: "entry", value: bound.ok ? operandOf(bound.value, name) : bound } as const;
  });
  const compiled = shows.map((show) => {
    const each = compileShow(show, parseExpression(show), around);
    assert.ok(each.ok, each.ok ? "" : each.refusal.reason);
    return each.value;
  });
  const { entry, return: end, shown } = compileCaptures(values, compiled, { ...around, probes: 1 });
  assert.equal(end, undefined);
  const world: World = callWith(new Memory(), parameters);
  const { part, outcome } = run(entry?.code ?? [], world);
  assert.equal(outcome, "read");
  assert.ok(part.words.length <= (entry?.slots ?? 0) && part.tail.length <= (entry?.tailBytes ?? 0));
  const names = {
    typeName: (address: number) =>
      [FOREIGN, PAIR_POINTER, HELD_STRING].find(({ descriptor }) => descriptor === address)?.type.name,
    functionName: () => undefined,
  };
  return shown.map(
    ({ name, shape }) => `${name}: ${formatValueText(decodeCaptured(shape, { part, bias: BIAS, names }))}`,
  );
}

test("values of every sort read back as what they were", () => {
  const node = structOf("main.Node", { name: STRING, next: pointerTo(PAIR), ratio: FLOAT32, sizes: arrayOf(3, INT) });
  assert.deepEqual(
    captured([
      { name: "small", type: int("int8", 1, true), value: -5n },
      { name: "flag", type: BOOL, value: true },
      { name: "name", type: STRING, value: text("one\ntwo") },
      { name: "wait", type: DURATION, value: 1_500_000_000n },
      { name: "ratio", type: FLOAT64, value: 0.5 },
      { name: "none", type: pointerTo(node), value: undefined },
      {
        name: "node",
        type: pointerTo(node),
        value: { name: text("n"), next: { x: 1n, y: 2n }, ratio: 0.25, sizes: [7n, 8n, 9n] },
      },
      { name: "pair", type: PAIR, value: { x: 3n, y: -4n } },
    ]).map((line) => line.replace(/0xc[0-9a-f]+/, "0x…")),
    [
      "small: -5",
      "flag: true",
      'name: "one\\ntwo"',
      "wait: 1.5s",
      "ratio: (unreadable: a float in a register)",
      "none: nil",
      'node: &{name: "n", next: 0x…, ratio: 0.25, sizes: [7, 8, 9]}',
      "pair: {x: 3, y: -4}",
    ],
  );
});

test("of lists and texts the beginning is kept, and how much there is", () => {
  const numbers = Array.from({ length: 20 }, (_, index) => BigInt(index));
  assert.deepEqual(
    captured([
      { name: "many", type: sliceOf(INT), value: numbers },
      { name: "few", type: sliceOf(STRING), value: [text("a"), text("")] },
      { name: "nothing", type: sliceOf(INT), value: undefined },
      { name: "long", type: STRING, value: text("x".repeat(200)) },
      { name: "bytes", type: sliceOf(int("uint8", 1, false)), value: text("ab") },
    ]),
    [
      "many: [0, 1, 2, 3, 4, 5, 6, 7, …]",
      'few: ["a", ""]',
      "nothing: nil",
      `long: "${"x".repeat(128)}"…`,
      'bytes: "ab"',
    ],
  );
});

test("interfaces are what they hold: errors their message, others their value, the unknown their type", () => {
  const path = new Dynamic(PATH_ERROR, { Op: text("open"), Path: text("/x"), Err: plain("gone") });
  assert.deepEqual(
    captured([
      { name: "none", type: ERROR, value: undefined },
      { name: "plain", type: ERROR, value: plain("not found") },
      { name: "path", type: ERROR, value: path },
      { name: "both", type: ERROR, value: new Dynamic(JOINED, { errs: [plain("one"), plain("two")] }) },
    ]),
    ["none: nil", 'plain: "not found"', 'path: "open /x: gone"', 'both: "one\\ntwo"'],
  );
  assert.deepEqual(
    captured([
      { name: "code", type: ERROR, value: new Dynamic(CODE, 12n) },
      { name: "string", type: ANY, value: new Dynamic(HELD_STRING, text("held")) },
      { name: "pair", type: ANY, value: new Dynamic(HELD_PAIR, { x: 1n, y: 2n }) },
      { name: "pointer", type: ANY, value: new Dynamic(PAIR_POINTER, { x: 5n, y: 6n }) },
    ]),
    ["code: 12", 'string: "held"', "pair: {x: 1, y: 2}", "pointer: &{x: 5, y: 6}"],
  );
  assert.deepEqual(
    captured(
      [
        { name: "thing", type: ANY, value: new Dynamic(FOREIGN, { a: 1n }) },
        { name: "pointer", type: ANY, value: new Dynamic(PAIR_POINTER, { x: 5n, y: 6n }) },
        { name: "none", type: ANY, value: undefined },
      ],
      ["type(pointer)", "type(none)"],
    ),
    ["thing: other.Thing(…)", "pointer: &{x: 5, y: 6}", "none: nil", "type(pointer): *main.Pair", "type(none): nil"],
  );
});

test("what --show asks for, and why it can't be had", () => {
  const node = structOf("main.Node", { pair: PAIR, list: sliceOf(PAIR) });
  assert.deepEqual(
    captured(
      [
        { name: "p", type: pointerTo(node), value: { pair: { x: 1n, y: 2n }, list: [{ x: 3n, y: 4n }] } },
        { name: "q", type: pointerTo(node), value: undefined },
      ],
      ["p.list[0]", "p.list[1].x", "p.pair.y", "q.pair", "len(p.list) > 0", "log2(p.pair.y)", "$func", "q.pair.x"],
    ).slice(2),
    [
      "p.list[0]: {x: 3, y: 4}",
      "p.list[1].x: (unreadable: not found)",
      "p.pair.y: 2",
      "q.pair: (unreadable: nil pointer)",
      "len(p.list) > 0: true",
      "log2(p.pair.y): 1",
      "$func: main.(*Store).Lookup",
      "q.pair.x: (unreadable: nil pointer)",
    ],
  );
});

const LEAVES = [INT, BOOL, STRING, FLOAT64, DURATION, ERROR, ANY, int("uint16", 2, false)];

function randomType(random: Random, depth: number): GoType {
  switch (depth === 0 ? 0 : random.below(6)) {
    case 1:
      return pointerTo(randomType(random, depth - 1));
    case 2:
      return sliceOf(randomType(random, depth - 1));
    case 3:
      return arrayOf(1 + random.below(4), randomType(random, depth - 1));
    case 4: {
      const fields = Array.from({ length: 1 + random.below(6) }, (_, index) => [
        `f${index}`,
        randomType(random, depth - 1),
      ]);
      return structOf("main.Random", Object.fromEntries(fields));
    }
    default:
      return random.pick(LEAVES);
  }
}

function randomValue(random: Random, type: GoType): GoValue {
  switch (type.kind) {
    case "int":
      return BigInt(random.below(1000));
    case "bool":
      return random.chance(2);
    case "float":
      return random.below(8) / 4;
    case "string":
      return text("s".repeat(random.below(40)));
    case "pointer":
      return random.chance(3) ? undefined : randomValue(random, type.target());
    case "slice":
      return Array.from({ length: random.below(12) }, () => randomValue(random, type.element()));
    case "array":
      return Array.from({ length: type.length }, () => randomValue(random, type.element()));
    case "struct":
      return Object.fromEntries(type.fields.map((field) => [field.name, randomValue(random, field.type)]));
    default:
      return random.chance(2) ? undefined : plain("failed");
  }
}

test("any values of any types fit in a record, and read back without a contradiction", () => {
  const random = new Random(33);
  let cut = 0;
  for (let round = 0; round < 300; round++) {
    const parameters = Array.from({ length: 1 + random.below(6) }, (_, index): Parameter => {
      const type = randomType(random, 4);
      return { name: `p${index}`, type, value: randomValue(random, type) };
    });
    const lines = captured(parameters, random.chance(2) ? ["$goid"] : []);
    assert.ok(lines.length >= parameters.length);
    if (lines.some((line) => line.includes("no room") || line.includes("…"))) cut++;
  }
  assert.ok(cut > 20, `${cut} records were too small`);
});
