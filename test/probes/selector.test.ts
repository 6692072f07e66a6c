/** Which functions a PROBE of the command line means, and what is said when it means none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ProfilerError, virtualAddress } from "../../src/base/index.js";
import { resolveSelector } from "../../src/probes/index.js";
import type { GoFunction, InlinedCopy, SymbolTable } from "../../src/symbols/index.js";

const NAMES = [
  "main.(*Store).Close",
  "main.(*Store).Lookup",
  "main.(*Store).Lookup.func1",
  "main.(*bigStore).Lookup",
  "main.Sum[...]",
  "main.main",
  "net/http.(*Server).Serve",
  "net/http.(*conn).serve",
  "net/http/httputil.DumpRequest",
  "net/httpx.Other",
  "net/http.init.0",
];

const functions = NAMES.map(
  (name, index): GoFunction => ({
    name,
    entry: virtualAddress(0x1000 * (index + 1)),
    end: virtualAddress(0x1000 * (index + 1) + 16),
    index,
    assembly: false,
    wrapper: false,
  }),
);

const copy = (into: string, line: number): InlinedCopy => ({ into, index: 0, call: line, file: "/src/a.go", line });
const COPIES: ReadonlyMap<string, readonly InlinedCopy[]> = new Map([
  ["main.tiny", [1, 2, 3, 4, 5, 6, 7].map((line) => copy("main.main", line))],
  ["main.small", [copy("main.Sum[...]", 9)]],
]);

const symbols: SymbolTable = {
  functionCount: functions.length,
  functions: () => functions,
  findByName: (name) => functions.filter((fn) => fn.name === name),
  findByAddress: () => undefined,
  place: () => ({ file: undefined, line: undefined }),
  symbolize: () => [],
  signature: () => undefined,
  typeSource: undefined,
  findType: () => undefined,
  inlinedCopies: (names) =>
    new Map([...COPIES].flatMap(([name, { length }]) => (names.has(name) ? [[name, length]] : []))),
  inlinedPlaces: (names) => new Map([...COPIES].filter(([name]) => names.has(name))),
  inlinedNames: () => COPIES.keys(),
  variable: () => undefined,
  nearestVariables: () => [],
  nearest: (name) => (name === "main.Main" ? ["main.main"] : []),
};

const matches = (selector: string): readonly string[] => resolveSelector(selector, symbols).map((fn) => fn.name);

test("a symbol is taken verbatim, stars and brackets included", () => {
  for (const name of NAMES) assert.deepEqual(matches(name), [name]);
});

test("a glob's star stands for anything; a receiver's for itself", () => {
  assert.deepEqual(matches("main.(*Store).*"), NAMES.slice(0, 3));
  assert.deepEqual(matches("main.*Store).Lookup"), [NAMES[1], NAMES[3]]);
  assert.deepEqual(matches("main.(*).Lookup"), [NAMES[1], NAMES[3]]);
  assert.deepEqual(matches("net/http.*"), [NAMES[6], NAMES[7], NAMES[10]]);
  assert.deepEqual(matches("*ump*"), ["net/http/httputil.DumpRequest"]);
  assert.deepEqual(matches("*"), NAMES);
});

test("PACKAGE/... is a package and all below it", () => {
  assert.deepEqual(matches("net/http/..."), [NAMES[6], NAMES[7], NAMES[8], NAMES[10]]);
});

test("a regular expression stands between slashes", () => {
  assert.deepEqual(matches("/[Ss]erve$/"), [NAMES[6], NAMES[7]]);
  assert.deepEqual(matches("/Lookup$|..rve/"), [NAMES[1], NAMES[3], NAMES[6], NAMES[7]]);
  assert.deepEqual(matches("/^net/http\\./"), [NAMES[6], NAMES[7], NAMES[10]]);
});

function failure(selector: string): Record<string, unknown> {
  try {
    resolveSelector(selector, symbols);
  } catch (error) {
    assert.ok(error instanceof ProfilerError);
    return { code: error.code, message: error.message, hint: error.hint };
  }
  throw new Error(`${selector} matches`);
}

test("what matches nothing is explained", () => {
  assert.deepEqual(failure("main.Main"), {
    code: "no-match",
    message: "no function is called main.Main",
    hint: "did you mean main.main?",
  });
  assert.deepEqual(failure("main.(*Store).Nope"), {
    code: "no-match",
    message: "no function is called main.(*Store).Nope",
    hint: "gospect list shows the functions there are",
  });
  assert.deepEqual(failure("db.*"), {
    code: "no-match",
    message: "no function matches db.*",
    hint: "gospect list shows the functions there are",
  });
  assert.deepEqual(failure("main.tiny"), {
    code: "inlined-everywhere",
    message:
      "main.tiny has no body of its own: all its 7 calls were inlined, in main.main at /src/a.go:1, " +
      "in main.main at /src/a.go:2, in main.main at /src/a.go:3 and at 4 more places",
    hint: "measure a function that calls it, or build with //go:noinline above it",
  });
  assert.deepEqual(failure("main.s*"), {
    code: "inlined-everywhere",
    message: "main.small has no body of its own: its one call was inlined, in main.Sum[...] at /src/a.go:9",
    hint: "measure a function that calls it, or build with //go:noinline above it",
  });
  assert.deepEqual(failure("/^main.(tiny|small)$/"), {
    code: "inlined-everywhere",
    message:
      "none of the 2 functions that match /^main.(tiny|small)$/ has a body of its own: all their 8 calls were inlined, " +
      "in main.main at /src/a.go:1, in main.main at /src/a.go:2, in main.main at /src/a.go:3 and at 5 more places",
    hint: "measure a function that calls it, or build with //go:noinline above it",
  });
});

test("a malformed regular expression is a mistake of the command line", () => {
  assert.deepEqual(failure("/main.(/"), {
    code: "usage",
    message: "malformed regular expression /main.(/: Unterminated group",
    hint: "a regular expression stands between slashes: '/^main\\.handle/'",
  });
});

test("other kinds of probe are told apart, and declined", () => {
  const declined = ["usdt:libc:setjmp", "c:getaddrinfo", "store.go:42", "usdt:a:b..usdt:a:c", "main.a..main.b"].map(
    (selector) => failure(selector)["message"],
  );
  assert.deepEqual(declined, [
    "usdt:libc:setjmp: a USDT probe is no function",
    "c:getaddrinfo: a C function is no function of Go",
    "store.go:42: a source line is no function",
    "usdt:a:b..usdt:a:c: a USDT probe is no function",
    "main.a..main.b: only USDT probes can be the ends of a span: usdt:PROVIDER:NAME..usdt:PROVIDER:NAME",
  ]);
});
