/**
 * Where libraries are looked for: the linker's cache against ldconfig, the order of folders and of processor levels against
 * the linker, damaged caches.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FormatError } from "../../src/base/index.js";
import {
  LibrarySearch,
  type LibrarySeeker,
  parseLibraryCache,
  processorLevels,
  readProcessorLevels,
} from "../../src/process/index.js";
import { randomFrom } from "../binary/elf-fixtures.js";

const GLIBC_AMD64 = 0x303;
const LINKER = "/lib64/ld-linux-x86-64.so.2";

function put(bytes: Buffer, at: number, ...words: readonly number[]): void {
  for (const [index, word] of words.entries()) bytes.writeUInt32LE(word, at + 4 * index);
}

const ALL_LEVELS = ["x86-64-v4", "x86-64-v3", "x86-64-v2"];

/**
 * A cache of libraries of one name: two plain ones, one of another machine, one that asks for what glibc knew before levels,
 * and one for each of three levels, of which that for the second declares the third.
 */
function smallCache(): Buffer {
  const levels = ["x86-64-v2", "x86-64-v3", "x86-64-v4"];
  const paths = ["first", "second", "i386", "older", "v2", "v3", "v4"].map((folder) => `/${folder}/liba.so`);
  const texts = ["liba.so", ...paths, ...levels];
  const header = Buffer.alloc(48 + paths.length * 24);
  const places: number[] = [];
  let end = header.length;
  for (const text of texts) {
    places.push(end);
    end += text.length + 1;
  }
  header.write("glibc-ld.so.cache1.1", "latin1");
  put(header, 20, paths.length, end - header.length);
  put(header, 32, end);
  const demands = [[], [], [], [1, 0x40], [0, 0x40000000], [1, 0x40000003], [2, 0x40000000]];
  for (const [index, [low = 0, high = 0]] of demands.entries())
    put(header, 48 + 24 * index, index === 2 ? 3 : GLIBC_AMD64, places[0] ?? 0, places[1 + index] ?? 0, 0, low, high);
  const extensions = Buffer.alloc(8 + 2 * 16 + 4 * levels.length);
  put(extensions, 0, 0xeaa42174, 2, 0, 0, end, 0, 1, 0, end + 40, 4 * levels.length, ...places.slice(-levels.length));
  return Buffer.concat([header, Buffer.from(`${texts.join("\0")}\0`), extensions]);
}

describe("the linker's cache", () => {
  /** Paths by name, as ldconfig prints them for glibc's libraries of this machine that ask for `level`. */
  function printed(cache: string, level?: string): ReadonlyMap<string, readonly string[]> {
    const lines = execFileSync("/sbin/ldconfig", ["-C", cache, "-p"], { encoding: "utf8" }).split("\n");
    const found = new Map<string, string[]>();
    for (const line of lines) {
      const [, name, asked, path] =
        /^\t(\S+) \(libc6,x86-64(?:, hwcap: "(\S+)")?(?:, OS ABI: [^)]*)?\) => (\S+)$/.exec(line) ?? [];
      if (name !== undefined && path !== undefined && asked === level)
        found.set(name, [...(found.get(name) ?? []), path]);
    }
    return found;
  }

  it("has what ldconfig prints of it", () => {
    const expected = printed("/etc/ld.so.cache");
    assert.ok(expected.size > 20);
    assert.deepEqual(parseLibraryCache(readFileSync("/etc/ld.so.cache"), GLIBC_AMD64, []), expected);
  });

  it("has libraries for levels of processors before the plain ones, the highest first, as ldconfig stores them", () => {
    const folder = mkdtempSync(join(tmpdir(), "gospect-cache-"));
    try {
      writeFileSync(join(folder, "a.c"), "int a(void) { return 1; }");
      for (const level of ["", ...ALL_LEVELS.map((name) => `glibc-hwcaps/${name}`)]) {
        mkdirSync(join(folder, level), { recursive: true });
        const output = join(folder, level, "liba.so.1");
        execFileSync("cc", ["-shared", "-Wl,-soname,liba.so.1", "-o", output, join(folder, "a.c")]);
      }
      writeFileSync(join(folder, "conf"), folder);
      const cache = join(folder, "cache");
      execFileSync("/sbin/ldconfig", ["-X", "-C", cache, "-f", join(folder, "conf")]);
      const of = (level?: string) => printed(cache, level).get("liba.so.1") ?? [];
      const parse = (levels: readonly string[]) =>
        parseLibraryCache(readFileSync(cache), GLIBC_AMD64, levels).get("liba.so.1");
      assert.deepEqual(of("x86-64-v3"), [join(folder, "glibc-hwcaps/x86-64-v3/liba.so.1")]);
      for (const levels of [ALL_LEVELS, ALL_LEVELS.slice(1), ALL_LEVELS.slice(2), []])
        assert.deepEqual(parse(levels), [...levels.flatMap(of), ...of()]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("is read behind that of libc 5 too, and leaves out other machines and what the processor can't", () => {
    const expected = (...folders: readonly string[]) =>
      new Map([["liba.so", [...folders, "first", "second"].map((folder) => `/${folder}/liba.so`)]]);
    const cache = smallCache();
    assert.deepEqual(parseLibraryCache(cache, GLIBC_AMD64, []), expected());
    assert.deepEqual(parseLibraryCache(cache, GLIBC_AMD64, ALL_LEVELS), expected("v4", "v3", "v2"));
    assert.deepEqual(parseLibraryCache(cache, GLIBC_AMD64, ALL_LEVELS.slice(1)), expected("v2"));
    const old = Buffer.alloc(16 + 3 * 12 + 4);
    old.write("ld.so-1.7.0", "latin1");
    put(old, 12, 3);
    assert.deepEqual(parseLibraryCache(Buffer.concat([old, cache]), GLIBC_AMD64, []), expected());
  });

  it("is a value or an error when it is damaged", () => {
    const cache = smallCache();
    const random = randomFrom(11);
    let damaged = 0;
    const attempt = (bytes: Buffer): void => {
      try {
        parseLibraryCache(bytes, GLIBC_AMD64, ALL_LEVELS);
      } catch (error) {
        assert.ok(error instanceof FormatError, String(error));
        damaged++;
      }
    };
    for (let length = 0; length < cache.length; length++) attempt(cache.subarray(0, length));
    for (let round = 0; round < 2000; round++) {
      const copy = Buffer.from(cache);
      for (let count = 1 + random(3); count > 0; count--) copy[random(copy.length)] = random(256);
      attempt(copy);
    }
    assert.ok(damaged > cache.length, `${damaged}`);
  });
});

describe("folders of a library", () => {
  const seeker = (path: string, rpath: readonly string[], runpath?: readonly string[]): LibrarySeeker => ({
    path,
    rpath,
    runpath,
  });
  const none = "no-such-library.so";
  const usual = ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"];
  const search = new LibrarySearch("amd64", LINKER, [], []);
  const candidates = (...seekers: readonly LibrarySeeker[]) =>
    search.candidates(none, seekers).map((path) => path.slice(0, -none.length - 1));

  it("are rpaths of all who need it in turn, or the runpath of the one, then the usual ones", () => {
    const program = seeker("/opt/bin/main", ["/main", "$ORIGIN/../lib"]);
    assert.deepEqual(candidates(program), ["/main", "/opt/lib", ...usual]);
    assert.deepEqual(candidates(seeker("/opt/a.so", ["/a"]), program), ["/a", "/main", "/opt/lib", ...usual]);
    assert.deepEqual(candidates(seeker("/opt/a.so", ["/a"], ["/run"]), program), ["/run", ...usual]);
    assert.deepEqual(candidates(seeker("/opt/a.so", ["/a"]), seeker("/opt/main", ["/m"], ["/run"])), ["/a", ...usual]);
    assert.deepEqual(candidates(seeker("/x/main", [], ["$LIB", "/p/$PLATFORM"])), [
      "lib/x86_64-linux-gnu",
      "/p/x86_64",
      ...usual,
    ]);
  });

  it("each have some for levels of the processor, which are looked into before them", () => {
    const found = new LibrarySearch("amd64", LINKER, ["/given"], ["x86-64-v3", "x86-64-v2"]).candidates(none, [
      seeker("/bin/main", ["/rpath"]),
    ]);
    const inAll = (folder: string) => [
      ...["x86-64-v3", "x86-64-v2"].map((level) => `${folder}/glibc-hwcaps/${level}/${none}`),
      `${folder}/${none}`,
    ];
    assert.deepEqual(found, ["/rpath", "/given", ...usual].flatMap(inAll));
    const arm = new LibrarySearch("arm64", "/lib/ld-linux-aarch64.so.1", [], ALL_LEVELS);
    assert.ok(arm.candidates(none, [seeker("/bin/main", [])]).every((path) => !path.includes("glibc-hwcaps")));
  });

  it("play no part where the name is a path", () => {
    assert.deepEqual(search.candidates("$ORIGIN/x/liba.so", [seeker("/opt/main", ["/m"])]), ["/opt/x/liba.so"]);
    assert.deepEqual(search.candidates("liba.so", []), []);
  });

  it("are those of musl where that is the linker", () => {
    const musl = new LibrarySearch("amd64", "/lib/ld-musl-x86_64.so.1", [], ALL_LEVELS);
    const found = musl.candidates("libz.so.1", [seeker("/bin/main", [])]);
    if (existsSync("/etc/ld-musl-x86_64.path")) assert.ok(found.length > 0);
    else assert.deepEqual(found, ["/lib/libz.so.1", "/usr/local/lib/libz.so.1", "/usr/lib/libz.so.1"]);
  });
});

describe("levels of the processor", () => {
  it("are those that the linker says it searches, in its order", () => {
    const help = execFileSync(LINKER, ["--help"], { encoding: "utf8" });
    const searched = help.matchAll(/^ +(x86-64-v\d) \(supported, searched\)$/gm);
    assert.deepEqual(
      readProcessorLevels(),
      Array.from(searched, ([, level]) => level),
    );
  });

  it("each take all of the ones below, and what they add", () => {
    const second = "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3";
    const third = "avx avx2 bmi1 bmi2 f16c fma abm movbe";
    const fourth = "avx512f avx512bw avx512cd avx512dq avx512vl";
    const levels = (...flags: readonly string[]) =>
      processorLevels(`processor\t: 0\nflags\t\t: fpu ${flags.join(" ")}\n`);
    assert.deepEqual(levels(second, third, fourth), ALL_LEVELS);
    assert.deepEqual(levels(second, third, "avx512f"), ["x86-64-v3", "x86-64-v2"]);
    assert.deepEqual(levels(second, fourth), ["x86-64-v2"]);
    assert.deepEqual(levels(third, fourth), []);
    assert.deepEqual(processorLevels("Features\t: fp asimd\n"), []);
  });
});
