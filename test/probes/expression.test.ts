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
  ];
  assert.deepEqual(
    same.map((text) => formatExpression(parseExpression(text))),
    same,
  );
});

test("blanks, brackets and hexadecimal numbers make no difference", () => {
  assert.equal(formatExpression(parseExpression(" ( s ) . items [ 0x10 ] ")), "s.items[16]");
  assert.equal(formatExpression(parseExpression("lin(n,0,95,10)")), "lin(n, 0, 100, 10)");
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
    'expression "size(a)": there is no function size; there are len, cap, log2 and lin',
    0,
  ]);
  assert.deepEqual(mistake("a[x]"), ['expression "a[x]": an integer is expected here', 2]);
  assert.deepEqual(mistake("err != 3"), ['expression "err != 3": --by compares with nil only', 7]);
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
