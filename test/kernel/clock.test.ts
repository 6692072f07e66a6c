/** The CPU clock of a process against getrusage, ended threads included. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { findProcessCpuTime } from "../../src/kernel/index.js";

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
