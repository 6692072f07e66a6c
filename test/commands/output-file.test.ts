import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { RunError } from "../../src/base/index.js";
import { OutputFile } from "../../src/commands/output-file.js";

const folder = mkdtempSync(join(tmpdir(), "gospect-output-"));
after(() => rmSync(folder, { recursive: true }));

test("a new file appears with its contents, or not at all", () => {
  const path = join(folder, "new");
  OutputFile.open(path)[Symbol.dispose]();
  assert.equal(existsSync(path), false);
  using file = OutputFile.open(path);
  file.finish("results\n");
  assert.equal(readFileSync(path, "utf8"), "results\n");
});

test("an old file keeps its contents until there are new ones", () => {
  const path = join(folder, "old");
  writeFileSync(path, "what stood there before\n");
  {
    using unused = OutputFile.open(path);
    assert.equal(unused.path, path);
  }
  assert.equal(readFileSync(path, "utf8"), "what stood there before\n");
  OutputFile.open(path).finish(Buffer.from("new\n"));
  assert.equal(readFileSync(path, "utf8"), "new\n");
});

test("a device is written to as it is", () => {
  using file = OutputFile.open("/dev/null");
  file.finish("gone");
  assert.ok(existsSync("/dev/null"));
});

test("a path that cannot be written is refused at once", () => {
  for (const [path, reason] of [
    [join(folder, "no", "such", "folder"), "ENOENT"],
    [folder, "EISDIR"],
  ] as const) {
    assert.throws(
      () => OutputFile.open(path),
      (error) =>
        error instanceof RunError &&
        error.code === "output-not-writable" &&
        error.message === `cannot write ${path}: ${reason}` &&
        error.hint === "choose another file with --output",
    );
  }
});

test("a disk that is full is said so", () => {
  assert.throws(() => OutputFile.open("/dev/full").finish("x"), /^RunError: cannot write \/dev\/full: ENOSPC$/);
});
