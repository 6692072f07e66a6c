/** Signatures of methods for which debug data leave something out, against the source and the runtime's own types. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type GoVariable, memorySource, openGoBinary, type Signature } from "../../src/binary/index.js";
import { describeFunctions, planProbes } from "../../src/probes/index.js";
import { completeSignature } from "../../src/symbols/complete-signature.js";
import { goProgram, openSymbolTable, type SymbolTable, writeSymbolFile } from "../../src/symbols/index.js";
import { SymbolFile } from "../../src/symbols/symbol-file/index.js";
import { checkout, everyGoVersion, fixturePath, type GoVersion, goCommand } from "../fixture.js";

const scratch = mkdtempSync(join(tmpdir(), "gospect-unnamed-"));
after(() => rmSync(scratch, { recursive: true }));

function build(version: GoVersion): string {
  const path = join(scratch, version);
  execFileSync(goCommand(version), ["build", "-buildvcs=false", "-o", path, "."], {
    cwd: join(checkout, "test/symbols/programs/unnamed"),
    env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "", GOWORK: "off", GOTOOLCHAIN: "local" },
  });
  return path;
}

/** What main.go says, without receivers. */
const METHODS: Readonly<Record<string, string>> = {
  Read: "(_ []uint8, at int, name string) (_ int, _ error)",
  Skip: "(_ int, key string) (_ bool)",
  Pair: "(_ string, second string, third string) (_ string)",
  Last: "(_ bool, _ float64, _ int8) (_ uint16)",
  Put: "(_ int, value string) (_ bool)",
};

/** Names that debug data without blank parameters leave open: either string may be the one that is not listed. */
const AMBIGUOUS = "(_ string, _ string, _ string) (_ string)";

const list = (variables: readonly GoVariable[]): string =>
  `(${variables.map(({ name, type }) => `${name || "_"} ${type.name}`).join(", ")})`;

/** The methods of main's types, by name, with their receivers' types and what follows. */
function methodsOf(table: SymbolTable): ReadonlyMap<string, readonly [receiver: string, rest: string]> {
  const methods = new Map<string, readonly [string, string]>();
  for (const fn of table.functions()) {
    if (!/^main\..*\.(Read|Skip|Pair|Last|Put)$/.test(fn.name) || fn.name.includes("go.shape")) continue;
    const { parameters = [], results = [] } = table.signature(fn) ?? {};
    methods.set(fn.name, [parameters[0]?.type.name ?? "", `${list(parameters.slice(1))} ${list(results)}`]);
  }
  return methods;
}

const RECEIVERS: Readonly<Record<string, string>> = {
  "main.(*record)": "*main.record",
  "main.(*outer)": "*main.outer",
  "main.outer": "main.outer",
  "main.(*box[string])": "*main.box[string]",
};

for (const version of everyGoVersion) {
  const blanksLeftOut = version === "1.19" || version === "1.21";

  test(`go${version}: parameters without names are there, and the others keep theirs`, async () => {
    using binary = await openGoBinary(build(version));
    const table = openSymbolTable(binary);
    const expected = Object.entries(RECEIVERS).flatMap(([start, receiver]) =>
      (start.includes("box") ? ["Put"] : ["Read", "Skip", "Pair", "Last"]).map((name) => {
        const rest = name === "Pair" && blanksLeftOut ? AMBIGUOUS : METHODS[name];
        return [`${start}.${name}`, [receiver, rest]] as const;
      }),
    );
    const actual = methodsOf(table);
    assert.deepEqual(new Map([...actual].sort()), new Map(expected.sort(([a], [b]) => (a < b ? -1 : 1))));
    const bytes = await writeSymbolFile(binary);
    using symbolFile = new SymbolFile(memorySource("unnamed.gosym", bytes));
    assert.deepEqual(methodsOf(openSymbolTable(binary, { symbolFile })), actual);
  });

  test(`go${version}: list and plan use them, and say from where they are`, async () => {
    using binary = await openGoBinary(build(version));
    const table = openSymbolTable(binary);
    const [read] = describeFunctions(binary, table, { patterns: ["main.(*record).Read"], signatures: [] });
    assert.deepEqual(
      read?.parameters?.map(({ name, location }) => `${name || "_"} ${location}`),
      ["r ax", "_ bx,cx,di", "at si", "name r8,r9"],
    );
    assert.equal(read?.signatureSource, blanksLeftOut ? "runtime-types" : "dwarf");
    const plan = planProbes(goProgram(binary, table), {
      probes: ["main.(*record).Read"],
      by: ["at", "name"],
      signatures: [],
    });
    assert.equal(plan.dimensions.length, 2);
    assert.deepEqual(plan.refused, []);
  });
}

const withoutNumbers = (name: string): string => name.replaceAll(/·\d+/g, "");

const typesOf = ({ parameters, results }: Signature): readonly string[] =>
  [...parameters, ...results].map(({ type }) => withoutNumbers(type.name));

for (const version of everyGoVersion) {
  for (const program of ["variety", "abi", "frames"] as const) {
    test(`go${version} ${program}: no method has fewer parameters or results than the runtime knows`, async () => {
      using binary = await openGoBinary(fixturePath(program, version, "plain"));
      const table = openSymbolTable(binary);
      const known = [...table.functions()].flatMap((fn) => {
        const kept = binary.runtimeTypes()?.findSignature(fn.entry, fn.name);
        return kept === undefined ? [] : [{ fn, kept }];
      });
      assert.ok(known.length > 150);
      assert.deepEqual(
        known.map(({ fn }) => [fn.name, typesOf(table.signature(fn) ?? assert.fail(fn.name))]),
        known.map(({ fn, kept }) => [fn.name, typesOf(kept)]),
      );
    });
  }
}

test("a name goes to a parameter only where no other could have it", () => {
  const of = (...types: readonly string[]): readonly GoVariable[] =>
    types.map((text) => {
      const [name = "", type = ""] = text.split(" ");
      return { name: name === "_" ? "" : name, type: { kind: "int", name: type, size: 8, signed: true } };
    });
  const complete = (some: readonly string[], all: readonly string[]): string => {
    const described = { parameters: of(...some), results: [], hasReceiver: true, source: "dwarf" } as const;
    const kept = { parameters: of(...all), results: [], hasReceiver: true, source: "runtime-types" } as const;
    const { parameters, source } = completeSignature(described, kept);
    return `${list(parameters)} ${source}`;
  };
  assert.equal(complete(["a A", "b B"], ["_ A", "_ B"]), "(a A, b B) dwarf");
  assert.equal(complete(["b B"], ["_ A", "_ B", "_ C"]), "(_ A, b B, _ C) runtime-types");
  assert.equal(complete(["a A"], ["_ A", "_ A"]), "(_ A, _ A) runtime-types");
  assert.equal(complete(["a A", "b B", "c A"], ["_ A", "_ B", "_ B", "_ A"]), "(a A, _ B, _ B, c A) runtime-types");
  assert.equal(complete([], ["_ A"]), "(_ A) runtime-types");
  assert.equal(complete(["b B", "a A"], ["_ A", "_ B"]), "(b B, a A) dwarf");
  assert.equal(complete(["c C"], ["_ A", "_ B"]), "(c C) dwarf");
});
