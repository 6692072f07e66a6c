/** What codes assume of the runtime's data, against the debug data and the type descriptors of programs of each release. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualAddress } from "../../src/base/index.js";
import { type GoBinary, type GoType, openGoBinary } from "../../src/binary/index.js";
import { codeOf } from "../../src/probes/code-builder.js";
import { KEY, PARENT_FIRST, VALUE, VALUE_CONTEXT } from "../../src/probes/context-search.js";
import { programFacts } from "../../src/probes/dynamic-types.js";
import { holdsError, messageParts } from "../../src/probes/error-messages.js";
import { HMAP, SWISS } from "../../src/probes/map-search.js";
import { emitTypeName } from "../../src/probes/type-name.js";
import { openSymbolTable, type SymbolTable, withoutImportPath } from "../../src/symbols/index.js";
import { everyGoVersion, fixturePath, type GoVersion, goVersions } from "../fixture.js";
import { Memory, run } from "./machine.js";

/** The image as the program has it in memory, at its own addresses. */
class Image extends Memory {
  private readonly binary: GoBinary;

  constructor(binary: GoBinary) {
    super();
    this.binary = binary;
  }

  override read(address: bigint, size: number): Buffer | undefined {
    return this.binary.elf.readVirtual(virtualAddress(Number(address)), size);
  }
}

const offsetOf = (symbols: SymbolTable, type: string, field: string): number | undefined => {
  const found = symbols.findType(type);
  return found?.kind === "struct" ? found.fields.find(({ name }) => name === field)?.offset : undefined;
};

async function withFixture(
  program: "truth" | "values",
  version: GoVersion,
  work: (binary: GoBinary, symbols: SymbolTable) => void,
): Promise<void> {
  using binary = await openGoBinary(fixturePath(program, version, "plain"));
  work(binary, openSymbolTable(binary));
}

for (const version of everyGoVersion) {
  test(`Go ${version}: names of types are read as %T prints them`, () =>
    withFixture("truth", version, (binary, symbols) => {
      const { typeData } = programFacts(binary, symbols);
      const types = binary.runtimeTypes();
      assert.ok(typeData !== undefined && types !== undefined);
      const world = { memory: new Image(binary), registers: new Map(), sp: 0n, bias: 0n };
      let seen = 0;
      for (const address of types.types()) {
        const name: string = types.typeAt(address)?.name ?? "";
        // Those that are put together of others have a text of their own, and a package need not be called as its folder.
        if (!/^\*?[\w/.]+$/.test(name) || name.includes("/v2.")) continue;
        const { a, b, outcome } = run(
          codeOf((to) => emitTypeName(to, (inner) => inner.set(address), typeData)),
          world,
        );
        assert.equal(outcome, "read");
        const printed = name.startsWith("*") ? `*${withoutImportPath(name.slice(1))}` : withoutImportPath(name);
        assert.equal(world.memory.read(a, Number(b))?.toString(), printed);
        seen++;
      }
      assert.ok(seen > 100, `${seen} types`);
      const nothing = run(
        codeOf((to) => emitTypeName(to, (inner) => inner.set(0), typeData)),
        world,
      );
      assert.deepEqual([nothing.outcome, nothing.b], ["read", 0n]);
    }));

  test(`Go ${version}: maps are as searches take them`, () =>
    withFixture("truth", version, (binary, symbols) => {
      const { mapLayout } = programFacts(binary, symbols);
      assert.equal(mapLayout, binary.version.minor < 24 ? "buckets" : "groups");
      if (mapLayout === "buckets") {
        const { sameSizeGrow: _, ...places } = HMAP;
        assert.deepEqual(
          Object.fromEntries(
            Object.entries({
              count: "count",
              flags: "flags",
              log2Buckets: "B",
              buckets: "buckets",
              oldBuckets: "oldbuckets",
            }).map(([place, field]) => [place, offsetOf(symbols, "runtime.hmap", field)]),
          ),
          places,
        );
        return;
      }
      const groups = offsetOf(symbols, "internal/runtime/maps.table", "groups") ?? Number.NaN;
      assert.deepEqual(
        {
          used: offsetOf(symbols, "internal/runtime/maps.Map", "used"),
          directory: offsetOf(symbols, "internal/runtime/maps.Map", "dirPtr"),
          directoryLength: offsetOf(symbols, "internal/runtime/maps.Map", "dirLen"),
          groups: groups + (offsetOf(symbols, "internal/runtime/maps.groupsReference", "data") ?? Number.NaN),
          groupMask: groups + (offsetOf(symbols, "internal/runtime/maps.groupsReference", "lengthMask") ?? Number.NaN),
        },
        SWISS,
      );
    }));
}

const fieldsOf = (type: GoType | undefined): readonly { readonly name: string; readonly offset: number }[] =>
  type?.kind === "struct" ? type.fields : [];

for (const version of goVersions) {
  test(`Go ${version}: contexts and errors are as they are looked into`, () =>
    withFixture("values", version, (_, symbols) => {
      assert.equal(offsetOf(symbols, VALUE_CONTEXT.slice(1), "key"), KEY);
      assert.equal(offsetOf(symbols, VALUE_CONTEXT.slice(1), "val"), VALUE);
      for (const name of [VALUE_CONTEXT, ...PARENT_FIRST]) {
        const type = symbols.findType(name.replace("*", ""));
        if (type === undefined) continue;
        let first: GoType = type;
        while (first.kind === "struct" && first.fields[0] !== undefined) first = first.fields[0].type;
        assert.equal(first.name, "context.Context", `${name} begins with the context around it`);
      }
      let told = 0;
      for (const name of ["*errors.errorString", "*fmt.wrapError", "*io/fs.PathError", "*os.SyscallError"]) {
        const fields = fieldsOf(symbols.findType(name.slice(1))).map((field) => field.name);
        for (const part of messageParts(name) ?? []) {
          if (typeof part === "string") continue;
          assert.ok(fields.includes(part.field), `${name} has ${part.field}`);
          told++;
        }
      }
      assert.equal(told, 7);
      assert.deepEqual(["*errors.errorString", "*io/fs.PathError", "main.Code"].map(holdsError), [
        false,
        true,
        undefined,
      ]);
    }));
}
