/** Functions and lines of a binary against `go tool nm` and `go tool addr2line`: all of them. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { hex, virtualAddress } from "../../src/base/index.js";
import { type GoBinary, openGoBinary } from "../../src/binary/index.js";
import { type GoVersion, goCommand } from "../fixture.js";

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

/** Names, addresses and sizes are those of `go tool nm`. Returns how many functions there are. */
export async function compareFunctions(path: string, version: GoVersion): Promise<number> {
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
  assert.deepEqual(ours.sort(byText), theirs.sort(byText));
  return ours.length;
}

/** Every function of a stripped program is that of its unstripped twin. */
export async function compareStripped(stripped: string, twin: string): Promise<void> {
  using binary = await openGoBinary(stripped);
  using original = await openGoBinary(twin);
  const all = ({ pclntab }: GoBinary) =>
    Array.from({ length: pclntab.functionCount }, (_, index) => pclntab.function(index));
  assert.equal(binary.elfSymbols().length, 0);
  assert.deepEqual(all(binary), all(original));
}

/**
 * How far behind the start of `.text` the Go text begins, which is where a C compiler's code stands. Without symbols
 * addr2line takes the one for the other.
 */
function textShift(binary: GoBinary): number {
  const { elf, moduledata } = binary;
  if (binary.elfSymbols().length > 0) return 0;
  const section = elf.findSection(".text");
  assert.ok(section !== undefined);
  return moduledata.text - section.virtualAddress;
}

/** Compares function, file and line at the first, middle and last byte of every function. */
export async function compareLines(path: string): Promise<void> {
  using binary = await openGoBinary(path);
  const { pclntab } = binary;
  const shift = textShift(binary);
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
