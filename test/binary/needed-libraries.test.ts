/** What a file is linked to, against readelf: programs and libraries of the system, one with paths, and damaged ones. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ProfilerError } from "../../src/base/index.js";
import { type ElfFile, memorySource, openCodeFile, openElf, readLinkedLibraries } from "../../src/binary/index.js";
import { fixturePath } from "../fixture.js";
import { randomFrom, run } from "./elf-fixtures.js";

let folder = "";
let library = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "gospect-needed-"));
  library = join(folder, "library.so");
  writeFileSync(join(folder, "source.c"), "int one(void) { return 1; }");
  const options = ["-shared", "-fPIC", "-Wl,-soname,libone.so.1", "-Wl,-rpath,/first:$ORIGIN/second"];
  execFileSync("cc", [...options, "-Wl,--no-as-needed", "-lm", "-o", library, "source.c"], { cwd: folder });
});
after(() => rmSync(folder, { recursive: true }));

/** The same, as readelf prints it. */
function expected(path: string): ReturnType<typeof readLinkedLibraries> & { readonly entryPoint: number } {
  const text = run("readelf", "-dlhW", path);
  const all = (form: RegExp): readonly string[] => [...text.matchAll(form)].map(([, value = ""]) => value);
  return {
    needed: all(/\(NEEDED\) +Shared library: \[(.*)\]/g),
    soname: all(/\(SONAME\) +Library soname: \[(.*)\]/g)[0],
    rpath: all(/\(RPATH\) +Library rpath: \[(.*)\]/g)[0]?.split(":") ?? [],
    runpath: all(/\(RUNPATH\) +Library runpath: \[(.*)\]/g)[0]?.split(":"),
    interpreter: all(/Requesting program interpreter: (.*)\]/g)[0],
    entryPoint: Number(all(/Entry point address: +(0x[0-9a-f]+)/g)[0]),
  };
}

const actual = (elf: ElfFile): ReturnType<typeof expected> => ({
  ...readLinkedLibraries(elf),
  entryPoint: elf.entryPoint,
});

describe("what a file is linked to", () => {
  it("is what readelf prints", async () => {
    const paths = [
      library,
      "/bin/bash",
      process.execPath,
      "/lib/x86_64-linux-gnu/libc.so.6",
      "/lib64/ld-linux-x86-64.so.2",
      fixturePath("cgo", "1.27", "external"),
      fixturePath("cgo", "1.27", "static"),
    ];
    for (const path of paths) {
      const { elf } = await openCodeFile(path);
      using _source = elf.source;
      assert.deepEqual(actual(elf), expected(path), path);
    }
    assert.deepEqual(expected(library).runpath, ["/first", "$ORIGIN/second"]);
  });

  it("is a value or an error where the file is damaged", async () => {
    const bytes = readFileSync(library);
    const { segments, sections } = await openElf(memorySource(library, Buffer.from(bytes)));
    const dynamic = segments.find(({ type }) => type === "dynamic") ?? assert.fail();
    const strings = sections.find(({ name }) => name === ".dynstr") ?? assert.fail();
    const ranges = [
      { fileOffset: dynamic.fileOffset, size: dynamic.fileSize },
      { fileOffset: 64, size: segments.length * 56 },
      strings,
    ];
    const random = randomFrom(17);
    const outcomes = { values: 0, errors: 0 };
    for (let round = 0; round < 600; round++) {
      const { fileOffset, size } = ranges[round % ranges.length] ?? assert.fail();
      const copy = Buffer.from(bytes);
      for (let count = 1 + random(3); count > 0; count--) copy[fileOffset + random(size)] = random(256);
      try {
        actual(await openElf(memorySource("damaged", copy)));
        outcomes.values++;
      } catch (error) {
        assert.ok(error instanceof ProfilerError, String(error));
        outcomes.errors++;
      }
    }
    assert.ok(outcomes.values > 50 && outcomes.errors > 20, JSON.stringify(outcomes));
  });
});
