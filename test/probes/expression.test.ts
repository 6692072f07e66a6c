/** The syntax of --by expressions: what parses to what, and where a mistake is pointed at. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../../src/base/index.js";
import { formatExpression, parseExpression } from "../../src/probes/index.js";

test("an expression reads as it was written", () => {
  const same = [
    "tenant",
    "ret0",
    "s.cfg.limits[3].max",
    "*p",
    "*p.next",
    "(*p).next",
    "**p",
    "len(s.items)",
    "cap(buf)",
    "log2(len(key))",
    "lin(n, 0, 100, 10)",
    "lin(n, -50, 50, 25)",
    "err != nil",
    "$goid",
    "größe",
    "n == 3",
    "n >= -9223372036854775808",
    "ratio < 0.5",
    "ratio < 1e+21",
    'name == "a\\tb\\"c\\xff"',
    'name != ""',
    "letter == 'x'",
    "letter == '\\n'",
    "flag == true",
    "p == nil",
    "$duration > 10ms",
    "timeout <= 90s",
    "timeout == 0s",
    'hasPrefix(name, "/api/")',
    "!flag",
    "!(a == 3)",
    "a == 1 && b == 2 && !c",
    "a == 1 && (b == 2 || c) || d",
    'm["key"].field',
    "m[-3]",
    "s.items[0][1]",
    'type(err) == "*fs.PathError"',
    "value(ctx, main.userKey)",
    "value(r.ctx, *example.org/auth.key) != nil",
    "net/http.DefaultClient.Timeout",
    "(*p).next == nil",
    "log2(n) > 3",
    "a.x == b[1]",
    "(a == b) != c",
  ];
  assert.deepEqual(
    same.map((text) => formatExpression(parseExpression(text))),
    same,
  );
});

test("blanks, brackets and hexadecimal numbers make no difference", () => {
  assert.equal(formatExpression(parseExpression(" ( s ) . items [ 0x10 ] ")), "s.items[16]");
  assert.equal(formatExpression(parseExpression("lin(n,0,95,10)")), "lin(n, 0, 100, 10)");
  assert.equal(formatExpression(parseExpression("((a==0x_ff)&&(b==1))&&c")), "a == 255 && b == 1 && c");
  assert.equal(formatExpression(parseExpression("(a || b) || (c)")), "a || b || c");
  assert.equal(formatExpression(parseExpression("!!a")), "a");
});

test("literals have Go's forms, and more than one text may be the same", () => {
  const same = [
    ["10ms < $duration", "$duration > 10ms"],
    ["3 == n", "n == 3"],
    ["n < 0b101", "n < 5"],
    ["n < 0o17", "n < 15"],
    ["d > 1.5s", "d > 1500ms"],
    ["d > 1m30s", "d > 90s"],
    ["d > 250us", "d > 250µs"],
    ["d > 2h0.5m", "d > 7230s"],
    ["x > .5".replace(".5", "0.50"), "x > 0.5"],
    ["s == `a\\b`", 's == "a\\\\b"'],
    ['s == "\\u00e9\\x41\\101\\U0001F600"', 's == "éAA😀"'],
    ["c == '\\''", "c == '\\''"],
    ["c == 'é'", "c == 'é'"],
  ];
  assert.deepEqual(
    same.map(([text = ""]) => formatExpression(parseExpression(text))),
    same.map(([, formatted]) => formatted),
  );
});

/** Message and the column of the caret. */
function mistake(text: string): [string, number] {
  try {
    parseExpression(text);
  } catch (error) {
    assert.ok(error instanceof UsageError);
    const [first, caret] = error.hint?.split("\n") ?? [];
    assert.equal(first, text);
    return [error.message, caret?.indexOf("^") ?? -1];
  }
  throw new Error(`${text} parses`);
}

test("a mistake is pointed at", () => {
  assert.deepEqual(mistake(""), ['expression "": something is missing here', 0]);
  assert.deepEqual(mistake("a."), ['expression "a.": a field\'s name is expected here', 2]);
  assert.deepEqual(mistake("a b"), ['expression "a b": "b" is not expected here', 2]);
  assert.deepEqual(mistake("a + b"), ['expression "a + b": this is no part of an expression', 2]);
  assert.deepEqual(mistake("len(a"), ['expression "len(a": ")" is expected here', 5]);
  assert.deepEqual(mistake("size(a)"), [
    'expression "size(a)": there is no function size; there are len, cap, type, log2, lin, hasPrefix, value, word, str and int8 to uint64',
    0,
  ]);
  assert.deepEqual(mistake("a[x]"), ['expression "a[x]": an integer or a string is expected here', 2]);
  assert.deepEqual(mistake("a[1.5]"), ['expression "a[1.5]": an integer or a string is expected here', 2]);
  assert.deepEqual(mistake("a = 3"), ['expression "a = 3": "=" compares nothing: write "=="', 2]);
  assert.deepEqual(mistake("a & b"), ['expression "a & b": "&" is nothing here: write "&&"', 2]);
  assert.deepEqual(mistake("3 == 3"), ['expression "3 == 3": this compares nothing of the program', 0]);
  assert.deepEqual(mistake("true"), ['expression "true": this is compared with nothing', 0]);
  assert.deepEqual(mistake("a && "), ['expression "a && ": something is missing here', 5]);
  assert.deepEqual(mistake("!a == 3"), [
    'expression "!a == 3": "!" goes before the comparison: put that in brackets',
    0,
  ]);
  assert.deepEqual(mistake("!3"), ['expression "!3": there is nothing to negate', 0]);
  assert.deepEqual(mistake("(a == 3).b"), ['expression "(a == 3).b": what is true or false has no parts', 8]);
  assert.deepEqual(mistake('s == "abc'), ['expression "s == "abc": this string does not end', 5]);
  assert.deepEqual(mistake('s == "\\q"'), ['expression "s == "\\q"": Go has no escape \\q', 6]);
  assert.deepEqual(mistake("c == 'xy'"), [
    "expression \"c == 'xy'\": single quotes hold one character; strings have double quotes",
    5,
  ]);
  assert.deepEqual(mistake("n == 99999999999999999999"), [
    'expression "n == 99999999999999999999": the integer is too large',
    5,
  ]);
  assert.deepEqual(mistake("hasPrefix(s, 3)"), ['expression "hasPrefix(s, 3)": a string is expected here', 13]);
  assert.deepEqual(mistake("lin(n, 0, 10, 0)"), [
    'expression "lin(n, 0, 10, 0)": lin(e, low, high, width): width must be positive',
    0,
  ]);
  assert.deepEqual(mistake("lin(n, 9, 9, 1)")[0].split(": ").at(-1), "high must be greater than low");
  assert.deepEqual(
    mistake(`${"(".repeat(100)}a`)[0]
      .split(": ")
      .at(-1),
    "it nests too deeply",
  );
});
