/** Checked-in files that a tool writes are what the tool would write now. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

test("src/abi/generated.ts is what bpf/abi.h says; `make generate` rewrites it", () => {
  assert.equal(readFileSync("src/abi/generated.ts", "utf8"), readFileSync("build/abi/generated.ts", "utf8"));
});

test("package-lock.json names versions and hashes, no registry", () => {
  const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as {
    packages: Record<string, { version?: string; integrity?: string; resolved?: string }>;
  };
  const installed = Object.entries(lock.packages).filter(([path]) => path !== "");
  assert.ok(installed.length > 0);
  for (const [path, { version, integrity, resolved }] of installed) {
    assert.match(version ?? "", /^\d/, path);
    assert.match(integrity ?? "", /^sha512-/, path);
    assert.equal(resolved, undefined, path);
  }
});
