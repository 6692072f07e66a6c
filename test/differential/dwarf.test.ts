/** The DWARF reader against the Go type checker, reflection, GNU binutils and `go tool nm`: all of a program, not a sample. */
import assert from "node:assert/strict";
import { basename } from "node:path";
import { after, before, describe, test } from "node:test";
import { virtualAddress } from "../../src/base/index.js";
import { type Dwarf, type DwarfFunction, openDwarf } from "../../src/binary/dwarf/index.js";
import { type GoType, openElf, openFileSource } from "../../src/binary/index.js";
import { goCommand, goVersions } from "../fixture.js";
import { buildDwarfProgram, type DwarfProgram, type ReflectedType, run } from "./dwarf-programs.js";
import {
  assertSame,
  compareDwarfFunctions,
  compareDwarfLines,
  compareInlinedCopies,
  compareSignatures,
  ReadelfView,
} from "./dwarf-truth.js";

const opened: Disposable[] = [];
after(() => {
  for (const source of opened) source[Symbol.dispose]();
});

/** Sections are read when first wanted, so the file stays open until the end. */
const requireDwarf = async (path: string): Promise<Dwarf> => {
  const source = openFileSource(path);
  opened.push(source);
  const dwarf = openDwarf(await openElf(source));
  assert.ok(dwarf, `${path} has debug data`);
  return dwarf;
};

/** A type the way the fixture's reflection prints it. */
const reflect = (type: GoType, depth: number): ReflectedType => {
  const { kind, size } = type;
  const follow = (target: () => GoType) => (depth > 0 ? { element: reflect(target(), depth - 1) } : {});
  switch (type.kind) {
    case "int":
      return { kind, size, ...(type.signed ? { signed: true } : {}) };
    case "interface":
      return { kind, size, ...(type.empty ? { empty: true } : {}) };
    case "pointer":
      return { kind, size, ...follow(type.target) };
    case "slice":
    case "chan":
      return { kind, size, ...follow(type.element) };
    case "array":
      return { kind, size, length: type.length, ...follow(type.element) };
    case "map":
      return { kind, size, ...(depth > 0 ? { key: reflect(type.key(), depth - 1) } : {}), ...follow(type.element) };
    case "struct": {
      const fields = type.fields.map((field) => ({ ...field, type: reflect(field.type, depth) }));
      return { kind, size, ...(fields.length > 0 ? { fields } : {}) };
    }
    default:
      return { kind, size };
  }
};

const spellFunction = (found: DwarfFunction): string =>
  JSON.stringify([found.name, found.lowPc, found.highPc, found.file, found.line, found.isWrapper, found.signature]);

for (const version of goVersions) {
  describe(`DWARF of Go ${version}`, () => {
    let program: DwarfProgram;
    let dwarf: Dwarf;
    let readelf: ReadelfView;

    before(async () => {
      program = buildDwarfProgram(version);
      dwarf = await requireDwarf(program.compressed);
      readelf = new ReadelfView(program.plain);
    });

    test("every function has the name and the addresses readelf gives it", () => {
      compareDwarfFunctions(dwarf, readelf);
    });

    test("every function has the signature, file and line of its source", () => {
      assert.ok(compareSignatures(dwarf, version, program.declared, (path) => path) > 1000);
      assert.equal(dwarf.findFunction("main.many")?.listsBlankParameters, version !== "1.19");
    });

    test("every function is found by its name and by its addresses", () => {
      for (const found of dwarf.functions()) {
        const [at, last] = [dwarf.findFunctionAt(found.lowPc), dwarf.findFunctionAt(virtualAddress(found.highPc - 1))];
        assert.deepEqual([at?.name, at?.lowPc, last?.lowPc], [found.name, found.lowPc, found.lowPc]);
      }
      const main = [...dwarf.functions()].filter(({ name }) => name.startsWith("main."));
      assert.ok(main.length > 20);
      for (const found of main) assert.equal(dwarf.findFunction(found.name)?.name, found.name);
      assert.equal(dwarf.findFunction("main.nosuch"), undefined);
      assert.equal(dwarf.findFunction(""), undefined);
      assert.equal(dwarf.findFunctionAt(virtualAddress(0)), undefined);
    });

    test("assembly has no signature", () => {
      const memmove = dwarf.findFunction("runtime.memmove");
      assert.equal(memmove?.isAssembly, true);
      assert.equal(memmove?.signature, undefined);
    });

    test("types have the layout that reflection sees", () => {
      const names = Object.keys(program.layouts);
      assert.ok(names.length > 5);
      const actual = Object.fromEntries(
        names.map((name) => {
          const type = dwarf.findType(name);
          assert.ok(type, name);
          return [name, reflect(type, 3)];
        }),
      );
      assert.deepEqual(actual, program.layouts);
    });

    test("structs of the runtime have the fields that readelf lists", () => {
      for (const name of ["runtime.g", "runtime.m", "runtime.gobuf", "runtime.moduledata", "runtime.stack"]) {
        const { entries } = readelf;
        const start = entries.findIndex(
          ({ tag, attributes }) => tag === "DW_TAG_structure_type" && attributes.get("DW_AT_name") === name,
        );
        const expected: string[] = [];
        for (let index = start + 1; (entries[index]?.depth ?? 0) > (entries[start]?.depth ?? 0); index++) {
          const attributes = entries[index]?.attributes;
          expected.push(`${attributes?.get("DW_AT_name")} ${attributes?.get("DW_AT_data_member_location")}`);
        }
        const type = dwarf.findType(name);
        assert.equal(type?.kind, "struct");
        assert.ok(expected.length > 1);
        assert.deepEqual(
          type.fields.map((field) => `${field.name} ${field.offset}`),
          expected,
        );
      }
    });

    test("inlined copies are those that readelf counts", () => {
      compareInlinedCopies(dwarf, readelf, (name) => name.startsWith("main.") || name.startsWith("fmt."));
      const copies = dwarf.inlinedCopies("main.small");
      assert.deepEqual(new Set(copies.map(({ callFile }) => basename(callFile ?? ""))), new Set(["main.go"]));
      assert.deepEqual(dwarf.inlinedCopies("main.main"), []);
    });

    test("every row of the line tables is what readelf decodes", () => compareDwarfLines(dwarf, program.plain));

    test("the first instruction of every function is where `go tool addr2line` says", () => {
      const functions = [...dwarf.functions()];
      const addresses = functions.map(({ lowPc }) => `0x${lowPc.toString(16)}`).join("\n");
      const lines = run(goCommand(version), ["tool", "addr2line", program.compressed], `${addresses}\n`)
        .trim()
        .split("\n");
      assertSame(
        functions.map(({ name, lowPc }) => {
          // Go ≥ 1.22 writes no line rows for generated code.
          const position = dwarf.lineAt(lowPc) ?? { file: "<autogenerated>", line: 1 };
          return `${name} ${position.file}:${position.line}`;
        }),
        functions.map(({ name }, index) => `${name} ${lines[2 * index + 1]}`),
      );
    });

    test("package variables are where the symbol table has them", () => {
      const symbols = run(goCommand(version), ["tool", "nm", program.compressed]);
      const variables: string[] = [];
      for (const [, address = "", name = ""] of symbols.matchAll(/^ *([0-9a-f]+) [BD] (main\.[a-zA-Z]\w*)$/gm)) {
        const variable = dwarf.findVariable(name);
        assert.equal(variable?.address, Number.parseInt(address, 16), name);
        variables.push(`${name} ${variable?.type.name}`);
      }
      assert.deepEqual(variables.sort(), [
        "main.byName map[string]*main.store",
        "main.counter int",
        "main.flagged bool",
        "main.functions []interface {}",
        "main.stores []*main.store",
      ]);
      assert.equal(dwarf.findVariable("main.nosuch"), undefined);
    });

    test("parameters arrive at the entry where Go's register ABI puts them", () => {
      const many = dwarf.findFunction("main.many");
      const places = many?.variables().map(({ name, role, locationAt }) => {
        const pieces = role === "parameter" ? locationAt(many.lowPc) : undefined;
        return [name, ...(pieces ?? []).map((piece) => (piece.kind === "register" ? piece.register : piece.kind))];
      });
      // AX BX CX DI SI R8 R9 R10 R11, X0 X1 X2; the array goes to the stack, and for the struct no register is left.
      assert.deepEqual(places?.slice(0, 12), [
        ["a", 0],
        ["b", 3],
        ["c", 2],
        ["d", 5],
        ["e", 4],
        ["f", 8],
        ["g", 9],
        ["h", 10],
        ["i", 11],
        ["j", 17],
        ["k", 18, 19],
        ["l", "frame"],
      ]);
      const weight = dwarf
        .findFunction("main.(*store).Lookup")
        ?.variables()
        .find(({ name }) => name === "weight");
      const low = dwarf.findFunction("main.(*store).Lookup")?.lowPc ?? virtualAddress(0);
      assert.deepEqual(weight?.locationAt(low), [{ kind: "register", register: 17, size: undefined }]);
    });

    test("compressed and plain sections say the same", async () => {
      const plain = await requireDwarf(program.plain);
      assertSame([...dwarf.functions()].map(spellFunction), [...plain.functions()].map(spellFunction));
      assert.deepEqual(dwarf.inlinedCopyCounts(), plain.inlinedCopyCounts());
    });
  });
}
