/**
 * The target is not harmed: `torture` grows stacks, collects garbage, panics and checks its own results while probes
 * come and go under it, and while a run is killed in the middle.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { closeSync, openSync, readSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { openElf, openFileSource } from "../../src/binary/index.js";
import type { ProbePlan, Site } from "../../src/probes/index.js";
import { findLoadBias, openProcess } from "../../src/process/index.js";
import { type Fixture, fixturePath, goVersions, startFixture } from "../fixture.js";
import { Measuring, planner, withoutKernel } from "./measuring.js";

const CYCLES = 200;
/** Functions that are called, grow stacks and unwind all the time. */
const PROBES = ["main.*", "runtime.mallocgc", "runtime.newstack", "runtime.gopanic"];

interface Report {
  readonly errors: number;
  readonly rounds: number;
  readonly grown: number;
  readonly panics: number;
  readonly goexits: number;
}

async function report(fixture: Fixture): Promise<Report> {
  fixture.send("report");
  return await fixture.nextMessage<Report>();
}

const sitesOf = (plan: ProbePlan): Site[] => [
  ...plan.probes.flatMap((probe) => [probe.entry, ...probe.exits]),
  ...plan.runtimeSites,
];

/** Sites whose first byte in the target's memory is not the program's own. */
function foreignBytes(pid: number, plan: ProbePlan, loadBias: number): string[] {
  const memory = openSync(`/proc/${pid}/mem`, "r");
  try {
    return sitesOf(plan).flatMap((site) => {
      const bytes = Buffer.alloc(site.bytes.length);
      readSync(memory, bytes, 0, bytes.length, site.address + loadBias);
      return bytes.equals(site.bytes)
        ? []
        : [`${site.kind} at 0x${site.address.toString(16)}: ${bytes.toString("hex")}`];
    });
  } finally {
    closeSync(memory);
  }
}

async function loadBias(pid: number): Promise<number> {
  using source = openFileSource(`/proc/${pid}/exe`);
  const bias = findLoadBias(openProcess(pid).readExecutableMappings(), (await openElf(source)).loads);
  return bias ?? assert.fail("the program is mapped");
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** At least what a program that works has done in between. */
function assertUnharmed(before: Report, after: Report): void {
  assert.equal(after.errors, 0);
  assert.ok(after.rounds > before.rounds && after.grown > before.grown, "the program kept growing stacks");
  assert.ok(after.panics > before.panics && after.goexits > before.goexits, "the program kept panicking and exiting");
}

for (const version of goVersions) {
  test(`${CYCLES} attach/detach cycles leave the program unharmed: Go ${version}`, {
    skip: withoutKernel,
  }, async () => {
    using fixture = await startFixture(fixturePath("torture", version, "pie"), ["-workers", "4"]);
    const target = { kind: "pid", pid: fixture.pid } as const;
    const plan = (await planner(target))({ probes: PROBES });
    const bias = await loadBias(fixture.pid);
    const before = await report(fixture);
    let entries = 0n;
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      // Stacks are walked in every other cycle.
      using measuring = await Measuring.start(plan, target, { keep: { histogram: true, stacks: cycle % 2 === 1 } });
      await pause(2);
      const { balance } = measuring.stop();
      assert.equal(balance.discrepancy, 0n, `cycle ${cycle}`);
      entries += balance.entries;
    }
    assert.ok(entries > BigInt(CYCLES), "calls were measured");
    assert.deepEqual(foreignBytes(fixture.pid, plan, bias), []);
    assertUnharmed(before, await report(fixture));
    await fixture.stop();
  });

  for (const command of ["profile", "trace"]) {
    test(`kill -9 in the middle of ${command} leaves the program unharmed: Go ${version}`, {
      skip: withoutKernel,
    }, async () => {
      using fixture = await startFixture(fixturePath("torture", version, "pie"), ["-workers", "4"]);
      const target = { kind: "pid", pid: fixture.pid } as const;
      const plan = (await planner(target))({ probes: PROBES });
      const bias = await loadBias(fixture.pid);
      const before = await report(fixture);
      const gospect = fileURLToPath(new URL("../../../gospect", import.meta.url));
      const run = spawn(gospect, [command, "-p", String(fixture.pid), ...PROBES, "-o", "/dev/null"], {
        stdio: "ignore",
      });
      const ended = new Promise((resolve) => run.once("exit", resolve));
      const deadline = Date.now() + 20_000;
      while (foreignBytes(fixture.pid, plan, bias).length < sitesOf(plan).length) {
        assert.ok(Date.now() < deadline && run.exitCode === null, "the run puts its probes on");
        await pause(20);
      }
      await pause(300);
      run.kill("SIGKILL");
      await ended;
      while (foreignBytes(fixture.pid, plan, bias).length > 0) {
        assert.ok(Date.now() < deadline, "the kernel takes the probes off");
        await pause(20);
      }
      await pause(300);
      assertUnharmed(before, await report(fixture));
      await fixture.stop();
    });
  }
}
