/** Where run-time types and interface tables are: all of a program, against its debug data and the Go toolchain. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { virtualAddress } from "../../src/base/index.js";
import { type GoBinary, openGoBinary, type RuntimeTypes } from "../../src/binary/index.js";
import { fixturePath, type GoVersion, goCommand } from "../fixture.js";
import { readelfEntries } from "./readelf.js";

const versions = ["1.19", "1.22", "1.25", "1.27"] as const;

const scratch = mkdtempSync(join(tmpdir(), "gospect-addresses-"));
const opened: Disposable[] = [];
after(() => {
  rmSync(scratch, { recursive: true });
  for (const binary of opened) binary[Symbol.dispose]();
});

async function open(path: string): Promise<GoBinary> {
  const binary = await openGoBinary(path);
  opened.push(binary);
  return binary;
}

function typesOf(binary: GoBinary): RuntimeTypes {
  const types = binary.runtimeTypes();
  assert.ok(types !== undefined);
  return types;
}

const nameAt = (types: RuntimeTypes, address: number): string => {
  const type = types.typeAt(virtualAddress(address));
  assert.ok(type !== undefined, `no type at ${address}`);
  return type.name;
};

/** Debug data number types that are declared in functions, and mark those that the compiler makes for itself. */
const withoutMarks = (name: string): string => name.replaceAll(/·\d+/g, "").replaceAll("noalg.", "");

/**
 * DW_AT_go_runtime_type of every type. The linker writes offsets from the start of the section that holds descriptors,
 * and, up to go1.22, the addresses of some.
 */
function describedTypes(path: string, binary: GoBinary): ReadonlyMap<number, string> {
  const { types } = binary.moduledata;
  const section = binary.elf.sections.find(
    ({ virtualAddress: start, size }) => types !== undefined && start <= types && types < start + size,
  );
  assert.ok(section !== undefined);
  const described = new Map<number, string>();
  for (const { attributes } of readelfEntries(path)) {
    const value = Number(attributes.get("2904") ?? 0);
    if (value === 0) continue;
    const inSection = value < section.size ? section.virtualAddress + value : value;
    described.set(inSection, attributes.get("DW_AT_name") ?? "");
  }
  return described;
}

/**
 * Of the types that no list leads to, none is that of a value in an interface, but for named pointers. The compiler makes
 * descriptors of them for its own use: to allocate a map's parts, and to assert that a value has some methods.
 */
const OUT_OF_REACH = /^noalg\.|^interface \{|^sync\.dequeueNil$/;

for (const version of versions) {
  for (const mode of ["plain", "pie"] as const) {
    test(`go${version} ${mode}: every type is where the debug data have it`, async () => {
      const path = fixturePath("variety", version, mode);
      const binary = await open(path);
      const types = typesOf(binary);
      const described = describedTypes(path, binary);
      const found = [...described].filter(([address]) => types.typeAt(virtualAddress(address)) !== undefined);
      const missing = [...described].filter(([address]) => types.typeAt(virtualAddress(address)) === undefined);
      assert.ok(found.length > 450, `${found.length} types`);
      assert.deepEqual(
        found.map(([address]) => nameAt(types, address)),
        found.map(([, name]) => withoutMarks(name)),
      );
      assert.deepEqual(
        missing.map(([, name]) => name).filter((name) => !OUT_OF_REACH.test(name)),
        [],
      );
      for (const [address, name] of found)
        assert.ok(types.addressesOf(withoutMarks(name)).includes(virtualAddress(address)), name);
    });
  }

  test(`go${version}: a stripped program has the same; one linked without debug data has no others`, async () => {
    const path = fixturePath("variety", version, "plain");
    const copy = join(scratch, version);
    execFileSync("objcopy", ["--strip-all", path, copy]);
    const [plain, stripped] = [typesOf(await open(path)), typesOf(await open(copy))];
    const names = (types: RuntimeTypes): string[] =>
      [...types.types()].map((address) => `${address} ${nameAt(types, address)}`);
    const itabs = (types: RuntimeTypes): string[] =>
      types.itabs().map((itab) => `${nameAt(types, itab.concrete)},${nameAt(types, itab.interface)}`);
    assert.deepEqual(names(stripped), names(plain));
    assert.deepEqual(stripped.itabs(), plain.itabs());
    const relinked = typesOf(await open(fixturePath("variety", version, "stripped")));
    const known = new Set([...plain.types()].map((address) => nameAt(plain, address)));
    assert.deepEqual(
      [...relinked.types()].map((address) => nameAt(relinked, address)).filter((name) => !known.has(name)),
      [],
    );
    assert.deepEqual(itabs(relinked).sort(), itabs(plain).sort());
    for (const name of ["string", "int", "*errors.errorString", "*main.counter", "[]uint8", "error"]) {
      const [address, ...others] = stripped.addressesOf(name);
      assert.ok(address !== undefined && others.length === 0, name);
      assert.equal(nameAt(stripped, address), name);
      assert.equal(stripped.typeAt(virtualAddress(address + 8)), undefined);
    }
    assert.deepEqual(stripped.addressesOf("main.nosuch"), []);
    assert.equal(stripped.typeAt(virtualAddress(0)), undefined);
    assert.equal(stripped.typeAt(virtualAddress(2 ** 47)), undefined);
  });
}

const symbolsOf = (path: string, version: GoVersion): string =>
  execFileSync(goCommand(version), ["tool", "nm", path], { encoding: "utf8", maxBuffer: 2 ** 28 });

for (const version of ["1.19", "1.22", "1.25"] as const) {
  test(`go${version}: the interface tables are those that the toolchain lists`, async () => {
    const path = fixturePath("variety", version, "plain");
    const types = typesOf(await open(path));
    const listed = Array.from(
      symbolsOf(path, version).matchAll(/^ *([0-9a-f]+) \w go[:.]itab\.(.*,.*)$/gm),
      ([, address = "", name = ""]) => `${Number.parseInt(address, 16)} ${name}`,
    );
    assert.ok(listed.length > 20);
    assert.deepEqual(
      types
        .itabs()
        .map((itab) => `${itab.address} ${nameAt(types, itab.concrete)},${nameAt(types, itab.interface)}`)
        .sort(),
      listed.sort(),
    );
  });
}

/** FACT(go1.27): interface tables have no symbols. */
test("go1.27: the functions of every interface table are methods of its concrete type", async () => {
  const path = fixturePath("variety", "1.27", "plain");
  const binary = await open(path);
  const types = typesOf(binary);
  const names = new Map<number, string[]>();
  for (const [, address = "", name = ""] of symbolsOf(path, "1.27").matchAll(/^ *([0-9a-f]+) [Tt] (.*)$/gm)) {
    const at = Number.parseInt(address, 16);
    names.set(at, [...(names.get(at) ?? []), name]);
  }
  const FUNCTIONS = 24;
  const wrong = types.itabs().flatMap((itab) => {
    const bytes = binary.elf.readVirtual(virtualAddress(itab.address + FUNCTIONS), 8);
    const code = Number(bytes.readBigUInt64LE());
    const concrete = nameAt(types, itab.concrete);
    const [, star = "", path = "", type = ""] = /^(\*?)((?:.*\/)?[^./]+)\.(.*)$/.exec(concrete) ?? [];
    const starts = [`${path}.(*${type}).`, ...(star === "" ? [`${path}.${type}.`] : [])];
    const methods = names.get(code) ?? [];
    // What nobody calls through the interface.
    if (methods.includes("runtime.unreachableMethod")) return [];
    if (methods.some((name) => starts.some((start) => name.startsWith(start)))) return [];
    return [`${concrete}: ${methods.join(" ")}`];
  });
  assert.deepEqual(wrong, []);
  assert.ok(types.itabs().length > 50);
});
