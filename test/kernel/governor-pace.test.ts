/**
 * The governor on programs that say themselves what they lost: each times its calls by its thread's CPU time and knows what
 * they take without probes. Nothing that gospect counts or takes a hit to cost is believed here.
 *
 * Gospect itself has real-time priority: the bound is that of a watcher who need not wait for its turn. Its own highest
 * priority counts only within its session where the kernel groups processes by that (`sched_autogroup_enabled`).
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { checkout, type Fixture, startFixture } from "../fixture.js";
import { start } from "./cli.js";
import { withoutKernel } from "./measuring.js";
import { buildProgram } from "./subject.js";

const LIMIT = 0.03;
const SECOND_NS = 1e9;
const BURST_MS = 1500;
const SILENCE_MS = 700;

/** Ten milliseconds of a burst: CLOCK_MONOTONIC at the end, calls, CPU time, and what of that was lost; ns. */
type Window = readonly [endNs: number, calls: number, cpuNs: number, lostNs: number];

function programInC(): string {
  const path = join(checkout, "build", "subject", "pace-c");
  mkdirSync(join(checkout, "build", "subject"), { recursive: true });
  execFileSync("cc", ["-O2", "-o", path, join(checkout, "test", "kernel", "pace-c", "main.c")]);
  return path;
}

const LANGUAGES = {
  Go: { build: () => buildProgram("pace", { go: "1.27", mode: "exe", name: "pace" }), work: "main.Work" },
  C: { build: programInC, work: "c:work" },
} as const;

async function burst(fixture: Fixture, ms: number): Promise<readonly Window[]> {
  fixture.send(`burst ${ms}`);
  const { windows } = await fixture.nextMessage<{ readonly windows: readonly Window[] }>();
  return windows;
}

async function burstTwice(fixture: Fixture): Promise<readonly Window[]> {
  const first = await burst(fixture, BURST_MS);
  await sleep(SILENCE_MS);
  return [...first, ...(await burst(fixture, BURST_MS))];
}

/** The most that was lost in windows that end within a second, ns. */
function worstSecond(windows: readonly Window[]): number {
  const ofSecond = windows.map(([end], last) =>
    windows
      .slice(0, last + 1)
      .filter(([at]) => end - at < SECOND_NS)
      .reduce((sum, [, , , lost]) => sum + lost, 0),
  );
  return Math.max(...ofSecond);
}

const total = (windows: readonly Window[], column: 1 | 2 | 3): number =>
  windows.reduce((sum, window) => sum + window[column], 0);

/** Has the programs do it while gospect measures them. */
async function whileMeasured<T>(args: readonly string[], work: () => Promise<T>): Promise<T> {
  const run = start([...args, "-d", "50s"], { command: ["chrt", "--rr", "1"] });
  await run.said(/^measuring/m);
  await sleep(300);
  const result = await work();
  run.child.kill("SIGINT");
  const { status, stderr } = await run.outcome;
  assert.equal(status, 0, stderr);
  const isSampled = /^sampled: probes were on .* of the time, in \d+ slices/m.test(stderr);
  assert.equal(isSampled, !args.includes("100%"), stderr);
  return result;
}

/** Of bursts of far more than two million calls a second. */
function requireHeld(windows: readonly Window[]): void {
  assert.ok(total(windows, 1) / total(windows, 2) > 2e6 / SECOND_NS);
  const worst = worstSecond(windows);
  assert.ok(worst <= 2 * LIMIT * SECOND_NS, `${worst / 1e6} ms of a second`);
}

for (const [language, { build, work }] of Object.entries(LANGUAGES)) {
  test(`${language}: what a program loses to probes without a governor is what it sees`, {
    skip: withoutKernel,
  }, async () => {
    using fixture = await startFixture(build());
    const args = ["hist", "-p", `${fixture.pid}`, work, "--max-overhead", "100%"];
    const windows = await whileMeasured(args, () => burst(fixture, 300));
    const share = total(windows, 3) / total(windows, 2);
    assert.ok(share > 0.9, `${share} of its CPU time`);
  });

  for (const command of ["hist", "trace"]) {
    test(`${language}, ${command}: no second of two bursts costs more than twice the limit`, {
      skip: withoutKernel,
    }, async () => {
      using fixture = await startFixture(build());
      const args = [command, "-p", `${fixture.pid}`, work, "--max-overhead", `${LIMIT * 100}%`];
      requireHeld(await whileMeasured(args, () => burstTwice(fixture)));
    });
  }

  test(`${language}: two processes of a file burst at once, and neither pays more than twice the limit`, {
    skip: withoutKernel,
  }, async () => {
    const path = build();
    using one = await startFixture(path);
    using other = await startFixture(path);
    const args = ["hist", "-e", path, work, "--max-overhead", `${LIMIT * 100}%`];
    const both = await whileMeasured(args, () => Promise.all([burstTwice(one), burstTwice(other)]));
    for (const windows of both) requireHeld(windows);
  });
}
