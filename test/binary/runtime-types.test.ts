/** Run-time types of damaged programs, and the release of programs without build info. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { FormatError } from "../../src/base/index.js";
import {
  type GoBinary,
  type GoType,
  memorySource,
  openElf,
  openGoBinary,
  openGoSource,
} from "../../src/binary/index.js";
import { findRuntimeVersion } from "../../src/binary/runtime-version.js";
import { checkout, everyGoVersion, fixturePath, goVersions } from "../fixture.js";

/** Looks at a type and at what it leads to, as far as a list or an expression would. */
function visit(type: GoType, depth: number): void {
  if (depth === 0) return;
  assert.ok(type.size >= 0 && type.name.length < 2 ** 17);
  switch (type.kind) {
    case "struct":
      for (const field of type.fields.slice(0, 100)) visit(field.type, depth - 1);
      break;
    case "pointer":
      visit(type.target(), depth - 1);
      break;
    case "slice":
    case "array":
    case "chan":
      visit(type.element(), depth - 1);
      break;
    case "map":
      visit(type.key(), depth - 1);
      visit(type.element(), depth - 1);
      break;
    default:
      break;
  }
}

interface Tally {
  values: number;
  damaged: number;
}

function attempt(tally: Tally, ask: () => unknown): void {
  try {
    if (ask() !== undefined) tally.values++;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    tally.damaged++;
  }
}

/** Asks for every function's signature and goes through its types. */
function askForAll(binary: GoBinary, tally: Tally): void {
  const { pclntab } = binary;
  for (let index = 0; index < pclntab.functionCount; index++) {
    attempt(tally, () => {
      const signature = binary.runtimeTypes()?.findSignature(pclntab.entryOf(index), pclntab.nameOf(index));
      for (const { type } of [...(signature?.parameters ?? []), ...(signature?.results ?? [])]) visit(type, 4);
      return signature;
    });
  }
}

/** The same numbers in every run. */
function* pseudoRandom(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

const RUNS = 50;
const WORDS = [0, 1, 0xff, 0x7fffffff, 0xffffffff, 0x8000, 0x80808080];

for (const version of goVersions) {
  test(`damaged type data of Go ${version}: values or FormatErrors`, async () => {
    const path = fixturePath("truth", version, "stripped");
    const original = readFileSync(path);
    const tally: Tally = { values: 0, damaged: 0 };
    using intact = await openGoSource(memorySource(path, original));
    askForAll(intact, tally);
    assert.ok(tally.values > 150 && tally.damaged === 0);
    const { types, etypes, typeLinks, itabLinks } = intact.moduledata;
    assert.ok(types !== undefined && etypes !== undefined && typeLinks !== undefined && itabLinks !== undefined);
    const all = { address: types, size: etypes - types };
    const ranges = [...Array.from({ length: 10 }, () => all), typeLinks.range, itabLinks.range];
    const random = pseudoRandom(Number(version.slice(2)));
    const choose = (count: number): number => Math.floor(random.next().value * count);
    for (let run = 0; run < RUNS; run++) {
      const bytes = Buffer.from(original);
      for (let change = 0; change < 4 ** (run % 5); change++) {
        const range = ranges[choose(ranges.length)];
        const segment = intact.elf.findLoad(range?.address ?? types);
        assert.ok(range !== undefined && segment !== undefined);
        const at = segment.fileOffset + range.address - segment.virtualAddress + 4 * choose(range.size / 4 - 1);
        const word = choose(2) === 0 ? WORDS[choose(WORDS.length)] : bytes.readUInt32LE(at) + 8 * (choose(64) - 32);
        bytes.writeUInt32LE((word ?? 0) >>> 0, at);
      }
      using binary = await openGoSource(memorySource(path, bytes));
      askForAll(binary, tally);
    }
    assert.ok(tally.damaged > 100 && tally.values > 1000, `${tally.damaged} damaged, ${tally.values} values`);
  });
}

test("the release is found without build info", async () => {
  const found: string[] = [];
  const expected: string[] = [];
  for (const version of everyGoVersion) {
    for (const mode of ["plain", "pie-stripped"] as const) {
      const path = fixturePath("truth", version, mode);
      const bytes = readFileSync(path);
      using intact = await openGoSource(memorySource(path, bytes));
      const elf = await openElf(memorySource(path, bytes));
      found.push(`${mode} ${findRuntimeVersion(elf)}`);
      expected.push(`${mode} ${intact.version.text}`);
    }
  }
  assert.deepEqual(found, expected);
});

test("esbuild from npm has no build info, and is opened", async () => {
  using binary = await openGoBinary(`${checkout}node_modules/@esbuild/linux-x64/bin/esbuild`);
  assert.equal(binary.elf.findSection(".go.buildinfo"), undefined);
  assert.deepEqual(
    { major: binary.version.major, settings: binary.buildInfo.settings.size, path: binary.buildInfo.path },
    { major: 1, settings: 0, path: "" },
  );
  assert.ok(binary.version.minor >= 17 && binary.pclntab.functionCount > 5000);
});
