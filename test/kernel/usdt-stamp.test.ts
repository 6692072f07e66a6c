/** Stamped programs as bpftrace sees them: another reader of the notes, another way to raise the semaphores. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type Fixture, fixturePath, runUsdt, startFixture } from "../fixture.js";
import { gospect } from "./cli.js";
import { withoutKernel } from "./measuring.js";
import { until } from "./programs.js";

const options = { skip: withoutKernel };
const folder = mkdtempSync(join(tmpdir(), "gospect-stamped-"));
after(() => rmSync(folder, { recursive: true }));

/** What bpftrace printed of one round, with the truth of that round. */
async function watch(
  fixture: Fixture,
  program: string,
): Promise<readonly [string, Awaited<ReturnType<typeof runUsdt>>]> {
  const bpftrace = spawn("bpftrace", ["-p", `${fixture.pid}`, "-e", program], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, BPFTRACE_STRLEN: "64" },
  });
  let [stdout, stderr] = ["", ""];
  bpftrace.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  bpftrace.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const closed = once(bpftrace, "close");
  await until("bpftrace wants the probes", async () => {
    if (bpftrace.exitCode !== null) throw new Error(stderr);
    return Object.keys((await runUsdt(fixture)).probes).length === 3 ? true : undefined;
  });
  const ready = (stdout.match(/^nothing$/gm) ?? []).length;
  const truth = await runUsdt(fixture);
  const fired = truth.probes["pure:nothing"]?.length ?? 0;
  await until("bpftrace has printed", () =>
    (stdout.match(/^nothing$/gm) ?? []).length >= ready + fired ? true : undefined,
  );
  bpftrace.kill("SIGINT");
  await closed;
  return [stdout, truth];
}

for (const [mode, strip] of [
  ["plain", false],
  ["pie", false],
  ["external", true],
] as const) {
  const title = strip ? `${mode}, stripped after the stamp` : mode;
  test(`bpftrace reads what a stamped program passes: ${title}`, options, async () => {
    const path = join(folder, mode);
    assert.equal((await gospect(["usdt", "stamp", fixturePath("usdtgo", "1.27", mode), "-o", path])).status, 0);
    if (strip) execFileSync("strip", [path]);
    using fixture = await startFixture(path);
    const place = (name: string): string => `usdt:${path}:pure:${name}`;
    const [printed, truth] = await watch(
      fixture,
      `${place("widths")} { printf("%d %u %d %u %d %u\\n", (int8)arg0, (uint8)arg1, (int16)arg2, (uint16)arg3, (int32)arg4,
         (uint32)arg5); }
       ${place("text")} { printf("%d [%s] %d %d\\n", arg0, str(arg1, arg2), arg2, arg4); }
       ${place("nothing")} { printf("nothing\\n"); }`,
    );
    // What was printed of rounds before this one are the same lines.
    const expected = [
      ...(truth.probes["pure:widths"] ?? []).map((args) => args.slice(0, 6).join(" ")),
      ...(truth.probes["pure:text"] ?? []).map(([n, name, size, , half]) => `${n} [${name}] ${size} ${half}`),
    ];
    const lines = new Set(printed.split("\n").filter((line) => /^-?\d/.test(line)));
    assert.equal(lines.size, 200);
    assert.deepEqual([...lines].sort(), expected.sort());
    await fixture.stop();
  });
}
