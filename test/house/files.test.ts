/** Checked-in files are what the tools that write or check them want them to be. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";

test("biome finds nothing to format or to complain about", () => {
  const { status, stdout, stderr } = spawnSync("node_modules/.bin/biome", ["check", "--error-on-warnings"], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stdout + stderr);
});

test("src/abi/generated.ts is what bpf/abi.h says; `make generate` rewrites it", () => {
  assert.equal(readFileSync("src/abi/generated.ts", "utf8"), readFileSync("build/abi/generated.ts", "utf8"));
});

test("package-lock.json names versions and hashes, no registry", () => {
  const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as {
    packages: Record<string, { version?: string; integrity?: string; resolved?: string; optional?: boolean }>;
  };
  const installed = Object.entries(lock.packages).filter(([path]) => path !== "");
  assert.ok(installed.length > 0);
  for (const [path, { version, integrity, resolved, optional }] of installed) {
    assert.match(version ?? "", /^\d/, path);
    // A binary for another platform need not be known to the registry that the file was made with.
    if (optional !== true) assert.match(integrity ?? "", /^sha512-/, path);
    assert.equal(resolved, undefined, path);
  }
});

test("package-lock.json knows every optional package, so that npm ci takes it as complete", () => {
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>;
  };
  const wanted = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
  assert.ok(wanted.length > 0);
  assert.deepEqual(
    wanted.filter((name) => packages[`node_modules/${name}`] === undefined),
    [],
  );
});
