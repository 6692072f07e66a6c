/**
 * Whole outputs compared with files of this folder. `make golden` (GOSPECT_GOLDEN=write) rewrites them from what the
 * program prints now; a person reads the diff.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";

/** From build/test/golden/ to the sources' test/golden/. */
const fileOf = (name: string): URL => new URL(`../../../test/golden/${name}`, import.meta.url);

export function assertGolden(name: string, actual: string): void {
  if (process.env["GOSPECT_GOLDEN"] === "write") writeFileSync(fileOf(name), actual);
  assert.equal(actual, readFileSync(fileOf(name), "utf8"), `differs from test/golden/${name}`);
}
