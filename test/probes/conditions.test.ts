/** Conditions: run on a made-up program they mean what they say, at either end; what can't be tested is refused, and why. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { invariant } from "../../src/base/index.js";
import type { GoType } from "../../src/binary/index.js";
import type { Code, Relation } from "../../src/probes/code.js";
import { compileCondition } from "../../src/probes/conditions.js";
import { type Expression, formatExpression, type Literal } from "../../src/probes/expression.js";
import { parseExpression } from "../../src/probes/index.js";
import { Random } from "../fuzz/random.js";
import {
  arrayOf,
  BOOL,
  callWith,
  DURATION,
  ERROR,
  FLOAT32,
  FLOAT64,
  type GoValue,
  INT,
  int,
  mapOf,
  pointerTo,
  STRING,
  sliceOf,
  structOf,
  surroundings,
} from "./go-memory.js";
import { Memory, relates, run } from "./machine.js";

const NODE = structOf("main.Node", { n: int("int32", 4, true), s: STRING, f: FLOAT64, h: FLOAT32, ok: BOOL });
const PARAMETERS: readonly { readonly name: string; readonly type: GoType }[] = [
  { name: "small", type: int("int8", 1, true) },
  { name: "byte", type: int("uint8", 1, false) },
  { name: "n", type: INT },
  { name: "u", type: int("uint64", 8, false) },
  { name: "flag", type: BOOL },
  { name: "name", type: STRING },
  { name: "p", type: pointerTo(NODE) },
  { name: "ratio", type: FLOAT64 },
  { name: "wait", type: DURATION },
  { name: "list", type: sliceOf(int("int16", 2, true)) },
  { name: "pair", type: arrayOf(2, NODE) },
  { name: "counts", type: mapOf(STRING, INT) },
  { name: "err", type: ERROR },
];
const RESULTS = [
  { name: "found", type: BOOL },
  { name: "total", type: INT },
];

const INTEGERS = [-9223372036854775808n, -129n, -128n, -1n, 0n, 1n, 2n, 127n, 128n, 255n, 9223372036854775807n];
const STRINGS = ["", "a", "ab", "abc", "abd", "b", "\xff\x00"].map((text) => Buffer.from(text, "latin1"));
const FLOATS = [-Infinity, -1.5, -0, 0, 5e-324, 0.1, 1, 1.5, 1e30, Infinity, NaN];

function randomValue(random: Random, type: GoType): GoValue {
  switch (type.kind) {
    case "int": {
      const bits = type.size * 8;
      const value = random.pick(INTEGERS);
      return type.signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
    }
    case "bool":
      return random.below(2) === 1;
    case "float":
      return random.pick(FLOATS);
    case "string":
      return random.pick(STRINGS);
    case "pointer":
      return random.below(4) === 0 ? undefined : randomValue(random, type.target());
    case "slice":
      return random.below(4) === 0
        ? undefined
        : Array.from({ length: random.below(4) }, () => randomValue(random, type.element()));
    case "array":
      return Array.from({ length: type.length }, () => randomValue(random, type.element()));
    case "struct":
      return Object.fromEntries(type.fields.map((field) => [field.name, randomValue(random, field.type)]));
    default:
      return type.kind === "interface" ? undefined : 0n;
  }
}

/** What can be tested, with its type. */
const SUBJECTS: readonly (readonly [string, GoType])[] = [
  ["small", int("int8", 1, true)],
  ["byte", int("uint8", 1, false)],
  ["n", INT],
  ["u", int("uint64", 8, false)],
  ["flag", BOOL],
  ["name", STRING],
  ["len(name)", INT],
  ["p", pointerTo(NODE)],
  ["p.n", int("int32", 4, true)],
  ["p.s", STRING],
  ["p.f", FLOAT64],
  ["p.h", FLOAT32],
  ["p.ok", BOOL],
  ["list", sliceOf(INT)],
  ["len(list)", INT],
  ["list[0]", int("int16", 2, true)],
  ["list[2]", int("int16", 2, true)],
  ["pair[1].n", int("int32", 4, true)],
  ["pair[0].s", STRING],
  ["pair[1].f", FLOAT64],
];
const RELATIONS: readonly Relation[] = ["==", "!=", "<", "<=", ">", ">="];

function randomTest(random: Random): Expression {
  const [text, type] = random.pick(SUBJECTS);
  const of = parseExpression(text);
  const compare = (relation: Relation, literal: Literal): Expression => ({
    kind: "compare",
    of,
    relation,
    with: literal,
  });
  const equality = random.pick(["==", "!="] as const);
  switch (type.kind) {
    case "bool":
      return random.below(2) === 0 ? of : compare(equality, { kind: "bool", value: random.below(2) === 0 });
    case "int":
      return compare(random.pick(RELATIONS), { kind: "integer", value: randomValue(random, type) as bigint });
    case "float": {
      const value = random.pick(FLOATS.filter(Number.isFinite));
      return compare(random.pick(RELATIONS), { kind: "float", value: type.size === 4 && value > 1e9 ? 1 : value });
    }
    case "string":
      return random.below(3) === 0
        ? { kind: "prefix", of, prefix: random.pick(STRINGS) }
        : compare(random.pick(RELATIONS), { kind: "string", value: random.pick(STRINGS) });
    default:
      return compare(equality, { kind: "nil" });
  }
}

function randomCondition(random: Random, depth: number, leaf: () => Expression): Expression {
  switch (depth === 0 ? 0 : random.below(5)) {
    case 1: {
      const of = randomCondition(random, depth - 1, leaf);
      return of.kind === "not" ? of : { kind: "not", of };
    }
    case 2:
    case 3: {
      const kind = random.pick(["all", "any"] as const);
      const parts = Array.from({ length: 2 + random.below(2) }, () => randomCondition(random, depth - 1, leaf));
      return { kind, of: parts.flatMap((part) => (part.kind === kind ? part.of : [part])) };
    }
    default:
      return leaf();
  }
}

type Values = Readonly<Record<string, GoValue>>;

/** Something on the way was nil or not there. */
class Unreadable extends Error {}

/** The value of an expression, straight from the values. */
function evaluate(expression: Expression, values: Values): GoValue {
  switch (expression.kind) {
    case "name":
      return values[expression.name];
    case "special":
      return values[`$${expression.name}`];
    case "field": {
      const of = evaluate(expression.of, values);
      if (of === undefined) throw new Unreadable();
      return (of as { readonly [field: string]: GoValue })[expression.name];
    }
    case "index": {
      const of = evaluate(expression.of, values);
      const item = Array.isArray(of) ? of[Number(expression.at.value)] : undefined;
      if (item === undefined) throw new Unreadable();
      return item;
    }
    case "call": {
      const of = evaluate(expression.of, values);
      invariant(
        expression.function === "len" && (of === undefined || Array.isArray(of) || Buffer.isBuffer(of)),
        "a length",
      );
      return BigInt(of?.length ?? 0);
    }
    default:
      throw new Error(`${expression.kind} is not in these conditions`);
  }
}

function isTrue(expression: Expression, values: Values): boolean {
  switch (expression.kind) {
    case "not":
      return !isTrue(expression.of, values);
    case "all":
      return expression.of.every((part) => isTrue(part, values));
    case "any":
      return expression.of.some((part) => isTrue(part, values));
    case "prefix": {
      const of = evaluate(expression.of, values);
      invariant(Buffer.isBuffer(of), "a string is bytes");
      return of.subarray(0, expression.prefix.length).equals(expression.prefix);
    }
    case "compare": {
      const { relation, with: literal } = expression;
      const left = evaluate(expression.of, values);
      if (literal.kind === "nil") return (left === undefined) === (relation === "==");
      if (Buffer.isBuffer(left)) return relates(BigInt(left.compare(literal.value as Buffer)), relation, 0n);
      if (typeof left === "boolean") return (left === literal.value) === (relation === "==");
      if (typeof left === "bigint") return relates(left, relation, literal.value as bigint);
      const right = literal.value as number;
      const isHalf = formatExpression(expression.of).endsWith(".h");
      return relates(
        isHalf ? Math.fround(left as number) : (left as number),
        relation,
        isHalf ? Math.fround(right) : right,
      );
    }
    default:
      return evaluate(expression, values) === true;
  }
}

function attempt(work: () => boolean): boolean | "undecided" {
  try {
    return work();
  } catch (error) {
    if (error instanceof Unreadable) return "undecided";
    throw error;
  }
}

const around = surroundings(PARAMETERS, RESULTS);

/** Arguments that are laid out as Go would, and those values. */
function randomCall(random: Random, change: (type: GoType, value: GoValue) => GoValue) {
  const parameters = PARAMETERS.map(({ name, type }) => ({
    name,
    type,
    value: change(type, randomValue(random, type)),
  }));
  const values: Values = Object.fromEntries(parameters.map(({ name, value }) => [name, value]));
  return { world: callWith(new Memory(), parameters), values };
}

test("conditions on arguments mean at the entry what they say", () => {
  const random = new Random(20);
  const seen = new Map<boolean | "undecided", number>();
  for (let round = 0; round < 4000; round++) {
    const expression = randomCondition(random, 3, () => randomTest(random));
    const text = formatExpression(expression);
    const compiled = compileCondition(parseExpression(text), around);
    assert.ok(compiled.ok, `${text}: ${compiled.ok ? "" : compiled.refusal.reason}`);
    assert.deepEqual([compiled.value.decisions.length, compiled.value.return], [0, undefined], text);
    const { world, values } = randomCall(random, (_, value) => value);
    const { a, outcome } = run(compiled.value.entry ?? [], world);
    const expected = attempt(() => isTrue(expression, values));
    seen.set(expected, (seen.get(expected) ?? 0) + 1);
    assert.deepEqual(
      outcome === "read" ? a : "undecided",
      expected === "undecided" ? expected : expected ? 1n : 0n,
      text,
    );
  }
  assert.ok(
    [true, false, "undecided" as const].every((each) => (seen.get(each) ?? 0) > 300),
    JSON.stringify([...seen]),
  );
});

test("what results decide waits for them, and what arguments decide does not", () => {
  const random = new Random(21);
  const seen = new Map<boolean | "undecided", number>();
  let decided = 0;
  for (let round = 0; round < 3000; round++) {
    const late = ["found", "total == 1", "total > 0", "$duration > 10ms", "!found", "$duration <= 1s"];
    const leaf = (): Expression => (random.below(2) === 0 ? randomTest(random) : parseExpression(random.pick(late)));
    const expression = randomCondition(random, 3, leaf);
    const text = formatExpression(expression);
    const compiled = compileCondition(parseExpression(text), around);
    if (!compiled.ok) {
      assert.equal(compiled.refusal.code, "too-many-parts", compiled.refusal.reason);
      continue;
    }
    const { world, values } = randomCall(random, (_, value) => value);
    const [found, total, duration] = [
      random.below(2),
      BigInt(random.below(3)),
      random.pick([0n, 10_000_001n, 2_000_000_000n]),
    ];
    const { decisions, entry, return: end } = compiled.value;
    const bits = decisions.map((code) => {
      const { a, outcome } = run(code, world);
      return outcome === "read" ? a !== 0n : undefined;
    });
    decided += bits.length;
    const verdictOf = (code: Code | undefined): boolean | "undecided" => {
      if (code === undefined) return true;
      const registers =
        code === end ? new Map([["ax", BigInt(found)] as const, ["bx", total] as const]) : world.registers;
      const { a, outcome } = run(code, { ...world, registers, duration, decided: bits });
      return outcome === "read" ? a !== 0n : "undecided";
    };
    const all: Values = { ...values, found: found === 1, total, $duration: duration };
    const expected = attempt(() => isTrue(withNanoseconds(parseExpression(text)), all));
    const atEntry = verdictOf(entry);
    // The entry has its say first: of calls that it leaves out the rest is not looked at.
    if (atEntry === true) assert.equal(verdictOf(end), expected, text);
    else assert.notEqual(expected, true, text);
    seen.set(expected, (seen.get(expected) ?? 0) + 1);
    if (end !== undefined) assert.ok(/found|total|\$duration/.test(text), text);
  }
  assert.ok(decided > 1000, `${decided} decisions`);
  assert.ok(
    [true, false, "undecided" as const].every((each) => (seen.get(each) ?? 0) > 100),
    JSON.stringify([...seen]),
  );
});

/** Durations as the integers that they are. */
function withNanoseconds(expression: Expression): Expression {
  if (expression.kind === "not") return { ...expression, of: withNanoseconds(expression.of) };
  if (expression.kind === "all" || expression.kind === "any")
    return { ...expression, of: expression.of.map(withNanoseconds) };
  if (expression.kind !== "compare" || expression.with.kind !== "duration") return expression;
  return { ...expression, with: { kind: "integer", value: expression.with.value } };
}

test("however deep a condition nests, there are variables for it", () => {
  const nested = (depth: number): string => (depth === 0 ? "flag" : `!(n == ${depth} && ${nested(depth - 1)})`);
  let cube: GoType = INT;
  let maps: GoType = INT;
  for (let depth = 0; depth < 20; depth++) {
    cube = sliceOf(cube);
    maps = mapOf(STRING, maps);
  }
  const deep = surroundings([...PARAMETERS, { name: "cube", type: cube }, { name: "maps", type: maps }]);
  const tests = [nested(25), `cube${"[1]".repeat(20)} == 3`, `maps${'["a"]'.repeat(20)} > 3`];
  for (const condition of tests) assert.ok(compileCondition(parseExpression(condition), deep).ok, condition);
  const three = pointerTo(INT);
  const cubes = surroundings([{ name: "cube", type: sliceOf(sliceOf(three)) }]);
  const compiled = compileCondition(parseExpression("*cube[1][0] == 3"), cubes);
  assert.ok(compiled.ok);
  const value = [[1n], [3n]];
  const world = callWith(new Memory(), [{ name: "cube", type: sliceOf(sliceOf(three)), value }]);
  assert.equal(run(compiled.value.entry ?? [], world).a, 1n);
});

/** Which codes there are: what the entry decides for good, its bits, and what is left for the return. */
function ends(text: string): string {
  const compiled = compileCondition(parseExpression(text), around);
  if (!compiled.ok) return compiled.refusal.reason;
  const { decisions, entry, return: end } = compiled.value;
  return [entry && "entry", decisions.length > 0 && `${decisions.length} bits`, end && "return"]
    .filter(Boolean)
    .join(", ");
}

test("what the entry can decide it decides", () => {
  assert.deepEqual(
    [
      'name == "a" && n > 3',
      "found",
      "n > 3 && found",
      "n > 3 || found",
      "n > 3 && found && small == 1 && $duration > 1s",
      "(n > 3 && found && small == 1) || $duration > 1s",
      "!(n > 3 || found || flag)",
      "$goid == 7 && total == 0",
      '$func == "main.(*Store).Lookup" || found',
      "(n == 1 || found) && (n == 2 || found) && (n == 3 || !found)",
    ].map((text) => `${text}: ${ends(text)}`),
    [
      'name == "a" && n > 3: entry',
      "found: return",
      "n > 3 && found: entry, return",
      "n > 3 || found: 1 bits, return",
      "n > 3 && found && small == 1 && $duration > 1s: entry, return",
      "(n > 3 && found && small == 1) || $duration > 1s: 2 bits, return",
      "!(n > 3 || found || flag): 2 bits, return",
      "$goid == 7 && total == 0: entry, return",
      '$func == "main.(*Store).Lookup" || found: 1 bits, return',
      "(n == 1 || found) && (n == 2 || found) && (n == 3 || !found): 3 bits, return",
    ],
  );
});

function refusalOf(text: string): string {
  const compiled = compileCondition(parseExpression(text), around);
  assert.ok(!compiled.ok, `${text} compiles`);
  const { code, reason, hint } = compiled.refusal;
  return `${code} | ${reason} | ${hint ?? "-"}`;
}

test("a condition that can't be tested is refused, with what can be", () => {
  const parts = Array.from({ length: 9 }, (_, index) => `(n == ${index} || found)`).join(" && ");
  assert.deepEqual(
    [
      'n == "abc"',
      "name == 3",
      "name == 'x'",
      "byte == 300",
      "byte == -1",
      "small == 128",
      "u == -1",
      "n > 10ms",
      "wait > 3",
      "$duration > 100",
      "n == 1.5",
      "n == nil",
      "n",
      "name",
      "err",
      'err == "not found"',
      "err > nil",
      "flag == 1",
      "flag < true",
      "ratio > 0.5",
      "p == 3",
      "pair[0] == 3",
      'list == "x"',
      'hasPrefix(n, "x")',
      "lin(n, 0, 10, 1) == 3",
      "(n == 3) == true",
      "$func == 3",
      "nobody == 3",
      "counts[3] == 1",
      "list[-1] == 1",
      'list["a"] == 1',
      "pair[2].n == 1",
      "pair[0].h > 1e39",
      `name == "${"x".repeat(129)}"`,
      parts,
    ].map(refusalOf),
    [
      "wrong-type | n is an integer (int): it can't be compared with a string | n == 3 can be tested",
      'wrong-type | name is a string (string): it can\'t be compared with an integer | name == "text" can be tested',
      'wrong-type | name is a string (string): it can\'t be compared with a character | a string stands in double quotes: "x"',
      "wrong-type | byte is a uint8: it is never 300 | it is 0 to 255",
      "wrong-type | byte is a uint8: it is never -1 | it is 0 to 255",
      "wrong-type | small is an int8: it is never 128 | it is -128 to 127",
      "wrong-type | u is a uint64: it is never -1 | it is 0 to 18446744073709551615",
      "wrong-type | n is an integer (int), not a time.Duration | 10ms is 10000000 in nanoseconds: compare with the number that it counts",
      "usage | wait is a time.Duration: 3 has no unit | units are h, m, s, ms, µs, ns",
      "usage | $duration is a time.Duration: 100 has no unit | units are h, m, s, ms, µs, ns",
      "wrong-type | n is an integer (int): it can't be compared with a fraction | n == 3 can be tested",
      "wrong-type | n is an integer (int), which is never nil | n == 3 can be tested",
      "wrong-type | n is an integer (int), which is neither true nor false | compare it: n != 0",
      'wrong-type | name is a string (string), which is neither true nor false | compare it: name != ""',
      "wrong-type | err is an interface (error), which is neither true nor false | type(err) and err != nil can be read",
      "wrong-type | err is an interface (error): it can't be compared with a string | type(err) and err != nil can be read",
      "wrong-type | err > nil has no meaning | == and != have",
      "wrong-type | flag is a bool (bool): it can't be compared with an integer | flag can be tested as it is, and !flag",
      "wrong-type | flag < true has no meaning | == and != have",
      "float-in-register | ratio is a float64 in a register that uprobes cannot read | integers, bools and strings can be read",
      "wrong-type | p is a pointer (*main.Node): it can't be compared with an integer | p != nil can be tested",
      "wrong-type | pair[0] is a struct (main.Node): it can't be compared with an integer | a field can be read: pair[0].n",
      "wrong-type | list is a slice ([]int16): it can't be compared with a string | len(list) and an element can be read: list[0]",
      "wrong-type | n is an integer (int): only strings have prefixes | -",
      "wrong-type | lin(e, …) groups values of --by | compare the value itself",
      "wrong-type | n == 3 is true or false already | it can be tested as it is",
      'wrong-type | $func is a function\'s name: it is compared with strings | $func == "main.main"',
      "unknown-argument | it has no argument or result nobody | arguments: small int8, byte uint8, n int, u uint64, flag bool, name string, p *main.Node, ratio float64, wait time.Duration, list []int16, pair [2]main.Node, counts map[string]int, err error; results: found bool, total int",
      'wrong-type | the keys of counts are of type string: 3 is none | counts["text"] can be read',
      "unreadable-argument | list[-1]: an index is not negative | -",
      "unreadable-argument | list is a slice ([]int16): its elements have numbers | -",
      "unreadable-argument | pair has 2 elements: there is no [2] | -",
      "wrong-type | pair[0].h is a float32: it is never 1e+39 | -",
      'not-supported | a string of 129 bytes is too long to compare with | at most 128 bytes are possible: hasPrefix(name, "xxxxxxxxxxxxxxxx") and len(name) can be tested',
      "too-many-parts | the condition mixes arguments and results in 9 places, 8 are possible | what only arguments decide is best put first: ARGUMENTS && RESULTS",
    ],
  );
});
