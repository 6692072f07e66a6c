/** Every function of the fixtures as pclntab has it, against `go tool nm` and `go tool addr2line`. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { hex, virtualAddress } from "../../src/base/index.js";
import { type GoBinary, openGoBinary } from "../../src/binary/index.js";
import { fixturePath, type GoVersion, goCommand, goVersions } from "../fixture.js";

/** Debian's builds: stripped, linked by gcc, so that the text of Go begins behind C code in `.text`. */
const PACKAGED_PROGRAMS = ["/usr/bin/etcd", "/usr/bin/prometheus"] as const;
const OUTPUT_LIMIT = 2 ** 28;
/** The newest reads every older format; go1.19's own finds nothing in position-independent programs. */
const ADDR2LINE = "1.27";

interface NmSymbol {
  readonly address: number;
  readonly size: number;
  readonly name: string;
}

/** What `go tool nm -size` lists as text between the first function and the end of the last. */
function nmFunctions(version: GoVersion, path: string, binary: GoBinary): NmSymbol[] {
  const text = execFileSync(goCommand(version), ["tool", "nm", "-size", path], {
    encoding: "utf8",
    maxBuffer: OUTPUT_LIMIT,
  });
  const { minpc, maxpc } = binary.moduledata;
  return text.split("\n").flatMap((line) => {
    const [, address, size, name] = /^ *([0-9a-f]+) +(\d+) [Tt] (.*)$/.exec(line) ?? [];
    const symbol = { address: Number.parseInt(address ?? "", 16), size: Number(size), name: name ?? "" };
    return symbol.address >= minpc && symbol.address < maxpc ? [symbol] : [];
  });
}

/** pclntab's name for a symbol of nm. */
function inPclntab(version: GoVersion, name: string): string {
  const abiless = name.replace(/\.abi0$/, "");
  return version === "1.19" ? abiless.replace(/\[.*\]/, "[...]") : abiless;
}

const byText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
const line = (address: number, size: number, name: string): string => `${hex(address)} ${size} ${name}`;

/** Marks of the linker, not functions: they have no line table, so nothing says where they end. */
const MARKERS = new Set(["runtime.text", "go:textfipsstart", "go:textfipsend"]);

/**
 * Compares function, file and line at the first, middle and last byte of every function. `shift` is how far behind the
 * start of `.text` the Go text begins: addr2line takes the one for the other.
 */
async function compareLines(path: string, shift: number): Promise<void> {
  using binary = await openGoBinary(path);
  const { pclntab } = binary;
  const addresses: number[] = [];
  for (let index = 0; index < pclntab.functionCount; index++) {
    const [entry, end] = [pclntab.entryOf(index), pclntab.endOf(index)];
    if (!MARKERS.has(pclntab.nameOf(index)))
      for (const address of new Set([entry, Math.floor((entry + end) / 2), end - 1])) addresses.push(address);
  }
  const answer = execFileSync(goCommand(ADDR2LINE), ["tool", "addr2line", path], {
    encoding: "utf8",
    input: addresses.map((address) => `${hex(address - shift)}\n`).join(""),
    maxBuffer: OUTPUT_LIMIT,
  });
  const ours = addresses.map((address) => {
    const place = pclntab.lineAt(virtualAddress(address));
    const index = pclntab.findIndexByAddress(virtualAddress(address)) ?? -1;
    return `${hex(address)} ${pclntab.nameOf(index)} ${place?.file}:${place?.line}`;
  });
  const lines = answer.split("\n");
  const theirs = addresses.map((address, index) => `${hex(address)} ${lines[2 * index]} ${lines[2 * index + 1]}`);
  assert.deepEqual(ours, theirs);
}

for (const path of PACKAGED_PROGRAMS)
  test(`${path}: lines are those of go tool addr2line`, async () => {
    using binary = await openGoBinary(path);
    const section = binary.elf.findSection(".text");
    assert.ok(section !== undefined);
    const shift = binary.moduledata.text - section.virtualAddress;
    assert.ok(shift > 0);
    assert.equal(binary.elfSymbols().length, 0);
    await compareLines(path, shift);
  });

for (const version of goVersions) {
  for (const mode of ["plain", "pie"] as const) {
    test(`go${version} ${mode}: names, addresses and sizes are those of go tool nm`, async () => {
      const path = fixturePath("frames", version, mode);
      using binary = await openGoBinary(path);
      const { pclntab } = binary;
      const ours: string[] = [];
      for (let index = 0; index < pclntab.functionCount; index++) {
        const { name, entry, end } = pclntab.function(index);
        if (!MARKERS.has(name)) ours.push(line(entry, end - entry, name.replaceAll("·", ".")));
      }
      const theirs = nmFunctions(version, path, binary)
        .filter(({ name }) => !MARKERS.has(name))
        .map(({ address, size, name }) => line(address, size, inPclntab(version, name)));
      assert.ok(ours.length > 4000);
      assert.deepEqual(ours.sort(byText), theirs.sort(byText));
    });

    test(`go${version} ${mode}: lines are those of go tool addr2line`, async () => {
      await compareLines(fixturePath("frames", version, mode), 0);
    });
  }

  for (const [stripped, twin] of [
    ["stripped", "plain"],
    ["pie-stripped", "pie"],
  ] as const) {
    test(`go${version} ${stripped}: every function is that of the unstripped build`, async () => {
      using binary = await openGoBinary(fixturePath("frames", version, stripped));
      using original = await openGoBinary(fixturePath("frames", version, twin));
      const all = ({ pclntab }: GoBinary) =>
        Array.from({ length: pclntab.functionCount }, (_, index) => pclntab.function(index));
      assert.equal(binary.elfSymbols().length, 0);
      assert.deepEqual(all(binary), all(original));
    });
  }

  test(`go${version}: exact search finds every name where it is, and no other`, async () => {
    using binary = await openGoBinary(fixturePath("frames", version, "stripped"));
    const { pclntab } = binary;
    const places = new Map<string, number[]>();
    pclntab.names().forEach((name, index) => {
      assert.equal(name, pclntab.nameOf(index));
      const known = places.get(name);
      if (known === undefined) places.set(name, [index]);
      else known.push(index);
    });
    for (const name of [...places.keys()].filter((_, index) => index % 16 === 0))
      assert.deepEqual(pclntab.findIndexesByName(name), places.get(name), name);
    for (const name of ["", "main.mai", "ain.main", "main.main\0", "nothing.at.all"])
      assert.deepEqual(pclntab.findIndexesByName(name), [], JSON.stringify(name));
  });

  test(`go${version}: addresses find their function, from its entry to the next one's`, async () => {
    using binary = await openGoBinary(fixturePath("frames", version, "plain"));
    const { pclntab, moduledata } = binary;
    for (let index = 0; index < pclntab.functionCount; index++) {
      const entry = pclntab.entryOf(index);
      const next = index + 1 < pclntab.functionCount ? pclntab.entryOf(index + 1) : moduledata.maxpc;
      assert.equal(pclntab.findIndexByAddress(entry), index);
      assert.equal(pclntab.findIndexByAddress(virtualAddress(next - 1)), index);
    }
    for (const address of [0, moduledata.minpc - 1, moduledata.maxpc, Number.NaN])
      assert.equal(pclntab.findIndexByAddress(virtualAddress(address)), undefined);
  });

  test(`go${version}: special functions carry their flags`, async () => {
    using binary = await openGoBinary(fixturePath("frames", version, "stripped"));
    const { pclntab } = binary;
    const facts = (name: string) =>
      pclntab.findIndexesByName(name).map((index) => {
        const { assembly, wrapper, topFrame, writesStackPointer } = pclntab.function(index);
        return { assembly, wrapper, topFrame, writesStackPointer };
      });
    const plain = { assembly: false, wrapper: false, topFrame: false, writesStackPointer: false };
    assert.deepEqual(facts("main.main"), [plain]);
    assert.deepEqual(facts("main.labelled.Area"), [{ ...plain, wrapper: true }]);
    assert.deepEqual(facts("gogo"), [{ ...plain, assembly: true, writesStackPointer: true }]);
    assert.deepEqual(facts("runtime.goexit"), [{ ...plain, assembly: true, topFrame: true }]);
    assert.deepEqual(facts("runtime.memmove"), [{ ...plain, assembly: true }]);
  });
}
