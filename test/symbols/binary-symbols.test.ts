/** Names as people and `go tool nm` write them, to functions and back. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { virtualAddress } from "../../src/base/index.js";
import { openGoBinary } from "../../src/binary/index.js";
import { openSymbolTable } from "../../src/symbols/index.js";
import { fixturePath, goCommand, goVersions } from "../fixture.js";

for (const version of goVersions) {
  test(`go${version}: every name of go tool nm finds its function`, async () => {
    const path = fixturePath("frames", version, "plain");
    using binary = await openGoBinary(path);
    const table = openSymbolTable(binary);
    const { minpc, maxpc } = binary.moduledata;
    const text = execFileSync(goCommand(version), ["tool", "nm", path], { encoding: "utf8", maxBuffer: 2 ** 28 });
    let checked = 0;
    for (const line of text.split("\n")) {
      const [, hexAddress = "", name = ""] = /^ *([0-9a-f]+) [Tt] (.*)$/.exec(line) ?? [];
      const address = Number.parseInt(hexAddress, 16);
      if (!(address >= minpc && address < maxpc) || name === "runtime.text") continue;
      const found = table.findByName(name);
      assert.ok(
        found.some((fn) => fn.entry === address),
        `${name} at 0x${hexAddress}`,
      );
      for (const fn of found) assert.equal(fn.name, name.replace(/\.abi0$/, ""));
      checked++;
    }
    assert.equal(checked, table.functionCount);
  });

  test(`go${version}: generic functions are found all at once and one by one`, async () => {
    using binary = await openGoBinary(fixturePath("frames", version, "plain"));
    using stripped = await openGoBinary(fixturePath("frames", version, "stripped"));
    const table = openSymbolTable(binary);
    const strippedTable = openSymbolTable(stripped);
    const instances = table.findByName("main.sum[...]");
    const names = instances.map((fn) => fn.name).sort();
    const shape = version === "1.19" ? (type: string) => `go.shape.${type}_0` : (type: string) => `go.shape.${type}`;
    assert.deepEqual(names, [`main.sum[${shape("float64")}]`, `main.sum[${shape("int")}]`]);
    for (const instance of instances)
      assert.deepEqual(
        table.findByName(instance.name).map((fn) => fn.entry),
        [instance.entry],
      );
    const strippedInstances = strippedTable.findByName("main.sum[...]");
    assert.deepEqual(
      strippedInstances.map((fn) => fn.name),
      version === "1.19" ? ["main.sum[...]", "main.sum[...]"] : instances.map((fn) => fn.name),
    );
    assert.deepEqual(
      strippedInstances.map((fn) => fn.entry),
      instances.map((fn) => fn.entry),
    );
    // One instance, in a stripped program: only where the linker still wrote type arguments into pclntab.
    const alone = strippedTable.findByName(`main.sum[${shape("int")}]`).map((fn) => fn.entry);
    assert.deepEqual(
      alone,
      instances.filter((fn) => version !== "1.19" && fn.name.includes("int")).map((fn) => fn.entry),
    );
  });

  test(`go${version}: an ABI0 wrapper and its target share a name`, async () => {
    using binary = await openGoBinary(fixturePath("frames", version, "plain"));
    const table = openSymbolTable(binary);
    const bodies = table.findByName("runtime.asmcgocall").map(({ assembly, wrapper }) => ({ assembly, wrapper }));
    assert.deepEqual(bodies, [
      { assembly: true, wrapper: false },
      { assembly: false, wrapper: true },
    ]);
    assert.deepEqual(
      table.findByName("runtime.asmcgocall.abi0").map((fn) => fn.assembly),
      [true],
    );
  });

  test(`go${version}: places and signatures of declarations`, async () => {
    using binary = await openGoBinary(fixturePath("frames", version, "pie"));
    using stripped = await openGoBinary(fixturePath("frames", version, "pie-stripped"));
    const table = openSymbolTable(binary);
    const [scaled] = table.findByName("main.(*square).scaled");
    assert.ok(scaled !== undefined);
    assert.deepEqual(table.place(scaled), { file: "fixtures/frames/main.go", line: 34 });
    const signature = table.signature(scaled);
    assert.deepEqual(
      signature?.parameters.map(({ name, type }) => `${name} ${type.name}`),
      ["s *main.square", "by float64"],
    );
    const strippedTable = openSymbolTable(stripped);
    const [strippedScaled] = strippedTable.findByName("main.(*square).scaled");
    assert.ok(strippedScaled !== undefined);
    assert.deepEqual(strippedTable.place(strippedScaled), { file: "fixtures/frames/main.go", line: 34 });
    assert.equal(strippedTable.signature(strippedScaled), undefined);
  });

  test(`go${version}: no function in padding or outside of the text`, async () => {
    using binary = await openGoBinary(fixturePath("frames", version, "plain"));
    const table = openSymbolTable(binary);
    let padded = 0;
    for (const fn of table.functions()) {
      assert.equal(table.findByAddress(fn.entry)?.index, fn.index);
      if (table.findByAddress(fn.end) !== undefined) continue;
      padded++;
      assert.deepEqual(table.symbolize(fn.end), []);
    }
    assert.ok(padded > 1000);
    assert.deepEqual(table.symbolize(virtualAddress(16)), []);
  });

  test(`go${version}: inlined copies are counted over the whole binary`, async () => {
    using binary = await openGoBinary(fixturePath("frames", version, "stripped"));
    const { pclntab } = binary;
    const copies = openSymbolTable(binary).inlinedCopies(
      new Set(["main.half", "main.twice", "main.main", "sync.(*Mutex).Lock", "no.such"]),
    );
    const counted = new Map<string, number>();
    for (let index = 0; index < pclntab.functionCount; index++)
      for (const name of pclntab.inlinedFunctionNames(index)) counted.set(name, (counted.get(name) ?? 0) + 1);
    assert.deepEqual(
      copies,
      new Map([
        ["main.half", 2],
        ["main.twice", 1],
        ["sync.(*Mutex).Lock", counted.get("sync.(*Mutex).Lock")],
      ]),
    );
  });
}
