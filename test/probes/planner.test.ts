/** Plans of the fixtures: recipes by ABI, dimensions several functions share, refusals and their reasons. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ProfilerError } from "../../src/base/index.js";
import { openGoBinary } from "../../src/binary/index.js";
import { type FetchStep, type PlanRequest, type ProbePlan, planProbes } from "../../src/probes/index.js";
import { goProgram, openSymbolTable } from "../../src/symbols/index.js";
import { type FixtureMode, type FixtureProgram, fixturePath, type GoVersion, goVersions } from "../fixture.js";

interface Fixture {
  readonly program?: FixtureProgram;
  readonly version?: GoVersion;
  readonly mode?: FixtureMode;
}

async function plan(request: Partial<PlanRequest>, fixture: Fixture = {}): Promise<ProbePlan> {
  const { program = "truth", version = "1.27", mode = "plain" } = fixture;
  using binary = await openGoBinary(fixturePath(program, version, mode));
  return planProbes(goProgram(binary, openSymbolTable(binary)), { probes: [], by: [], signatures: [], ...request });
}

/** A step in few letters: `bx`, `b=cx`, `sp+8`, `[+16]8s`. */
function brief(step: FetchStep): string {
  switch (step.op) {
    case "register":
      return step.register;
    case "register-b":
      return `b=${step.register}`;
    case "stack":
      return `sp+${step.offset}`;
    case "load":
      return `[+${step.offset}]${step.size}${step.signed ? "s" : "u"}`;
    case "load-pair":
      return `[+${step.offset}]pair`;
    case "truncate":
      return `low${step.size}${step.signed ? "s" : "u"}`;
    case "linear":
      return `lin(${step.low},${step.width},${step.buckets})`;
    default:
      return step.op;
  }
}

/** Every dimension of the plan's only probe: `name kind phase steps`. */
async function recipes(name: string, by: readonly string[], fixture: Fixture = {}): Promise<readonly string[]> {
  const found: string[] = [];
  for (const expression of by) {
    const { dimensions, probes } = await plan({ probes: [name], by: [expression] }, fixture);
    const recipe = probes[0]?.recipes[0];
    const kind = dimensions[0]?.encoding.kind ?? "none";
    found.push(`${expression}: ${kind} ${recipe?.phase} ${recipe?.steps.map(brief).join(" ")}`);
  }
  return found;
}

async function failure(request: Partial<PlanRequest>, fixture: Fixture = {}): Promise<Record<string, unknown>> {
  try {
    await plan(request, fixture);
  } catch (error) {
    assert.ok(error instanceof ProfilerError, String(error));
    return { code: error.code, message: error.message, hint: error.hint };
  }
  throw new Error("it is planned");
}

for (const version of goVersions) {
  test(`Go ${version}: arguments and results in registers, on the stack, behind pointers`, async () => {
    const fixture = { version };
    const lookup = [
      "tenant",
      "len(tenant)",
      "weight",
      "log2(weight)",
      "lin(weight, 0, 100, 10)",
      "s",
      "value",
      "err != nil",
    ];
    assert.deepEqual(await recipes("main.(*Store).Lookup", [...lookup, "arg1", "ret0"], fixture), [
      "tenant: string entry bx b=cx",
      "len(tenant): integer entry cx",
      "weight: integer entry di",
      "log2(weight): log2 entry di log2",
      "lin(weight, 0, 100, 10): linear entry di lin(0,10,10)",
      "s: pointer entry ax",
      "value: string return ax b=bx",
      "err != nil: bool return cx not-zero",
      "arg1: string entry bx b=cx",
      "ret0: string return ax b=bx",
    ]);
    const order = ["o.id", "o.audit.user", "o.user", "o.level", "o.one[0]", "o.tenant", "o.customer.name"];
    assert.deepEqual(
      await recipes("main.Place", [...order, "o.customer.active", "o.customer.parent.name", "ret"], fixture),
      [
        "o.id: integer entry di",
        "o.audit.user: string entry ax b=bx",
        "o.user: string entry ax b=bx",
        "o.level: integer entry cx low1s",
        "o.one[0]: integer entry si low2s",
        "o.tenant: string entry r8 b=r9",
        "o.customer.name: string entry r10 [+0]pair",
        "o.customer.active: bool entry r10 [+16]1u not-zero",
        "o.customer.parent.name: string entry r10 [+24]8u [+0]pair",
        "ret: bool return ax low1u not-zero",
      ],
    );
    const batch = [
      "n",
      "after",
      "batch.kind",
      "batch.label",
      "batch.orders[1].tenant",
      "batch.orders[1].customer.name",
    ];
    assert.deepEqual(await recipes("main.Submit", [...batch, "ret"], fixture), [
      "n: integer entry ax",
      "after: integer entry bx",
      "batch.kind: integer entry sp+8 [+0]1u",
      "batch.label: string entry sp+8 [+136]pair",
      "batch.orders[1].tenant: string entry sp+8 [+112]pair",
      "batch.orders[1].customer.name: string entry sp+8 [+128]8u [+0]pair",
      "ret: integer return ax",
    ]);
    assert.deepEqual(await recipes("main.Point.Norm", ["p.x", "p.y", "p.tag", "scale", "ret"], fixture), [
      "p.x: integer entry ax low4s",
      "p.y: integer entry bx low4s",
      "p.tag: string entry cx b=di",
      "scale: integer entry si",
      "ret: integer return ax",
    ]);
  });
}

for (const version of goVersions) {
  for (const mode of ["plain", "stripped"] as const) {
    test(`Go ${version}, ${mode}: a generic function's bodies take a dictionary first; wrappers are left out`, async () => {
      const signatures = mode === "stripped" ? ["main.Largest[...]=func(index int, values []int) int"] : [];
      const request = { probes: ["main.Largest[...]"], by: ["index", "len(values)"], signatures };
      const { probes } = await plan(request, { version, mode });
      assert.ok(probes.length > 1, "several shapes");
      for (const probe of probes) {
        assert.deepEqual(
          probe.recipes.map((recipe) => recipe.steps.map(brief)),
          [["bx"], ["di"]],
        );
        assert.deepEqual(probe.notes, []);
      }
    });
  }
}

test("a stripped program says what is missing, and takes it from --sig", async () => {
  const fixture = { mode: "stripped" } as const;
  const request = { probes: ["main.(*Store).Lookup"], by: ["tenant", "ret1 != nil"] };
  assert.deepEqual(await failure(request, fixture), {
    code: "no-signature",
    message: "main.(*Store).Lookup can't be measured by tenant: the binary does not say what its arguments are",
    hint:
      "say all of them: --sig 'main.(*Store).Lookup=func(PARAMETERS) RESULTS'; " +
      "or give --symbols of the build with debug data",
  });
  const signatures = ["main.(*Store).Lookup=func(tenant string, weight int) (string, error)"];
  const given = await plan({ ...request, signatures }, fixture);
  const described = await plan({ probes: request.probes, by: ["tenant", "err != nil"] });
  const steps = (of: ProbePlan): unknown =>
    of.probes.map((probe) => probe.recipes.map((recipe) => [recipe.phase, recipe.steps]));
  assert.deepEqual(steps(given), steps(described));
  assert.deepEqual(
    given.probes.map(({ entry, exits }) => [entry, exits]),
    described.probes.map(({ entry, exits }) => [entry, exits]),
  );
  assert.equal((await failure({ ...request, signatures: ["main.Nope=func()"] }, fixture))["code"], "no-match");
});

test("a trace says of which functions nothing tells what they take", async () => {
  const request = { probes: ["main.(*Store).Lookup"], captures: "values" } as const;
  const { probes, warnings } = await plan(request, { mode: "stripped" });
  assert.deepEqual(
    probes.map(({ captures }) => [captures?.untyped, captures?.shown]),
    [[true, []]],
  );
  assert.deepEqual(warnings, [
    "nothing says what arguments and results main.(*Store).Lookup has, shown as (?): " +
      "--sig 'main.(*Store).Lookup=func(PARAMETERS) RESULTS' or --symbols of the build with debug data would",
  ]);
  const typed = await plan(request);
  assert.deepEqual([typed.probes[0]?.captures?.untyped, typed.warnings], [undefined, []]);
});

test("what can't be read is refused, with what can", async () => {
  const abi = { program: "abi" } as const;
  const cases: readonly (readonly [string, string])[] = [
    ["main.Floats", "a"],
    ["main.Errors", "err"],
    ["main.Maps", "m"],
    ["main.StructOfStrings", "t"],
    ["main.ArraysOfTwo", "a"],
    ["main.Ints2", "c"],
    ["main.Ints2", "a.x"],
    ["main.Pointers", "*n"],
    ["main.Ints2", "$func"],
    ["main.Ints2", "type(a)"],
    ["main.Ints2", "len(a)"],
    ["main.Ints2", "a != nil"],
    ["main.Strings", "log2(a)"],
  ];
  const reasons: string[] = [];
  for (const [name, by] of cases) {
    const { code, message, hint } = await failure({ probes: [name], by: [by] }, abi);
    reasons.push(`${code} | ${String(message).split("can't be measured: ")[1]} | ${hint ?? "-"}`);
  }
  assert.deepEqual(reasons, [
    "float-in-register | a is a float64 in a register that uprobes cannot read | integers, bools and strings can be read",
    "unreadable-argument | err is an interface (error): it can't be read as one value | type(err) and err != nil can be read",
    "unreadable-argument | m is a map (map[string]int): it can't be read as one value | len(m) and m != nil can be read",
    "unreadable-argument | t is a struct (main.Texts): it can't be read as one value | a field can be read: t.First",
    "unreadable-argument | a is an array ([2]int): it can't be read as one value | an element can be read: a[0]",
    "unknown-argument | it has no argument or result c | arguments: a int, b int; results: ret0 int, ret1 int",
    "unreadable-argument | a is an integer (int), which has no fields | -",
    "unreadable-argument | *n is a struct (main.Pair): it can't be read as one value | a field can be read: n.X",
    "not-supported | $func is a name, the same for all calls of a function | there are $duration, $goid, $tid and, to compare and to show, $func",
    "unreadable-argument | a is always an integer (int): only interfaces have another type | -",
    "unreadable-argument | a is an integer (int), which has no len | -",
    "wrong-type | a is an integer (int), which is never nil | a == 3 can be tested",
    "unreadable-argument | log2 takes an integer, not string | -",
  ]);
});

for (const version of goVersions) {
  test(`Go ${version}: of the shape that all pointers share nothing is believed but that it is a pointer`, async () => {
    const request = { probes: ["/^main.Second.*[*]uint8/"], by: ["*list[0]"] };
    const { message } = await failure(request, { program: "variety", version });
    assert.match(
      String(message),
      /list\[0\] is a pointer to something unknown \(go\.shape\.\*uint8(_1)?\), not a pointer to a known type$/,
    );
  });
}

test("functions that agree share a dimension; the odd one is refused", async () => {
  const { dimensions, probes, refused } = await plan(
    { probes: ["main.Ints1", "main.Ints2", "main.Widths", "main.Strings", "main.None"], by: ["a"] },
    { program: "abi" },
  );
  assert.deepEqual(dimensions, [{ name: "a", encoding: { kind: "integer", signed: true, size: 8 } }]);
  assert.deepEqual(
    probes.map((probe) => probe.function.name),
    ["main.Ints1", "main.Ints2", "main.Widths"],
  );
  assert.deepEqual(refused.map(({ name, refusal }) => `${name} ${refusal.code}`).sort(), [
    "main.None entry-is-exit",
    "main.Strings differing-type",
  ]);
});

test("what is wrong in any program is a wrong command line", async () => {
  const abi = { program: "abi" } as const;
  const lookup = { probes: ["main.Ints2"] };
  assert.deepEqual(await failure({ ...lookup, by: ["$now"] }, abi), {
    code: "usage",
    message: "there is no $now",
    hint: "there are $duration, $goid, $tid and, to compare and to show, $func",
  });
  assert.deepEqual(await failure({ ...lookup, where: "$duration > 10" }, abi), {
    code: "usage",
    message: "$duration is a time.Duration: 10 has no unit",
    hint: "units are h, m, s, ms, µs, ns",
  });
  assert.equal((await failure({ ...lookup, by: ["a", "b", "c", "a", "b"] }, abi))["code"], "usage");
});

test("text without quotes is refused with them; what has no type is nil", async () => {
  const lookup = { probes: ["main.(*Store).Lookup"] };
  assert.deepEqual(await failure({ ...lookup, where: "tenant == acme" }), {
    code: "unknown-argument",
    message: "main.(*Store).Lookup can't be measured: it has no argument or result acme",
    hint: 'text stands in double quotes: tenant == "acme"',
  });
  const { hint } = await failure({ ...lookup, where: "type(err) == *main.TooBig" });
  assert.equal(hint, 'text stands in double quotes: type(err) == "*main.TooBig"');
  const condition = async (where: string) => (await plan({ ...lookup, where })).probes[0]?.condition;
  assert.deepEqual(await condition("type(err) == nil"), await condition("err == nil"));
});

test("a function without a return is refused by name", async () => {
  assert.equal((await failure({ probes: ["main.main.func1"] }))["code"], "no-return");
  assert.equal(
    (await failure({ probes: ["main.main.func1"], of: "$goid", where: "$duration > 1ms" }))["code"],
    "no-return",
  );
});

test("the runtime's changes of stack have no return of their own", async () => {
  for (const name of ["runtime.mcall", "runtime.morestack"]) {
    assert.equal((await failure({ probes: [name] }))["code"], "no-return", name);
    assert.equal((await plan({ probes: [name], of: "$goid" })).probes.length, 1, name);
  }
});

test("a function without a return is measured where it begins", async () => {
  const { probes } = await plan({ probes: ["main.main.func1"], of: "$goid" });
  assert.deepEqual(
    probes.map(({ kind, entry, exits }) => [kind, entry.kind, exits]),
    [["place", "entry", []]],
  );
});

test("a function without a body is counted where it was inlined", async () => {
  const { probes, measure } = await plan({ probes: ["main.newBook"] });
  assert.deepEqual(measure, { kind: "count" });
  assert.deepEqual(
    probes.map(({ name, kind, function: { name: into }, place, entry }) => [
      name,
      kind,
      into,
      place?.line,
      entry.instruction,
    ]),
    [
      ["main.newBook", "place", "main.round", 87, "nop"],
      ["main.newBook", "place", "main.round.func1", 94, "nop"],
    ],
  );
});

test("a glob takes what it can, and every function once", async () => {
  const { probes, refused } = await plan({ probes: ["main.*", "main.Place"] });
  const names = probes.map((probe) => probe.function.name);
  assert.equal(new Set(probes.map((probe) => probe.function.address)).size, probes.length);
  assert.ok(names.includes("main.Place") && names.includes("main.main"));
  assert.deepEqual([...new Set(refused.map(({ refusal }) => refusal.code))].sort(), ["entry-is-exit", "no-return"]);
});

test("a plan has the condition of each probe, and what is captured of its calls", async () => {
  const where = 'tenant == "acme" && (weight > 3 || err != nil)';
  const { where: written, probes } = await plan({
    probes: ["main.(*Store).Lookup"],
    where,
    show: ["$goid", "len(value)", "s.name"],
    captures: "values",
  });
  assert.equal(written, where);
  const [probe] = probes;
  const { condition, captures } = probe ?? {};
  assert.deepEqual(
    [condition?.entry, ...(condition?.decisions ?? []), condition?.return].map((code) => code?.map(({ op }) => op)),
    [
      ["register", "register-b", "compare-bytes", "put", "set", "compare"],
      ["register", "put", "set", "compare"],
      ["decided", "jump-if", "register", "not-zero"],
    ],
  );
  assert.deepEqual(
    captures?.shown.map(({ name, role, phase, shape }) => `${role} ${name} at ${phase}: ${shape.kind}`),
    [
      "argument s at entry: pointer",
      "argument tenant at entry: string",
      "argument weight at entry: integer",
      "result value at return: string",
      "result err at return: interface",
      "show $goid at entry: integer",
      "show len(value) at return: integer",
      "show s.name at entry: string",
    ],
  );
});

test("what needs no types is measured of stripped programs too", async () => {
  const fixture = { mode: "stripped" } as const;
  const probes = ["main.(*Store).Lookup"];
  const { probes: planned } = await plan({ probes, where: "$duration > 10ms", captures: "values" }, fixture);
  assert.deepEqual(
    planned.map(({ kind, condition, captures }) => [
      kind,
      condition?.entry,
      condition?.return?.length,
      captures?.shown,
    ]),
    [["call", undefined, 4, []]],
  );
  assert.equal((await failure({ probes, where: 'tenant == "acme"' }, fixture))["code"], "no-signature");
});

test("a condition on results takes the end of a call, also where only its arguments are measured", async () => {
  const request = { probes: ["main.Spin"], of: "n" };
  const kinds = async (where?: string): Promise<unknown> =>
    (await plan({ ...request, where })).probes.map(({ kind, exits }) => [kind, exits.length > 0]);
  assert.deepEqual(await kinds(), [["place", false]]);
  assert.deepEqual(await kinds("n > 3"), [["place", false]]);
  assert.deepEqual(await kinds("$duration > 1ms"), [["call", true]]);
});
