/** What `list` says of wrappers and of instances of generic functions: which is which, and where arguments are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openGoBinary } from "../../src/binary/index.js";
import { describeFunctions, placeFunctions, planProbes } from "../../src/probes/index.js";
import { goProgram, openSymbolTable } from "../../src/symbols/index.js";
import { everyGoVersion, fixturePath, type GoVersion } from "../fixture.js";

interface Described {
  readonly name: string;
  readonly wrapper: boolean;
  readonly parameters: readonly string[];
}

async function describe(version: GoVersion, pattern: string): Promise<readonly Described[]> {
  using binary = await openGoBinary(fixturePath("variety", version, "plain"));
  const functions = describeFunctions(binary, openSymbolTable(binary), { patterns: [pattern], signatures: [] });
  return Array.from(functions, ({ fn, parameters = [] }) => ({
    name: fn.name,
    wrapper: fn.wrapper,
    parameters: parameters.map(({ name, location }) => `${name} ${location ?? "?"}`),
  }));
}

const byName = (left: Described, right: Described): number => (left.name < right.name ? -1 : 1);

for (const version of everyGoVersion) {
  test(`go${version}: a Go function and the wrapper by which assembly calls it`, async () => {
    assert.deepEqual(await describe(version, "main.fromAssembly"), [
      { name: "main.fromAssembly", wrapper: false, parameters: ["n ax"] },
      { name: "main.fromAssembly", wrapper: true, parameters: ["n sp+8"] },
    ]);
  });

  test(`go${version}: an assembly function and the wrapper by which Go calls it`, async () => {
    const described = await describe(version, "runtime.asmcgocall");
    assert.deepEqual(
      described.map(({ wrapper, parameters }) => ({ wrapper, parameters })),
      [
        { wrapper: false, parameters: [] },
        { wrapper: true, parameters: ["fn ax", "arg bx"] },
      ],
    );
  });

  test(`go${version}: what tracebacks leave out is no wrapper for that`, async () => {
    const wrappers = async (name: string) => (await describe(version, name)).map(({ wrapper }) => wrapper);
    assert.deepEqual(await wrappers("runtime.deferreturn"), [false]);
    assert.deepEqual(await wrappers("reflect.callMethod"), [false, true]);
    assert.deepEqual(await wrappers("runtime.call32"), [false]);
  });

  test(`go${version}: one selector means all instances of a generic function`, async () => {
    const old = version === "1.19";
    const shape = (...types: readonly string[]): string =>
      `[${types.map((type, index) => `go.shape.${type}${old ? `_${index}` : ""}`).join(",")}]`;
    const functions = (await describe(version, "main.Double[...]")).toSorted(byName);
    assert.deepEqual(functions, [
      { name: `main.Double${shape("float64")}`, wrapper: false, parameters: ["value x0", "extra bx"] },
      { name: `main.Double${shape("int8")}`, wrapper: false, parameters: ["value bx", "extra cx"] },
      { name: `main.Double${shape("int")}`, wrapper: false, parameters: ["value bx", "extra cx"] },
    ]);
    const receiver = old ? "b bx,cx" : "b ax,bx";
    const methods = (await describe(version, "main.Box[...].Size")).toSorted(byName);
    assert.deepEqual(
      methods.filter(({ wrapper }) => !wrapper),
      [
        { name: `main.Box${shape("int")}.Size`, wrapper: false, parameters: [receiver, "scale di"] },
        {
          name: `main.Box${shape("string")}.Size`,
          wrapper: false,
          parameters: [`${receiver},${old ? "di" : "cx"}`, "scale si"],
        },
      ],
    );
    // The debug data of go1.19 leave it out, the runtime's types do not.
    const wrapped = old ? "" : "b";
    assert.deepEqual(
      methods.filter(({ wrapper }) => wrapper),
      [
        { name: "main.Box[int].Size", wrapper: true, parameters: [`${wrapped} ax,bx`, "scale cx"] },
        { name: "main.Box[string].Size", wrapper: true, parameters: [`${wrapped} ax,bx,cx`, "scale di"] },
      ],
    );
  });

  test(`go${version}: a run measures the bodies of all instances, stripped or not, and no wrapper`, async () => {
    for (const mode of ["plain", "pie-stripped"] as const) {
      using binary = await openGoBinary(fixturePath("variety", version, mode));
      const symbols = openSymbolTable(binary);
      for (const [selector, count] of [
        ["main.Double[...]", 3],
        ["main.Second[...]", 3],
        ["main.(*Box[...]).Put", 2],
        ["main.Box[...].Size", 2],
        ["main.Grow[...]", 1],
      ] as const) {
        const { probes } = planProbes(goProgram(binary, symbols), { probes: [selector], by: [], signatures: [] });
        assert.equal(probes.length, count, `${mode} ${selector}`);
        assert.ok(
          probes.every(({ function: { name } }) => /\[(go\.shape\.|\.\.\.\])/.test(name)),
          selector,
        );
      }
    }
  });
}

test("a line stands for the functions that have code of it, inlined or their own", async () => {
  using binary = await openGoBinary(fixturePath("places", "1.27", "plain"));
  const symbols = openSymbolTable(binary);
  const named = (...patterns: readonly string[]): readonly string[] =>
    Array.from(placeFunctions(binary, symbols, patterns), ({ fn }) => fn.name);
  assert.deepEqual(named("lines.go:25"), ["main.totals"]);
  assert.deepEqual(named("places/inlined.go:15"), ["main.speculate", "main.maybe"]);
  assert.throws(() => named("lines.go:26"), { code: "no-code-on-line" });
});
