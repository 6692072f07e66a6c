/** The CPU clock of a process against getrusage, ended threads included. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { findProcessCpuTime, readClocks } from "../../src/kernel/index.js";

test("a process has used the CPU time that getrusage says, ended threads included", async () => {
  const burn = "const end = performance.now() + 150; while (performance.now() < end);";
  await once(new Worker(burn, { eval: true }), "exit");
  const usageNs = (): number => {
    const { user, system } = process.cpuUsage();
    return (user + system) * 1000;
  };
  const least = usageNs();
  const measured = Number(findProcessCpuTime(process.pid));
  const most = usageNs();
  // getrusage counts whole microseconds.
  assert.ok(measured > least - 2000 && measured < most + 2000, `${least} ${measured} ${most}`);
});

test("a process that is gone has no CPU time", async () => {
  const child = spawn("/bin/true");
  const { pid } = child;
  assert.ok(pid !== undefined);
  await once(child, "exit");
  assert.equal(findProcessCpuTime(pid), undefined);
});

test("the time of day and the monotonic clock are read at one moment", () => {
  const offsets = Array.from({ length: 50 }, () => {
    const before = process.hrtime.bigint();
    const { realNs, monotonicNs } = readClocks();
    const after = process.hrtime.bigint();
    assert.ok(before <= monotonicNs && monotonicNs <= after, `${before} ${monotonicNs} ${after}`);
    return realNs - monotonicNs;
  }).sort((a, b) => Number(a - b));
  // Half of them, so that neither an interruption nor whoever sets the clock meanwhile counts.
  const [low = 0n, high = 0n] = [offsets[12], offsets[37]];
  assert.ok(high - low < 5_000n, `${low} ${high}`);
});
