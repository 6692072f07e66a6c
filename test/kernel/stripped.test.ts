/**
 * Without symbol table and debug data: every function of `truth` is found by its name and measured, by its arguments and
 * results where a signature of Go's built-in types tells what they are. Other types are spelled out.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fixturePath, goVersions, startFixture } from "../fixture.js";
import { planner, withoutKernel } from "./measuring.js";
import { compareRound } from "./rounds.js";

const CUSTOMER = "*struct{name string; active bool; parent *struct{name string; active bool; parent unsafe.Pointer}}";
const ORDER = `struct{audit struct{user string; level int8}; id int64; one [1]int16; tenant string; customer ${CUSTOMER}}`;

const SIGNATURES: Readonly<Record<string, string>> = {
  "main.(*Store).Lookup": "func(tenant string, weight int) (value string, err error)",
  "main.(*Stack[...]).Push": "func(item int, weight int) int",
  "main.Breaks": "func(i int) int",
  "main.Catcher": "func(depth int, b unsafe.Pointer) bool",
  "main.Check": "func(i int, c unsafe.Pointer) error",
  "main.Cleanup": "func(i int, c unsafe.Pointer) int",
  "main.EndsByGoexit": "func(i int, b unsafe.Pointer) int",
  "main.ExitsWhilePanicking": "func(i int)",
  "main.Find": `func(i int, c unsafe.Pointer) (customer ${CUSTOMER})`,
  "main.Flag": "func(i int, c unsafe.Pointer) bool",
  "main.Four": "func(i int, c unsafe.Pointer) (int, string, bool, error)",
  "main.Guarded": "func(i int, b unsafe.Pointer) (result int, failed bool)",
  "main.Half": "func(n int) int",
  "main.HugeFrame": "func(seed uint8, c unsafe.Pointer) int",
  "main.Largest[...]": "func(index int, values []int)",
  "main.Leaf": "func(a, b int) int",
  "main.LeafBranches": "func(n int) int",
  "main.Leave": "func(i int) int",
  "main.MakeAdder.func1": "func(n int) int",
  "main.Many":
    "func(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12 int, last string, c unsafe.Pointer) " +
    "(r1, r2, r3, r4, r5, r6, r7, r8, r9, r10 int, text string)",
  "main.MayPanic": "func(i int, c unsafe.Pointer) int",
  "main.Mixed": "func(f float64, i int, g float32, j int8, c unsafe.Pointer) (float64, int)",
  "main.Narrow":
    "func(a uint8, b int16, c bool, d int32, e uint8, f int8, clock unsafe.Pointer) (low uint8, signed int16)",
  "main.Nest": "func(id int, entered chan<- struct{}, gate <-chan struct{}) int",
  "main.PanicsTwice": "func(i int, b unsafe.Pointer)",
  "main.PanicsWhileExiting": "func(i int)",
  "main.Passes": "func(i int, b unsafe.Pointer) int",
  "main.Ping": "func(n int, b unsafe.Pointer) int",
  "main.Place": `func(o ${ORDER}, c unsafe.Pointer) bool`,
  "main.Point.Norm": "func(p struct{x, y int32; tag string}, scale int) int",
  "main.Pong": "func(n int, b unsafe.Pointer) int",
  "main.RecoversItself": "func(i int, b unsafe.Pointer) (result int)",
  "main.RecoversWhileExiting": "func(i int, b unsafe.Pointer)",
  "main.Recurse": "func(depth, width int, b unsafe.Pointer) int",
  "main.Repanics": "func(i int, b unsafe.Pointer)",
  "main.Slice": "func(p []int, names []string, raw []byte, c unsafe.Pointer) (kept []int, total int)",
  "main.Spin": "func(n int, c unsafe.Pointer) int",
  "main.Submit": `func(n int, batch struct{kind uint8; orders [2]${ORDER}; label string}, after int, c unsafe.Pointer) int`,
  "main.Text": "func(s string, tenant string, c unsafe.Pointer) string",
  "main.Thrower": "func(depth int, b unsafe.Pointer) int",
  "main.Wait": "func(id int, entered chan<- struct{}, gate <-chan struct{}) int",
  "main.Wide": "func(a uint64, b int64, d time.Duration, p uintptr, c unsafe.Pointer) (uint64, int64)",
};

/** A pointer method's receiver is opaque in a signature, and there is no embedding without a type's name. */
const UNKNOWN: Readonly<Record<string, readonly string[]>> = {
  "main.(*Store).Lookup": ["s.name", "s.size", "s.shard.id", "s.shard.zone.label", "s.shard.zone.live"],
  "main.(*Stack[...]).Push": ["s.name"],
  "main.Place": ["o.level"],
};

for (const version of goVersions) {
  for (const mode of ["stripped", "pie-stripped"] as const) {
    const path = fixturePath("truth", version, mode);

    test(`stripped: hist agrees with the program's own counts: Go ${version} ${mode}`, {
      skip: withoutKernel,
    }, async () => {
      const sections = execFileSync("readelf", ["-SW", path], { encoding: "utf8" });
      assert.doesNotMatch(sections, / \.(symtab|z?debug_\w+) /);
      using fixture = await startFixture(path, ["-workers", "6", "-scale", "2", "-gc"]);
      const compared = await compareRound(fixture, { signatures: SIGNATURES, unknown: UNKNOWN });
      assert.ok(compared > 100, `${compared} values compared`);
      await fixture.stop();
    });
  }
}

test("stripped: without a signature there is nothing to ask by, and the refusal shows one", async () => {
  const plan = await planner({ kind: "exe", path: fixturePath("truth", "1.27", "stripped") });
  assert.throws(() => plan({ probes: ["main.Spin"], by: ["n"] }), {
    code: "no-signature",
    message: "main.Spin can't be measured by n: the binary does not say what its arguments are",
    hint: "say all of them: --sig 'main.Spin=func(PARAMETERS) RESULTS'; or give --symbols of the build with debug data",
  });
});
