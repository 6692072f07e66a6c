/**
 * What an hour brings, in a minute: processes come and go by the thousand, each with what the maps keep of it, and the times at
 * which a run looks for those that have ended come as fast as the test says.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { Measuring, planner, withoutKernel } from "./measuring.js";
import { balance, subjectPath } from "./subject.js";

const options = { skip: withoutKernel };
/** One a second. */
const PROCESSES = 3600;
const CALLS = 20;
/** Fewer than there will be processes, each of which leaves one behind. */
const ROOM = 64;
/** A sweep is due: EndedProcesses looks every two seconds. */
const SWEEP_MS = 2000;
/** LIMIT: what this process may grow by meanwhile: garbage that waits to be collected. */
const GROWTH_BYTES = 100e6;

test(`${PROCESSES} processes that come and go take no more room than those that live`, options, async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const path = subjectPath("plain");
  const target = { kind: "exe", path } as const;
  const plan = (await planner(target))({ probes: ["main.Step"], by: ["n"] });
  using measuring = await Measuring.start(plan, target, { capacities: { goroutines: ROOM } });
  let settled = 0;
  for (let made = 0; made < PROCESSES; made++) {
    const child = spawn(path, ["once", "-calls", String(CALLS)], { stdio: "ignore" });
    await once(child, "close");
    if (made % 10 === 0) t.mock.timers.tick(SWEEP_MS);
    if (made === PROCESSES / 3) settled = process.memoryUsage().rss;
  }
  const grown = process.memoryUsage().rss - settled;
  assert.ok(grown < GROWTH_BYTES, `${grown} bytes more`);
  t.diagnostic(`${grown >> 20} MiB more`);
  const results = measuring.stop();
  assert.deepEqual(results.balance, balance({ returns: BigInt(PROCESSES * CALLS) }));
});
