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

/** LIMIT: how long the kernel or a program may take for anything: a hang, however busy the machine is. */
const PATIENCE_MS = 180_000;

/** A program that works goes on with all it does, sooner or later, and finds no error. */
async function assertUnharmed(fixture: Fixture, before: Report): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const { errors, ...after } = await report(fixture);
    assert.equal(errors, 0);
    const stuck = (["rounds", "grown", "panics", "goexits"] as const).filter((what) => after[what] <= before[what]);
    if (stuck.length === 0) return;
    assert.ok(Date.now() < deadline, `the program does no more of ${stuck}`);
    await pause(20);
  }
}

for (const version of goVersions) {
  test(`${CYCLES} attach/detach cycles leave the program unharmed: Go ${version}`, {
    skip: withoutKernel,
  }, async () => {
    using fixture = await startFixture(fixturePath("torture", version, "pie"), ["-workers", "4"]);
    const target = { kind: "pid", pid: fixture.pid } as const;
    const plan = (await planner(target))({ probes: PROBES });
    const bias = await loadBias(fixture.pid);
    let entries = 0n;
    const isEnough = (): boolean => entries > BigInt(CYCLES);
    // A busy machine may need more of them until calls were measured.
    for (let cycle = 0; cycle < CYCLES || (cycle < 10 * CYCLES && !isEnough()); cycle++) {
      // Stacks are walked in every other cycle.
      using measuring = await Measuring.start(plan, target, { keep: { histogram: true, stacks: cycle % 2 === 1 } });
      await pause(2);
      const { balance } = measuring.stop();
      assert.equal(balance.discrepancy, 0n, `cycle ${cycle}`);
      entries += balance.entries;
    }
    assert.ok(isEnough(), "calls were measured");
    assert.deepEqual(foreignBytes(fixture.pid, plan, bias), []);
    await assertUnharmed(fixture, await report(fixture));
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
      // Its probes never rest: they are on when it is killed.
      const asked = ["--max-overhead", "100%", "-o", "/dev/null", ...PROBES];
      const run = spawn(gospect, [command, "-p", String(fixture.pid), ...asked], { stdio: "ignore" });
      const ended = new Promise((resolve) => run.once("exit", resolve));
      let deadline = Date.now() + PATIENCE_MS;
      while (foreignBytes(fixture.pid, plan, bias).length < sitesOf(plan).length) {
        assert.ok(Date.now() < deadline && run.exitCode === null, "the run puts its probes on");
        await pause(20);
      }
      // It does all of it while the probes are on.
      await assertUnharmed(fixture, before);
      run.kill("SIGKILL");
      await ended;
      deadline = Date.now() + PATIENCE_MS;
      while (foreignBytes(fixture.pid, plan, bias).length > 0) {
        assert.ok(Date.now() < deadline, "the kernel takes the probes off");
        await pause(20);
      }
      await assertUnharmed(fixture, await report(fixture));
      await fixture.stop();
    });
  }
}
