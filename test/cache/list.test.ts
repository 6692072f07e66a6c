/** Whole lists of the program as it ships: the same with and without what was kept, whatever happened to that. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fixturePath } from "../fixture.js";

const scratch = mkdtempSync(join(tmpdir(), "gospect-cache-list-"));
after(() => rmSync(scratch, { recursive: true }));

const MAIN = "build/bundle/cli/main.js";
const FORMAT_BYTES = Buffer.byteLength("gospect answer 1\n");
const DIGEST_BYTES = 32;

function list(file: string, ...options: readonly string[]): string {
  return execFileSync(process.execPath, [MAIN, "list", "-e", file, ...options], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    env: { PATH: process.env["PATH"], XDG_CACHE_HOME: scratch },
  });
}

const entries = (): readonly string[] =>
  readdirSync(join(scratch, "gospect", "answers")).map((name) => join(scratch, "gospect", "answers", name));

/** The file of what `make` leaves in the cache. */
function entryOf(make: () => void): string {
  const before = new Set(entries());
  make();
  const [entry, ...more] = entries().filter((path) => !before.has(path));
  assert.ok(entry !== undefined && more.length === 0);
  return entry;
}

/** The same answer but for its last byte, as whoever kept it would have written it. */
function forge(entry: string): void {
  const bytes = readFileSync(entry);
  bytes.write("!", bytes.length - 1);
  const rest = bytes.subarray(FORMAT_BYTES + DIGEST_BYTES);
  createHash("sha256").update(rest).digest().copy(bytes, FORMAT_BYTES);
  writeFileSync(entry, bytes);
}

test("a list is the same without a cache, when it is kept and when it was kept", () => {
  for (const [version, mode] of [
    ["1.27", "plain"],
    ["1.27", "pie-stripped"],
    ["1.19", "stripped"],
  ] as const) {
    const file = fixturePath("store", version, mode);
    for (const options of [[], ["--json"], ["--verbose"]]) {
      const truth = list(file, "--no-cache", ...options);
      assert.equal(list(file, ...options), truth);
      assert.equal(list(file, ...options), truth);
    }
  }
  assert.equal(entries().length, 9);
});

test("what was kept is what is printed, unless it is not to be used", () => {
  const file = fixturePath("truth", "1.27", "plain");
  const truth = list(file, "--no-cache");
  forge(entryOf(() => list(file)));
  assert.equal(list(file), `${truth.slice(0, -1)}!`);
  assert.equal(list(file, "--no-cache"), truth);
});

test("a damaged list is made anew", () => {
  const file = fixturePath("busy", "1.27", "plain");
  const truth = list(file, "--no-cache");
  const entry = entryOf(() => list(file));
  const whole = readFileSync(entry);
  const middle = Buffer.from(whole);
  middle.writeUInt8(middle.readUInt8(whole.length >> 1) ^ 1, whole.length >> 1);
  for (const damaged of [Buffer.alloc(0), whole.subarray(0, 100), whole.subarray(0, whole.length - 1), middle]) {
    writeFileSync(entry, damaged);
    assert.equal(list(file), truth);
    assert.deepEqual(readFileSync(entry), whole);
  }
});

test("another file of the same name, size, time and build id has a list of its own", () => {
  const file = join(scratch, "program");
  copyFileSync(fixturePath("store", "1.27", "stripped"), file);
  const { atime, mtime } = statSync(file);
  const first = list(file);
  const bytes = readFileSync(file);
  const name = Buffer.from("\0main.main\0");
  const at = bytes.indexOf(name);
  assert.ok(at > 0);
  bytes.write("main.maim", at + 1);
  writeFileSync(file, bytes);
  utimesSync(file, atime, mtime);
  const second = list(file);
  assert.equal(second, list(file, "--no-cache"));
  assert.notEqual(second, first);
});
