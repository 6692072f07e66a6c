/** A session compares every planned site with the file once more: one byte that differs, and nothing is attached. */
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openGoBinary } from "../../src/binary/index.js";
import { planProbes } from "../../src/probes/index.js";
import { Session, type SessionOptions, type Target } from "../../src/session/index.js";
import { goProgram, openSymbolTable } from "../../src/symbols/index.js";
import { basePath } from "./bases.js";

/** A target that ends the session where the verification would be over. */
const targetAt = (path: string): Target =>
  ({
    path,
    process: () => undefined,
    hold: () => Promise.reject(new Error("verified")),
  }) as unknown as Target;

test("every byte of every site of a plan is compared before anything is attached", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gospect-verify-"));
  try {
    const original = readFileSync(basePath("go1.27"));
    const path = join(folder, "program");
    writeFileSync(path, original);
    const binary = await openGoBinary(path);
    const plan = planProbes(goProgram(binary, openSymbolTable(binary)), { probes: ["main.*"], by: [], signatures: [] });
    binary[Symbol.dispose]();
    const sites = [...plan.probes.flatMap((probe) => [probe.entry, ...probe.exits]), ...plan.runtimeSites];
    const open = (): Promise<Session> => Session.open(plan, targetAt(path), {} as SessionOptions);
    await assert.rejects(open, { message: "verified" });
    for (const site of sites) {
      for (let index = 0; index < site.bytes.length; index++) {
        const damaged = Buffer.from(original);
        damaged[site.offset + index] = (damaged[site.offset + index] ?? 0) ^ 1;
        writeFileSync(path, damaged);
        await assert.rejects(open, { code: "file-changed" });
      }
    }
    copyFileSync(basePath("go1.27"), path);
    truncateSync(path, Math.max(...sites.map((site) => site.offset)));
    await assert.rejects(open, { code: "file-changed" });
    assert.ok(sites.length > 10);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
