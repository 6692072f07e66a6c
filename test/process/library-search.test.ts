/** Where libraries are looked for: the linker's cache against ldconfig, the order of folders, damaged caches. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { FormatError } from "../../src/base/index.js";
import { LibrarySearch, type LibrarySeeker, parseLibraryCache } from "../../src/process/index.js";
import { randomFrom } from "../binary/elf-fixtures.js";

const GLIBC_AMD64 = 0x303;
const LINKER = "/lib64/ld-linux-x86-64.so.2";

function put(bytes: Buffer, at: number, ...words: readonly number[]): void {
  for (const [index, word] of words.entries()) bytes.writeUInt32LE(word, at + 4 * index);
}

/** A cache of two libraries of one name, one of another machine, one for newer processors. */
function smallCache(): Buffer {
  const texts = ["liba.so", "/first/liba.so", "/second/liba.so", "/i386/liba.so", "/v3/liba.so"];
  const header = Buffer.alloc(48 + 4 * 24);
  header.write("glibc-ld.so.cache1.1", "latin1");
  const places: number[] = [];
  let end = header.length;
  for (const text of texts) {
    places.push(end);
    end += text.length + 1;
  }
  put(header, 20, 4, end - header.length);
  const [name = 0, first = 0, second = 0, other = 0, newer = 0] = places;
  put(header, 48, GLIBC_AMD64, name, first, 0, 0, 0);
  put(header, 72, GLIBC_AMD64, name, second, 0, 0, 0);
  put(header, 96, 3, name, other, 0, 0, 0);
  put(header, 120, GLIBC_AMD64, name, newer, 0, 1, 0x40000000);
  return Buffer.concat([header, Buffer.from(`${texts.join("\0")}\0`)]);
}

describe("the linker's cache", () => {
  it("has what ldconfig prints of it", () => {
    const lines = execFileSync("/sbin/ldconfig", ["-p"], { encoding: "utf8" }).split("\n");
    const expected = new Map<string, string[]>();
    for (const line of lines) {
      const [, name, path] = /^\t(\S+) \(libc6,x86-64(?:, OS ABI: [^)]*)?\) => (\S+)$/.exec(line) ?? [];
      if (name !== undefined && path !== undefined) expected.set(name, [...(expected.get(name) ?? []), path]);
    }
    assert.ok(expected.size > 20);
    assert.deepEqual(parseLibraryCache(readFileSync("/etc/ld.so.cache"), GLIBC_AMD64), expected);
  });

  it("is read behind that of libc 5 too, and leaves out other machines and newer processors", () => {
    const expected = new Map([["liba.so", ["/first/liba.so", "/second/liba.so"]]]);
    const cache = smallCache();
    assert.deepEqual(parseLibraryCache(cache, GLIBC_AMD64), expected);
    const old = Buffer.alloc(16 + 3 * 12 + 4);
    old.write("ld.so-1.7.0", "latin1");
    put(old, 12, 3);
    assert.deepEqual(parseLibraryCache(Buffer.concat([old, cache]), GLIBC_AMD64), expected);
  });

  it("is a value or an error when it is damaged", () => {
    const cache = smallCache();
    const random = randomFrom(11);
    let damaged = 0;
    const attempt = (bytes: Buffer): void => {
      try {
        parseLibraryCache(bytes, GLIBC_AMD64);
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
  const search = new LibrarySearch("amd64", LINKER);
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

  it("play no part where the name is a path", () => {
    assert.deepEqual(search.candidates("$ORIGIN/x/liba.so", [seeker("/opt/main", ["/m"])]), ["/opt/x/liba.so"]);
    assert.deepEqual(search.candidates("liba.so", []), []);
  });

  it("are those of musl where that is the linker", () => {
    const musl = new LibrarySearch("amd64", "/lib/ld-musl-x86_64.so.1");
    const found = musl.candidates("libz.so.1", [seeker("/bin/main", [])]);
    if (existsSync("/etc/ld-musl-x86_64.path")) assert.ok(found.length > 0);
    else assert.deepEqual(found, ["/lib/libz.so.1", "/usr/local/lib/libz.so.1", "/usr/lib/libz.so.1"]);
  });
});
