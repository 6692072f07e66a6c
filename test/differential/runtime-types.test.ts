/**
 * Signatures from run-time types against DWARF, the program's own reflection, and the names of the functions: all of a
 * program, not a sample.
 */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { type GoBinary, type GoType, openGoBinary, type Signature } from "../../src/binary/index.js";
import { collapseTypeArguments, type GoFunction, openSymbolTable } from "../../src/symbols/index.js";
import { partsOf } from "../binary/type-parts.js";
import {
  checkout,
  everyGoVersion,
  type FixtureMode,
  type FixtureProgram,
  fixturePath,
  type GoVersion,
  goVersions,
} from "../fixture.js";
import { buildTypesProgram } from "./runtime-types-program.js";

const opened: Disposable[] = [];
after(() => {
  for (const binary of opened) binary[Symbol.dispose]();
});

async function open(path: string): Promise<GoBinary> {
  const binary = await openGoBinary(path);
  opened.push(binary);
  return binary;
}

/** Compares long lists whole, and shows the first lines that differ; the assertion's own difference takes minutes. */
const assertSame = (actual: readonly string[], expected: readonly string[]): void => {
  const different: [string | undefined, string | undefined][] = [];
  for (let index = 0; index < Math.max(actual.length, expected.length) && different.length < 10; index++) {
    if (actual[index] !== expected[index]) different.push([actual[index], expected[index]]);
  }
  assert.deepEqual(different, []);
};

interface Method {
  readonly fn: GoFunction;
  readonly signature: Signature;
}

/** Every function of a program that has a signature among the run-time types. */
function methodsOf(binary: GoBinary): readonly Method[] {
  const types = binary.runtimeTypes();
  assert.ok(types !== undefined);
  return [...openSymbolTable(binary).functions()].flatMap((fn) => {
    const signature = types.findSignature(fn.entry, fn.name);
    return signature === undefined ? [] : [{ fn, signature }];
  });
}

const typeNames = (variables: Signature["parameters"]): readonly string[] => variables.map(({ type }) => type.name);

const spell = (fn: GoFunction, parameters: readonly string[], results: readonly string[]): string =>
  `${fn.name}(${parameters.join(", ")}) (${results.join(", ")})`;

/** The debug data number types that are declared in functions, the runtime does not. */
const withoutNumbers = (name: string): string => name.replaceAll(/·\d+/g, "");

/** Those of `names` that `listed` has, in order; all of them when `listed` has others too. */
function onlyListed(names: readonly string[], listed: readonly string[]): readonly string[] {
  let next = 0;
  const kept = names.filter((name) => name === listed[next] && next++ >= 0);
  return next === listed.length ? kept : names;
}

/**
 * The run-time signature, without what the debug data of some releases leave out. FACT(go1.19): parameters without a name.
 * FACT(go1.19, go1.21): receivers of wrappers of instances' methods. FACT(go1.21, go1.27): results of wrappers.
 */
function spellLikeDwarf({ fn, signature }: Method, described: Signature, version: GoVersion): string {
  const listed = typeNames(described.parameters).map(withoutNumbers);
  const [parameters, results] = [typeNames(signature.parameters), typeNames(signature.results)];
  const parametersLeftOut = version === "1.19" || (version === "1.21" && fn.wrapper);
  const resultsLeftOut =
    described.mayLackResults === true || ((version === "1.21" || version === "1.27") && fn.wrapper);
  return spell(
    fn,
    parametersLeftOut ? onlyListed(parameters, listed) : parameters,
    resultsLeftOut && described.results.length === 0 ? [] : results,
  );
}

/** One level of a type. */
function layout(type: GoType): string {
  const { name, kind, size } = type;
  const details = {
    signed: type.kind === "int" ? type.signed : undefined,
    length: type.kind === "array" ? type.length : undefined,
    empty: type.kind === "interface" ? type.empty : undefined,
    fields:
      type.kind === "struct"
        ? type.fields.map((field) => [field.name, field.offset, field.embedded, field.type.name])
        : undefined,
  };
  return withoutNumbers(JSON.stringify({ name, kind, size, ...details }));
}

/** Goes through both graphs of types side by side; the layouts of each pair. */
class TypeComparison {
  readonly actual: string[] = [];
  readonly expected: string[] = [];
  private readonly seen = new Set<string>();

  add(actual: GoType, expected: GoType): void {
    const pending: (readonly [GoType, GoType])[] = [[actual, expected]];
    for (let pair = pending.pop(); pair !== undefined; pair = pending.pop()) {
      const [left, right] = pair;
      const key = `${left.name} ${right.name}`;
      if (this.seen.has(key)) continue;
      this.seen.add(key);
      this.actual.push(layout(left));
      this.expected.push(layout(right));
      const others = partsOf(right);
      partsOf(left).forEach((part, index) => {
        const other = others[index];
        if (other !== undefined) pending.push([part, other]);
      });
    }
  }
}

/** All that DWARF says, of every function and every type that the run-time types know. Returns how many functions and types. */
function compareWithDwarf(
  binary: GoBinary,
  version: GoVersion,
): { readonly functions: number; readonly types: number } {
  const dwarf = binary.dwarf();
  assert.ok(dwarf !== undefined);
  const actual: string[] = [];
  const expected: string[] = [];
  const types = new TypeComparison();
  for (const method of methodsOf(binary)) {
    const { fn, signature } = method;
    const described = dwarf.findFunctionAt(fn.entry)?.signature;
    assert.ok(described !== undefined, `${fn.name} is in the debug data`);
    actual.push(spellLikeDwarf(method, described, version));
    const [parameters, results] = [typeNames(described.parameters), typeNames(described.results)];
    expected.push(spell(fn, parameters.map(withoutNumbers), results.map(withoutNumbers)));
    if (signature.parameters.length !== described.parameters.length) continue;
    signature.parameters.forEach(({ type }, index) => {
      const other = described.parameters[index];
      if (other !== undefined) types.add(type, other.type);
    });
    signature.results.forEach(({ type }, index) => {
      const other = described.results[index];
      if (other !== undefined) types.add(type, other.type);
    });
  }
  assertSame(actual, expected);
  assertSame(types.actual, types.expected);
  return { functions: actual.length, types: types.actual.length };
}

/** Every signature; up to go1.20 a program without symbols does not tell the instances of a generic function apart. */
const spellAll = (binary: GoBinary): string[] =>
  methodsOf(binary)
    .map(({ fn, signature }) => spell(fn, typeNames(signature.parameters), typeNames(signature.results)))
    .map((line) => line.replace(/^[^(]*(?:\(\*[^)]*\)[^(]*)?/, collapseTypeArguments))
    .sort();

const twins: readonly (readonly [FixtureProgram, readonly GoVersion[], readonly FixtureMode[]])[] = [
  ["truth", everyGoVersion, ["pie-stripped"]],
  ["variety", everyGoVersion, ["pie-stripped"]],
  ["abi", everyGoVersion, ["pie-stripped"]],
  ["store", goVersions, ["stripped", "pie", "pie-stripped"]],
];

for (const [program, versions, modes] of twins) {
  for (const version of versions) {
    test(`${program} of Go ${version}: as the debug data have it, and the same without them`, async () => {
      const plain = await open(fixturePath(program, version, "plain"));
      const { functions, types } = compareWithDwarf(plain, version);
      assert.ok(functions > 150 && types > 200, `${functions} functions, ${types} types`);
      const expected = spellAll(plain);
      for (const mode of modes) assertSame(spellAll(await open(fixturePath(program, version, mode))), expected);
    });
  }
}

test("variety for arm64: as the debug data have it", async () => {
  const { functions, types } = compareWithDwarf(await open(fixturePath("variety", "1.27", "arm64")), "1.27");
  assert.ok(functions > 150 && types > 200, `${functions} functions, ${types} types`);
});

test("cgo by the external linker: as the debug data have it", async () => {
  const { functions, types } = compareWithDwarf(await open(fixturePath("cgo", "1.27", "external")), "1.27");
  assert.ok(functions > 150 && types > 200, `${functions} functions, ${types} types`);
});

/** A function is passed a slice for its last `...T`. */
function withoutVariadic(type: string): string {
  let depth = 0;
  for (let at = "func(".length; at < type.length && depth >= 0; at++) {
    const character = type.charAt(at);
    if ("([{".includes(character)) depth++;
    else if (")]}".includes(character)) depth--;
    else if (depth === 0 && type.startsWith("...", at)) return `${type.slice(0, at)}[]${type.slice(at + 3)}`;
  }
  return type;
}

/** Reflection leaves out the package of a private field, the linker does not. */
const withPackage = (type: string): string => type.replace("A int; b main.Text", "A int; main.b main.Text");

/** As reflection prints the type of a method. */
function reflected({ signature }: Method): string {
  const results = typeNames(signature.results);
  const list = results.join(", ");
  const tail = results.length > 1 ? ` (${list})` : results.length === 1 ? ` ${list}` : "";
  return `func(${typeNames(signature.parameters).join(", ")})${tail}`;
}

for (const version of goVersions) {
  describe(`types of every kind, Go ${version}`, async () => {
    const program = buildTypesProgram(version);

    test("as the debug data have them", async () => {
      const { functions, types } = compareWithDwarf(await open(program.plain), version);
      assert.ok(functions > 500 && types > 300, `${functions} functions, ${types} types`);
    });

    test("the same without debug data", async () => {
      assertSame(spellAll(await open(program.stripped)), spellAll(await open(program.plain)));
    });

    test("methods are as reflection has them", async () => {
      const methods = methodsOf(await open(program.plain));
      const bySymbol = new Map(methods.map((method) => [method.fn.name, reflected(method)]));
      assertSame(
        program.methods.map(({ symbol }) => `${symbol} ${bySymbol.get(symbol)}`),
        program.methods.map(({ symbol, type }) => `${symbol} ${withPackage(withoutVariadic(type))}`),
      );
      assert.ok(program.methods.length > 30);
    });
  });
}

/** What the symbols of the methods of `*net/http.Server` begin with: `net/http.(*Server).`. */
function symbolStart(receiver: string): string {
  const name = receiver.startsWith("*") ? receiver.slice(1) : receiver;
  const start = name.lastIndexOf("/", name.includes("[") ? name.indexOf("[") : name.length) + 1;
  const dot = name.indexOf(".", start);
  return receiver.startsWith("*") ? `${name.slice(0, dot)}.(*${name.slice(dot + 1)}).` : `${name}.`;
}

for (const path of ["@typescript/typescript-linux-x64/lib/tsc", "@esbuild/linux-x64/bin/esbuild"]) {
  test(`${path}, stripped: every receiver is the one that the function's name says`, async () => {
    const binary = await open(`${checkout}node_modules/${path}`);
    assert.equal(binary.dwarf(), undefined);
    // Types without a name, and those declared in functions, are spelled otherwise in symbols.
    const methods = methodsOf(binary).filter(({ fn }) => !/^(?:go|type)[:.]|struct \{|\.\d+[.)]/.test(fn.name));
    const wrong = methods.flatMap(({ fn, signature }) => {
      const start = collapseTypeArguments(symbolStart(signature.parameters[0]?.type.name ?? ""));
      return collapseTypeArguments(fn.name).startsWith(start) ? [] : [`${fn.name}: ${start}`];
    });
    assert.deepEqual(wrong, []);
    assert.ok(methods.length > 1500, `${methods.length} methods`);
  });
}
