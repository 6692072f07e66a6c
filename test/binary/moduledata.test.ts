/** Moduledata against the linker's own symbols, and found where nothing but its bytes leads to it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { FormatError, UnmeasurableError } from "../../src/base/index.js";
import { type GoTables, type GoVersion, memorySource, openElf, readGoTables } from "../../src/binary/index.js";
import { type GoVersion as FixtureVersion, fixturePath, goCommand, goVersions } from "../fixture.js";

const versionOf = (minor: number): GoVersion => ({ text: `go1.${minor}`, major: 1, minor });
const minorOf = (version: FixtureVersion): number => Number(version.slice(2));

async function readTables(bytes: Buffer, minor: number): Promise<GoTables> {
  return readGoTables(await openElf(memorySource("program", bytes)), versionOf(minor));
}

/** Everything about every function, to compare two readings of one program. */
function summary({ pclntab, moduledata }: GoTables) {
  const functions = Array.from({ length: pclntab.functionCount }, (_, index) => {
    return [pclntab.nameOf(index), pclntab.entryOf(index), pclntab.endOf(index)].join(" ");
  });
  return { moduledata, functions, inlined: pclntab.inlinedCopyCounts() };
}

/** Addresses of symbols, as `go tool nm` has them. */
function nmAddresses(version: FixtureVersion, path: string): ReadonlyMap<string, number> {
  const text = execFileSync(goCommand(version), ["tool", "nm", path], { encoding: "utf8", maxBuffer: 2 ** 28 });
  return new Map(
    text.split("\n").flatMap((line) => {
      const [, address, name] = /^ *([0-9a-f]+) \w (.*)$/.exec(line) ?? [];
      return address === undefined || name === undefined ? [] : [[name, Number.parseInt(address, 16)]];
    }),
  );
}

/** File positions of the ELF header's fields for section headers. */
const SECTION_HEADER_OFFSET = 0x28;
const SECTION_HEADER_COUNT = 0x3c;

function withoutSectionHeaders(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeBigUInt64LE(0n, SECTION_HEADER_OFFSET);
  copy.fill(0, SECTION_HEADER_COUNT, SECTION_HEADER_COUNT + 4);
  return copy;
}

/** The program as another linker would leave it: zeros wherever the loader will write an address. */
async function withoutRelocatedValues(bytes: Buffer): Promise<{ readonly bytes: Buffer; readonly cleared: number }> {
  const copy = Buffer.from(bytes);
  const elf = await openElf(memorySource("program", bytes));
  const section = elf.findSection(".rela") ?? elf.findSection(".rela.dyn");
  assert.ok(section !== undefined);
  const table = elf.sectionData(section);
  let cleared = 0;
  for (let at = 0; at < table.length; at += 24) {
    if (table.readUInt32LE(at + 8) !== 8) continue;
    const place = Number(table.readBigUInt64LE(at));
    const segment = elf.loads.find(
      (each) => place >= each.virtualAddress && place < each.virtualAddress + each.fileSize,
    );
    assert.ok(segment !== undefined);
    copy.writeBigUInt64LE(0n, segment.fileOffset + place - segment.virtualAddress);
    cleared++;
  }
  return { bytes: copy, cleared };
}

for (const version of goVersions) {
  const minor = minorOf(version);

  for (const mode of ["plain", "pie"] as const) {
    test(`go${version} ${mode}: fields are the linker's symbols`, async () => {
      const path = fixturePath("frames", version, mode);
      const { moduledata } = await readTables(readFileSync(path), minor);
      const symbols = nmAddresses(version, path);
      const address = (name: string) => symbols.get(name);
      assert.deepEqual(
        {
          address: moduledata.address,
          text: moduledata.text,
          etext: moduledata.etext,
          noptrdata: moduledata.noptrdata,
          enoptrdata: moduledata.enoptrdata,
          data: moduledata.data,
          edata: moduledata.edata,
          bss: moduledata.bss,
          ebss: moduledata.ebss,
          noptrbss: moduledata.noptrbss,
          enoptrbss: moduledata.enoptrbss,
          types: moduledata.types,
          etypes: moduledata.etypes,
          rodata: moduledata.rodata,
          gofunc: moduledata.gofunc,
        },
        {
          address: address("runtime.firstmoduledata"),
          text: address("runtime.text"),
          etext: address("runtime.etext"),
          noptrdata: address("runtime.noptrdata"),
          enoptrdata: address("runtime.enoptrdata"),
          data: address("runtime.data"),
          edata: address("runtime.edata"),
          bss: address("runtime.bss"),
          ebss: address("runtime.ebss"),
          noptrbss: address("runtime.noptrbss"),
          enoptrbss: address("runtime.enoptrbss"),
          types: address("runtime.types"),
          etypes: address("runtime.etypes"),
          rodata: address("runtime.rodata"),
          gofunc: address(version === "1.19" ? "go.func.*" : "go:func.*"),
        },
      );
    });

    test(`go${version} ${mode}: found without section headers`, async () => {
      const bytes = readFileSync(fixturePath("frames", version, mode));
      assert.deepEqual(
        summary(await readTables(withoutSectionHeaders(bytes), minor)),
        summary(await readTables(bytes, minor)),
      );
    });
  }

  test(`go${version}: pointers that only relocations hold`, async () => {
    const bytes = readFileSync(fixturePath("frames", version, "pie"));
    const expected = summary(await readTables(bytes, minor));
    const zeroed = await withoutRelocatedValues(bytes);
    assert.ok(zeroed.cleared > 1000);
    assert.deepEqual(summary(await readTables(zeroed.bytes, minor)), expected);
    assert.deepEqual(summary(await readTables(withoutSectionHeaders(zeroed.bytes), minor)), expected);
  });

  test(`go${version}: the right layout is found when the version is unknown`, async () => {
    const bytes = readFileSync(fixturePath("frames", version, "stripped"));
    assert.deepEqual((await readTables(bytes, 99)).moduledata, (await readTables(bytes, minor)).moduledata);
  });

  test(`go${version}: a text base that disagrees with the function table is refused`, async () => {
    const bytes = readFileSync(fixturePath("frames", version, "plain"));
    const { moduledata } = await readTables(bytes, minor);
    const elf = await openElf(memorySource("program", bytes));
    const segment = elf.findLoad(moduledata.address);
    assert.ok(segment !== undefined);
    // minpc, maxpc and text are words 20, 21 and 22.
    for (const word of [20, 21, 22]) {
      const moved = Buffer.from(bytes);
      const at = segment.fileOffset + moduledata.address - segment.virtualAddress + word * 8;
      moved.writeBigUInt64LE(moved.readBigUInt64LE(at) + 16n, at);
      await assert.rejects(readTables(moved, minor), FormatError);
    }
  });
}

test("a program without pclntab is refused as such", async () => {
  const bytes = readFileSync(process.execPath);
  await assert.rejects(
    readTables(bytes, 22),
    (error) => error instanceof UnmeasurableError && error.code === "no-pclntab",
  );
});
