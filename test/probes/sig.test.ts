/** `--sig`: Go's syntax of signatures to types and sizes; mistakes are pointed at. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../../src/base/index.js";
import { parseGivenSignature } from "../../src/probes/index.js";

/** The signature as Go would print it, with sizes where they are not plain. */
function describe(text: string): string {
  const { function: name, signature } = parseGivenSignature(text);
  const list = (variables: typeof signature.parameters): string =>
    variables.map((variable) => `${variable.name} ${variable.type.name}`.trim()).join(", ");
  const receiver = signature.hasReceiver ? " method" : "";
  return `${name}${receiver}(${list(signature.parameters)})(${list(signature.results)})`;
}

test("names, shared types, results with and without names", () => {
  assert.deepEqual(
    [
      "main.f=func()",
      "main.f = func ( a , b int , c string ) error",
      "main.f=func(int, []byte) (n int, err error)",
      "main.f=func(m map[string][]*int8, c <-chan bool, d chan<- int, f func(int) (int, error), v ...any) (func(), *[3]uint16)",
      "example.com/shop/store.Open=func(ctx context.Context, d time.Duration, p unsafe.Pointer, i interface{})",
      "main.(*Store).Lookup=func(tenant string, n int) (string, error)",
      "main.Point.Norm=func(p struct{ x, y int32; tag string }, scale int) int",
      "main.Sum[...]=func(values []float64) float64",
      "main.(*Cache[...]).Get=func(string) (bool)",
    ].map(describe),
    [
      "main.f()()",
      "main.f(a int, b int, c string)(error)",
      "main.f(int, []byte)(n int, err error)",
      "main.f(m map[string][]*int8, c <-chan bool, d chan<- int, f func, v []any)(func, *[3]uint16)",
      "example.com/shop/store.Open(ctx context.Context, d time.Duration, p unsafe.Pointer, i interface {})()",
      "main.(*Store).Lookup method(unsafe.Pointer, tenant string, n int)(string, error)",
      "main.Point.Norm(p struct { x int32; y int32; tag string }, scale int)(int)",
      "main.Sum[...](values []float64)(float64)",
      "main.(*Cache[...]).Get method(unsafe.Pointer, string)(bool)",
    ],
  );
});

test("structs are laid out as the compiler does", () => {
  const layout = (type: string): unknown => {
    const parsed = parseGivenSignature(`main.f=func(v ${type})`).signature.parameters[0]?.type;
    assert.ok(parsed?.kind === "struct");
    return [parsed.size, parsed.fields.map((field) => [field.name, field.offset])];
  };
  assert.deepEqual(layout("struct{ a int8; b int64; c, d bool }"), [
    24,
    [
      ["a", 0],
      ["b", 8],
      ["c", 16],
      ["d", 17],
    ],
  ]);
  assert.deepEqual(layout('struct{ a int16; b [3]int8; c int32 `json:"c"` }'), [
    12,
    [
      ["a", 0],
      ["b", 2],
      ["c", 8],
    ],
  ]);
  // A trailing empty field has an address inside the struct.
  assert.deepEqual(layout("struct{ a int32; end struct{} }"), [
    8,
    [
      ["a", 0],
      ["end", 4],
    ],
  ]);
  assert.deepEqual(layout("struct{ c complex64; s string; z complex128 }"), [
    40,
    [
      ["c", 0],
      ["s", 8],
      ["z", 24],
    ],
  ]);
  assert.deepEqual(layout("struct{}"), [0, []]);
});

/** Message, without its beginning, and the column of the caret. */
function mistake(text: string): [string, number] {
  try {
    parseGivenSignature(text);
  } catch (error) {
    assert.ok(error instanceof UsageError);
    return [
      error.message.replace(`--sig "${text}"`, "").replace(/^: /, ""),
      error.hint?.split("\n")[1]?.indexOf("^") ?? -1,
    ];
  }
  throw new Error(`${text} parses`);
}

test("a mistake is pointed at", () => {
  assert.deepEqual(mistake("main.f"), [" is not FUNC=func(SIGNATURE)", -1]);
  assert.deepEqual(mistake("main.f=func(a int"), ['"," is expected here', 17]);
  assert.deepEqual(mistake("main.f=func(a int) int int"), ["this does not belong to a signature", 23]);
  assert.deepEqual(mistake("main.f=func(a Tenant)")[0].split(":")[0], "Tenant is no built-in type");
  assert.deepEqual(mistake("main.f=func(a [n]int)")[0], "an array's length is expected here");
  assert.deepEqual(mistake("main.f=func(a [99999999999999]int)")[0], "the array is too large");
  assert.deepEqual(mistake("main.f=func(a int, []string)")[0], "named and unnamed parameters are mixed");
  assert.deepEqual(mistake(`main.f=func(a ${"*".repeat(200)}int)`)[0], "the type nests too deeply");
});
