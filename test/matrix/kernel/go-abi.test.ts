/**
 * Go's own programs that check its calling convention (test/abi of its source), measured from their first instruction:
 * they still pass, print what they always print, and every call of theirs has an end.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { checkout, everyGoVersion } from "../../fixture.js";
import { gospect, histOf } from "../../kernel/cli.js";
import { withoutKernel } from "../../kernel/measuring.js";
import { isFull } from "../builds.js";

/** Hundreds of millions of calls: of these main.main is measured, around all the others. */
const ENDLESS = new Set(["fibish", "fibish_closure", "uglyfib"]);

for (const version of isFull ? everyGoVersion : (["1.27"] as const)) {
  const folder = `${checkout}build/fixtures/go-abi/${version}-plain/`;
  for (const name of readdirSync(folder).filter((file) => !file.endsWith(".hash"))) {
    const probe = ENDLESS.has(name) ? "main.main" : "main.*";
    test(`test/abi/${name} of Go ${version} passes while ${probe} is measured`, {
      skip: withoutKernel,
    }, async () => {
      const alone = execFileSync(folder + name, [], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
      const outcome = await gospect(["hist", probe, "--json", "-q", "--", folder + name]);
      assert.equal(outcome.status, 0, outcome.stderr);
      const { entries, returns, panics, goexits, open, lost, unmatchedReturns } = histOf(outcome).balance;
      assert.ok(entries > 0);
      assert.deepEqual([entries, lost, unmatchedReturns], [returns + panics + goexits + open, 0, 0]);
      assert.equal(outcome.stdout.slice(0, alone.length), alone);
    });
  }
}
