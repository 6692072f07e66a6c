import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { FormatError } from "../../src/base/index.js";
import {
  type BuildInfo,
  findBuildInfo,
  findGnuBuildId,
  findGoBuildId,
  memorySource,
  openElf,
  openFileSource,
  openGoBinary,
  openGoSource,
  parseGoVersion,
  parseNotes,
} from "../../src/binary/index.js";
import { buildElfFixtures, type ElfFixtures, run } from "./elf-fixtures.js";

let fixtures: ElfFixtures;
before(() => {
  fixtures = buildElfFixtures();
});
after(() => fixtures[Symbol.dispose]());

/** As `go version -m` prints it, dependencies left out; settings are unquoted. */
const buildInfoLines = (path: string, info: BuildInfo): readonly string[] => [
  `${path}: ${info.goVersion}`,
  `\tpath\t${info.path}`,
  ...(info.mainModule === undefined ? [] : [`\tmod\t${info.mainModule.path}\t${info.mainModule.version}\t`]),
  ...[...info.settings].map(([key, value]) => `\tbuild\t${key}=${value}`),
];

const goVersionLines = (path: string): readonly string[] =>
  run("go", "version", "-m", path)
    .trimEnd()
    .split("\n")
    .filter((line) => !/^\t(dep|=>)\t/.test(line))
    .map((line) => line.replace(/="(.*)"$/, (_, quoted: string) => `=${JSON.parse(`"${quoted}"`)}`));

/** The build info section with the pointer form of Go before 1.18, in which header and strings are apart. */
function withPointerForm(bytes: Buffer, at: number, address: number, version: string, modules: string): void {
  const strings = [version, `${"m".repeat(16)}${modules}${"m".repeat(16)}`];
  bytes.writeUInt8(8, at + 14);
  bytes.writeUInt8(0, at + 15);
  let free = 32;
  strings.forEach((text, index) => {
    bytes.writeBigUInt64LE(BigInt(address + free), at + 16 + index * 8);
    bytes.writeBigUInt64LE(BigInt(address + free + 16), at + free);
    bytes.writeBigUInt64LE(BigInt(text.length), at + free + 8);
    bytes.write(text, at + free + 16, "latin1");
    free += 16 + text.length;
  });
}

describe("build info", () => {
  it("is what go version -m prints", async () => {
    const goFiles = fixtures.all.filter((path) => !/bash|libc/.test(path));
    assert.ok(goFiles.length >= 4);
    for (const path of goFiles) {
      using binary = await openGoBinary(path);
      assert.deepEqual(buildInfoLines(path, binary.buildInfo), goVersionLines(path));
    }
  });

  it("is found without section headers", async () => {
    for (const path of [fixtures.plain, fixtures.positionIndependent]) {
      using whole = await openGoBinary(path);
      const bytes = readFileSync(path);
      bytes.writeBigUInt64LE(0n, 0x28);
      bytes.writeUInt32LE(0, 0x3c);
      using bare = await openGoSource(memorySource(path, bytes));
      assert.deepEqual(bare.buildInfo, whole.buildInfo);
      assert.equal(bare.goBuildId, whole.goBuildId);
    }
  });

  it("of Go before 1.18 is read through its pointers", async () => {
    const bytes = readFileSync(fixtures.plain);
    const { virtualAddress, fileOffset } = (await openElf(memorySource("x", bytes))).findSection(".go.buildinfo") ?? {};
    assert.ok(virtualAddress !== undefined && fileOffset !== undefined);
    withPointerForm(
      bytes,
      fileOffset,
      virtualAddress,
      "go1.16.15",
      "path\texample.com/old\nmod\texample.com/old\tv1.2.3\t\n",
    );
    assert.deepEqual(findBuildInfo(await openElf(memorySource("x", bytes))), {
      goVersion: "go1.16.15",
      path: "example.com/old",
      mainModule: { path: "example.com/old", version: "v1.2.3" },
      settings: new Map(),
    });
    bytes.writeBigUInt64LE(1n << 40n, fileOffset + 16);
    const damaged = await openElf(memorySource("x", bytes));
    assert.throws(() => findBuildInfo(damaged), FormatError);
  });

  it("is absent from C programs", async () => {
    using source = openFileSource("/bin/bash");
    assert.equal(findBuildInfo(await openElf(source)), undefined);
    await assert.rejects(openGoBinary("/bin/bash"), { code: "not-go", message: "/bin/bash: not a Go program" });
  });
});

describe("go versions", () => {
  const parsed: readonly (readonly [string, readonly [number, number] | undefined])[] = [
    ["go1.27.4", [1, 27]],
    ["go1.18", [1, 18]],
    ["go1.22.1 X:rangefunc,boringcrypto", [1, 22]],
    ["go1.21rc3", [1, 21]],
    ["go1.19beta1", [1, 19]],
    ["go1.20.12 (Red Hat 1.20.12-1.el9)", [1, 20]],
    ["devel go1.28-3c4f82b1d2 Thu Nov 5 10:11:12 2026 +0000", [1, 28]],
    ["go1.28-devel_3c4f82b1d2 Thu Nov 5", [1, 28]],
    ["devel +3c4f82b1d2 Thu Nov 5", undefined],
    ["go1", undefined],
    ["cargo1.20", undefined],
    ["", undefined],
  ];
  for (const [text, numbers] of parsed)
    it(`"${text}" is ${numbers?.join(".") ?? "no release"}`, () => {
      const expected = numbers === undefined ? undefined : { text, major: numbers[0], minor: numbers[1] };
      assert.deepEqual(parseGoVersion(text), expected);
    });
});

describe("build ids", () => {
  it("are what readelf and go tool buildid print", async () => {
    for (const path of fixtures.all) {
      using source = openFileSource(path);
      const elf = await openElf(source);
      assert.equal(findGnuBuildId(elf), /Build ID: ([0-9a-f]+)/.exec(run("readelf", "-nW", path))?.[1], path);
      if (/bash|libc/.test(path)) assert.equal(findGoBuildId(elf), undefined);
      else assert.equal(findGoBuildId(elf), run("go", "tool", "buildid", path).trimEnd(), path);
    }
  });

  it("and other notes are bounded by their section", () => {
    const note = Buffer.alloc(24);
    note.writeUInt32LE(4, 0);
    note.writeUInt32LE(5, 4);
    note.writeUInt32LE(3, 8);
    note.write("GNU\0hello", 12, "latin1");
    assert.deepEqual(parseNotes(note, "notes", 4), [{ owner: "GNU", type: 3, description: Buffer.from("hello") }]);
    assert.throws(() => parseNotes(note.subarray(0, 20), "notes", 4), FormatError);
    note.writeUInt32LE(0xffffffff, 0);
    assert.throws(() => parseNotes(note, "notes", 4), FormatError);
  });
});
