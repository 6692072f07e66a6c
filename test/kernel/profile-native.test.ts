/** Profiles of what is not Go's: frames of a C program and of its library, each in the mapping of its file. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { runUsdt, startFixture, usdtPath } from "../fixture.js";
import { withoutKernel } from "./measuring.js";
import { pprof, profile } from "./programs.js";

const folder = mkdtempSync(join(tmpdir(), "gospect-profile-"));
after(() => rmSync(folder, { recursive: true }));

const readelf = (...args: readonly string[]): string => execFileSync("readelf", ["-W", ...args], { encoding: "utf8" });

/** The one executable segment as `-raw` prints a mapping's range, in the window of file `number`. */
function rangeOf(path: string, number: number): string {
  const [, offset, address, size] =
    /LOAD +(0x[0-9a-f]+) (0x[0-9a-f]+) 0x[0-9a-f]+ 0x[0-9a-f]+ (0x[0-9a-f]+) R E/.exec(readelf("-l", path)) ?? [];
  const start = number * 2 ** 44 + Number(address);
  return `0x${start.toString(16)}/0x${(start + Number(size)).toString(16)}/0x${Number(offset).toString(16)}`;
}

const buildIdOf = (path: string): string => /Build ID: ([0-9a-f]+)/.exec(readelf("-n", path))?.[1] ?? "";

/** Where readelf has a symbol. */
function addressOf(path: string, symbol: string): number {
  const [, address = ""] = new RegExp(`^ *\\d+: ([0-9a-f]+) .* ${symbol}$`, "m").exec(readelf("-s", path)) ?? [];
  return Number.parseInt(address, 16);
}

test("a profile of a C function of a library has both files' mappings", { skip: withoutKernel }, async () => {
  const [program, library] = [usdtPath("O2"), usdtPath("O2", "libfix.so")];
  const file = join(folder, "native.pb.gz");
  using fixture = await startFixture(program);
  let calls = 0;
  await profile(fixture.pid, file, ["c:libfix:foo", "--by", "arg0"], async () => {
    const { functions } = await runUsdt(fixture);
    calls = functions?.["foo@@V2"]?.length ?? 0;
  });
  await fixture.stop();
  const raw = pprof("1.27", file, "-raw");
  const [, samples = "", locations = "", mappings = ""] =
    /^Samples:\n[^\n]*\n(.*)^Locations\n(.*)^Mappings\n(.*)$/ms.exec(raw) ?? [];
  assert.deepEqual(mappings.trim().split("\n"), [
    `1: ${rangeOf(program, 0)} ${program} ${buildIdOf(program)} [FN]`,
    `2: ${rangeOf(library, 1)} ${library} ${buildIdOf(library)} [FN]`,
  ]);
  const site = (2 ** 44 + addressOf(library, "foo_v2")).toString(16);
  assert.equal(locations.split("\n")[0]?.trim(), `1: 0x${site} M=2 c:libfix:foo :0:0 s=0`);
  const counts = Array.from(samples.matchAll(/^ +(\d+) +\d+: 1( |$)/gm), ([, count]) => Number(count));
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    calls,
  );
  assert.ok(calls > 0);
});
