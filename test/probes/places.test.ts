/** Lines and inlined copies of `places`, as they are planned: which are counted where, and which are refused, and why. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ProfilerError } from "../../src/base/index.js";
import { openGoBinary } from "../../src/binary/index.js";
import { type PlanRequest, type ProbePlan, planProbes } from "../../src/probes/index.js";
import { goProgram, openSymbolTable } from "../../src/symbols/index.js";
import { type FixtureMode, fixturePath, type GoVersion } from "../fixture.js";

async function plan(
  request: Partial<PlanRequest>,
  version: GoVersion = "1.27",
  mode: FixtureMode = "plain",
): Promise<ProbePlan> {
  using binary = await openGoBinary(fixturePath("places", version, mode));
  return planProbes(goProgram(binary, openSymbolTable(binary)), { probes: [], by: [], signatures: [], ...request });
}

async function failure(
  request: Partial<PlanRequest>,
  mode: FixtureMode = "plain",
): Promise<readonly (string | undefined)[]> {
  try {
    await plan(request, "1.27", mode);
  } catch (error) {
    if (error instanceof ProfilerError) return [error.code, error.message, error.hint];
    throw error;
  }
  throw new Error("the plan was made");
}

/** Where each copy is: by the holder and the line of its call, the instruction or the refusal. */
async function copies(fn: string, of: string | undefined): Promise<Readonly<Record<string, string>>> {
  const { probes, refused } = await plan({ probes: [fn], of });
  const counted = probes.map(({ function: { name }, place, entry }): [string, string] => [
    `${name.replace("main.", "")}:${place?.line}`,
    entry.instruction.split(" ")[0] ?? "",
  ]);
  const others = refused.map(({ name, refusal }): [string, string] => {
    const [, into, line] = / in main\.(\S+) at .*:(\d+)$/.exec(name) ?? [];
    return [`${into}:${line}`, refusal.code];
  });
  return Object.fromEntries([...counted, ...others]);
}

const EARLY = {
  "straight:115": "mov",
  "straight:54": "mov",
  "loops:54": "test",
  "closures.func2:240": "incq",
  "loops:144": "uncertain-place",
  "severalOnALine:223": "uncertain-place",
  "maybe:329": "uncertain-place",
};
const WHEN = { "whens:303": "jle", "alone:319": "jle", "whens:311": "uncertain-place" };

test("copies are counted where one of their instructions is proven to run once a call, and refused elsewhere", async () => {
  assert.deepEqual(await copies("main.early", undefined), EARLY);
  assert.deepEqual(await copies("main.when", "n"), WHEN);
  assert.deepEqual(await copies("main.(*pair).put", "n"), { "methods:265": "nop" });
});

test("a copy whose branch may have become a conditional move is not counted", async () => {
  const [code, message] = await failure({ probes: ["main.least"] });
  assert.deepEqual(
    [code, message],
    [
      "speculated",
      "main.least in main.speculate at fixtures/places/inlined.go:189 can't be measured: its code may run where the call " +
        "would not have been made, and 2 inlined copies of it more",
    ],
  );
});

test("copies that left no instruction may be missing, and a plan of copies says so", async () => {
  const { warnings } = await plan({ probes: ["main.early"] });
  assert.deepEqual(warnings, [
    "main.early: inlined copies of which optimization left no instruction are not known, and their calls not counted",
  ]);
  assert.deepEqual((await plan({ probes: ["main.straight"] })).warnings, []);
});

test("a line is one place for each block in which control reaches it", async () => {
  const { probes, measure } = await plan({ probes: ["places/lines.go:22"] });
  assert.deepEqual(measure, { kind: "count" });
  assert.deepEqual(
    probes.map(({ name, kind, place }) => [name, kind, place?.kind, place?.line, place?.frame?.framePointer]),
    probes.map(() => ["main.totals at lines.go:22", "place", "line", 22, "saved"]),
  );
});

test("without debug data a line is counted, and its variables are refused", async () => {
  const { probes } = await plan({ probes: ["lines.go:25"] }, "1.27", "pie-stripped");
  assert.deepEqual(
    probes.map(({ name }) => name),
    ["main.totals at lines.go:25"],
  );
  const [code, message] = await failure({ probes: ["lines.go:25"], of: "total" }, "pie-stripped");
  assert.deepEqual(
    [code, message],
    [
      "no-debug-data",
      "main.totals at lines.go:25 can't be measured: the binary does not say where variables are in the middle of a function",
    ],
  );
});

test("lines that there are not name the nearest that have code", async () => {
  assert.deepEqual(await failure({ probes: ["lines.go:26"] }), [
    "no-code-on-line",
    "lines.go:26: the line has no code",
    "the nearest lines that have: 24, 25, 27, 28",
  ]);
  assert.deepEqual((await failure({ probes: ["nes.go:25"] }))[0], "no-match");
  assert.deepEqual((await failure({ probes: ["lines.go:25"], of: "nothing" })).slice(0, 1), ["unknown-argument"]);
});

test("a variable without a place at a line is refused with the nearest line where it has one", async () => {
  const [code, , hint] = await failure({ probes: ["lines.go:89"], of: "kept" });
  assert.deepEqual([code, hint], ["not-yet-set", "at lines.go:90 it can be read"]);
  assert.deepEqual((await failure({ probes: ["lines.go:92"], of: "kept" }))[0], "optimized-away");
});

test("a statement that was split into blocks is one place", async () => {
  const { probes } = await plan({ probes: ["lines.go:90"] });
  assert.deepEqual(
    probes.map(({ name }) => name),
    ["main.escapes at lines.go:90"],
  );
});
