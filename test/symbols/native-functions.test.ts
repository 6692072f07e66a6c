/** C functions against what GNU readelf prints of the same symbol tables: libraries of the system, and one made for this. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { FormatError, ProfilerError, type VirtualAddress } from "../../src/base/index.js";
import { memorySource, openCodeFile, openElf } from "../../src/binary/index.js";
import { type NativeFunction, type NativeFunctions, versionedName } from "../../src/symbols/index.js";
import { openNativeFunctions } from "../../src/symbols/native-functions.js";
import { randomFrom } from "../binary/elf-fixtures.js";
import { fixturePath } from "../fixture.js";

const readelf = (...parameters: string[]): readonly string[] =>
  execFileSync("readelf", ["-W", ...parameters], { encoding: "utf8", maxBuffer: 2 ** 30 }).split("\n");

/** Numbers of the sections that are executed. */
const codeSections = (path: string): ReadonlySet<string> =>
  new Set(
    readelf("-S", path).flatMap((line) => {
      const [, number, flags = ""] =
        /^ +\[ *(\d+)\] .*? +[0-9a-f]+ [0-9a-f]+ [0-9a-f]{2,} +([A-Z]*) +\d/.exec(line) ?? [];
      return number !== undefined && flags.includes("X") ? [number] : [];
    }),
  );

/** `address size kind name@@version`, sorted; a name that is there with and without a version counts with it alone. */
function readelfFunctions(path: string): readonly string[] {
  const sections = codeSections(path);
  const versioned = new Set<string>();
  const lines = readelf("--syms", "--dyn-syms", path).flatMap((line) => {
    const [, address, size = "", kind = "", section = "", name = ""] =
      /^ *\d+: ([0-9a-f]{16}) +(\d+|0x[0-9a-f]+) (FUNC|IFUNC) +\w+ +\w+(?: +\[[^\]]*\])? +(\w+) (.+?)(?: \(\d+\))?$/.exec(
        line,
      ) ?? [];
    if (address === undefined || !sections.has(section)) return [];
    const at = Number.parseInt(address, 16);
    if (/^[^@]+@/.test(name)) versioned.add(`${at} ${name.replace(/@.*/, "")}`);
    return [{ at, name, text: `${at} ${Number(size)} ${kind === "IFUNC" ? "ifunc" : "function"} ${name}` }];
  });
  const kept = lines.filter(({ at, name }) => name.includes("@") || !versioned.has(`${at} ${name}`));
  return [...new Set(kept.map(({ text }) => text))].sort();
}

const line = (fn: NativeFunction): string => `${fn.address} ${fn.size} ${fn.kind} ${versionedName(fn)}`;

async function withFunctions<T>(path: string, use: (functions: NativeFunctions) => T): Promise<T> {
  const { elf } = await openCodeFile(path);
  using _source = elf.source;
  return use(openNativeFunctions(elf));
}

const SOURCE = `
static int helper(int a) { return a + 1; }
int twice_old(int a) { return helper(a); }
int twice_new(int a) { return helper(a) * 2; }
int only(int a) { return a - 1; }
int __only(int a) __attribute__((alias("only")));
static int chosen_one(int a) { return a * 3; }
static void *choose(void) { return chosen_one; }
int chosen(int a) __attribute__((ifunc("choose")));
int data = 7;
asm(".symver twice_old, twice@V_1.0");
asm(".symver twice_new, twice@@V_2.0");
asm(".text\\n.globl unsized\\n.type unsized, @function\\nunsized: ret\\n.balign 16, 0x90\\n.skip 16, 0x90\\n");
`;
const OTHER_SOURCE = "static int helper(int a) { return a + 2; }\nint user(int a) { return helper(a); }\n";
const VERSIONS =
  "V_1.0 { global: twice; only; __only; chosen; user; local: *; };\nV_2.0 { global: twice; unsized; } V_1.0;\n";

let folder = "";
let library = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "gospect-native-"));
  for (const [name, text] of [
    ["one.c", SOURCE],
    ["other.c", OTHER_SOURCE],
    ["versions", VERSIONS],
  ] as const)
    writeFileSync(join(folder, name), text);
  library = join(folder, "library.so");
  const options = ["-shared", "-fPIC", "-O1", "-fno-inline", "-fno-ipa-icf", "-Wl,--version-script=versions"];
  execFileSync("cc", [...options, "-o", library, "one.c", "other.c"], { cwd: folder });
});
after(() => rmSync(folder, { recursive: true }));

describe("C functions of a file", () => {
  it("are those that readelf prints, with sizes, kinds and versions", async () => {
    const paths = [
      library,
      "/lib/x86_64-linux-gnu/libc.so.6",
      "/lib64/ld-linux-x86-64.so.2",
      "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
      "/bin/bash",
      "/usr/bin/python3.11",
      fixturePath("cgo", "1.27", "external"),
    ];
    for (const path of paths) {
      await withFunctions(path, (functions) => {
        const all = functions.all();
        assert.deepEqual(all.map(line).sort(), readelfFunctions(path), path);
        assert.ok(all.length > 5, path);
        for (const [index, fn] of all.entries()) assert.ok(fn.address >= (all[index - 1]?.address ?? 0), path);
      });
    }
  });

  it("are found by name exactly as the whole list has them", async () => {
    for (const path of [library, "/lib/x86_64-linux-gnu/libc.so.6", "/usr/bin/python3.11"]) {
      await withFunctions(path, (functions) => {
        const byName = new Map<string, NativeFunction[]>();
        for (const fn of functions.all()) byName.set(fn.name, [...(byName.get(fn.name) ?? []), fn]);
        for (const [name, all] of byName) {
          const defaults = all.filter(({ isDefault }) => isDefault);
          assert.deepEqual(functions.find(name), defaults.length > 0 ? defaults : all, `${path} ${name}`);
          for (const fn of all.filter(({ version }) => version !== undefined)) {
            const same = all.filter(({ version }) => version === fn.version);
            assert.deepEqual(functions.find(`${name}@${fn.version}`), same);
            assert.deepEqual(functions.find(`${name}@@${fn.version}`), fn.isDefault ? same : []);
          }
        }
        assert.deepEqual(functions.find("no such name"), []);
        assert.deepEqual(functions.find(""), []);
      });
    }
  });

  it("have their default version by the plain name, and any by name@VERSION", async () => {
    await withFunctions("/lib/x86_64-linux-gnu/libc.so.6", (functions) => {
      const named = (name: string) => functions.find(name).map(versionedName);
      assert.deepEqual(named("memcpy"), ["memcpy@@GLIBC_2.14"]);
      assert.deepEqual(named("memcpy@GLIBC_2.2.5"), ["memcpy@GLIBC_2.2.5"]);
      assert.deepEqual(named("memcpy@@GLIBC_2.2.5"), []);
      assert.equal(functions.find("memcpy")[0]?.kind, "ifunc");
      assert.deepEqual(functions.nearest("memcpy@GLIBC_2.3", 5).toSorted(), [
        "memcpy@@GLIBC_2.14",
        "memcpy@GLIBC_2.2.5",
      ]);
      assert.deepEqual(functions.nearest("getadrinfo", 1), ["getaddrinfo"]);
    });
  });

  it("that are local may share a name", async () => {
    await withFunctions(library, (functions) => {
      assert.equal(functions.find("helper").length, 2);
      assert.deepEqual(functions.find("twice").map(versionedName), ["twice@@V_2.0"]);
      assert.deepEqual(functions.find("data"), []);
      assert.equal(functions.find("chosen")[0]?.kind, "ifunc");
      assert.equal(functions.find("unsized")[0]?.size, 0);
    });
  });

  it("are found by every address in them, by the name that others use", async () => {
    await withFunctions(library, (functions) => {
      const only = functions.find("only")[0] ?? assert.fail();
      for (let within = 0; within < only.size; within++)
        assert.equal(functions.findByAddress((only.address + within) as VirtualAddress)?.name, "only");
      const unsized = functions.find("unsized")[0] ?? assert.fail();
      assert.equal(functions.findByAddress(unsized.address)?.name, "unsized");
      assert.equal(functions.findByAddress((unsized.address + 1) as VirtualAddress), undefined);
      assert.equal(functions.findByAddress(0 as VirtualAddress), undefined);
    });
    await withFunctions("/lib/x86_64-linux-gnu/libc.so.6", (functions) => {
      const all = functions.all();
      const random = randomFrom(3);
      for (let round = 0; round < 2000; round++) {
        const some = all[random(all.length)] ?? assert.fail();
        const address = (some.address + random(some.size + 32)) as VirtualAddress;
        const around = all.filter((fn) => fn.address <= address && address < fn.address + Math.max(1, fn.size));
        const innermost = around.filter((fn) => fn.address === Math.max(...around.map((each) => each.address)));
        const found = functions.findByAddress(address);
        if (innermost.length === 0) assert.equal(found, undefined);
        else assert.ok(found !== undefined && innermost.map(line).includes(line(found)), `${address}`);
      }
    });
  });

  it("of damaged files are values or errors", async () => {
    const bytes = readFileSync(library);
    const whole = await openElf(memorySource(library, Buffer.from(bytes)));
    const names = [".symtab", ".dynsym", ".gnu.version", ".gnu.version_d", ".dynstr", ".strtab"];
    const ranges = names.map((name) => whole.findSection(name) ?? assert.fail(name));
    const random = randomFrom(5);
    let damaged = 0;
    for (let round = 0; round < 400; round++) {
      const { fileOffset, size } = ranges[round % ranges.length] ?? assert.fail();
      const copy = Buffer.from(bytes);
      for (let count = 1 + random(3); count > 0; count--) copy[fileOffset + random(size)] = random(256);
      // And where the section headers say that the tables are.
      if (round % 4 === 0) copy[copy.readUInt32LE(0x28) + random(whole.sections.length * 64)] = random(256);
      try {
        const functions = openNativeFunctions(await openElf(memorySource("damaged", copy)));
        for (const fn of functions.all().slice(0, 50)) functions.find(versionedName(fn));
        functions.findByAddress(0x1100 as VirtualAddress);
        functions.nearest("twice@V_3", 3);
      } catch (error) {
        assert.ok(error instanceof ProfilerError, String(error));
        if (error instanceof FormatError) damaged++;
      }
    }
    assert.ok(damaged > 20, `${damaged}`);
  });
});
