/** Captured variables and receivers of method values: what is told of them, and the recipes that read them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ProfilerError } from "../../src/base/index.js";
import { openGoBinary } from "../../src/binary/index.js";
import { describeFunctions, type FetchStep, planProbes } from "../../src/probes/index.js";
import { goProgram, openSymbolTable } from "../../src/symbols/index.js";
import { everyGoVersion, fixturePath, type GoVersion } from "../fixture.js";

const CONTEXT: FetchStep = { op: "register", register: "dx" };
const wordAt = (offset: number, signed: boolean): FetchStep => ({ op: "load", offset, size: 8, signed });

/** By closure: the variables that it captured, with place, and the steps that read them. */
const CLOSURES: Readonly<Record<string, readonly [name: string, location: string, steps: readonly FetchStep[]][]>> = {
  "main.byValue.func1": [["base", "*(dx+8)", [CONTEXT, wordAt(8, true)]]],
  "main.byReference.func1": [["total", "**(dx+8)", [CONTEXT, wordAt(8, false), wordAt(0, true)]]],
  "main.nested.func1.1": [
    ["a", "*(dx+8)", [CONTEXT, wordAt(8, true)]],
    ["b", "*(dx+16)", [CONTEXT, wordAt(16, true)]],
  ],
};

const refusesCaptures = (version: GoVersion): boolean => Number(version.split(".")[1]) < 23;

for (const version of everyGoVersion) {
  test(`go${version}: captured variables by name, or the reason why not`, async () => {
    using binary = await openGoBinary(fixturePath("variety", version, "plain"));
    const symbols = openSymbolTable(binary);
    for (const [closure, variables] of Object.entries(CLOSURES)) {
      const [described] = describeFunctions(binary, symbols, { patterns: [closure], signatures: [] });
      assert.deepEqual(
        described?.captured(),
        refusesCaptures(version) ? [] : variables.map(([name, location]) => ({ name, type: "int", location })),
        closure,
      );
      for (const [name, , steps] of variables) {
        const plan = () => planProbes(goProgram(binary, symbols), { probes: [closure], by: [name], signatures: [] });
        if (refusesCaptures(version)) {
          assert.throws(
            plan,
            (error) =>
              error instanceof ProfilerError &&
              error.code === "unknown-argument" &&
              error.message ===
                `${closure} can't be measured: it has no argument or result ${name}, ` +
                  "and debug data of Go before 1.23 do not say where captured variables are",
          );
        } else assert.deepEqual(plan().probes[0]?.recipes[0]?.steps, steps, `${closure} ${name}`);
      }
    }
  });

  test(`go${version}: a method value's receiver is in its context`, async () => {
    using binary = await openGoBinary(fixturePath("variety", version, "plain"));
    const symbols = openSymbolTable(binary);
    const [described] = describeFunctions(binary, symbols, { patterns: ["main.(*counter).Add-fm"], signatures: [] });
    assert.deepEqual(described?.captured(), [{ name: "c", type: "*main.counter", location: "*(dx+8)" }]);
  });
}
