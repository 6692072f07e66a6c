/** Whose programs may do the returns of a process: as it is, where another run has its probes, and beside C functions. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { ProbePlan } from "../../src/probes/index.js";
import { openTarget } from "../../src/session/index.js";
import { ProgramFiles } from "../../src/session/program-file.js";
import { type DoneReturns, findDoneReturns } from "../../src/session/returns.js";
import { fixturePath, startFixture } from "../fixture.js";
import { Measuring, planner, withoutKernel } from "./measuring.js";

/** Where a position-independent program was put, as the kernel tells it. */
function imageOf(pid: number, path: string): bigint {
  const line = readFileSync(`/proc/${pid}/maps`, "utf8")
    .split("\n")
    .find((line) => line.endsWith(path));
  assert.ok(line !== undefined);
  return BigInt(`0x${line.replace(/-.*/, "")}`);
}

function doneReturns(plan: ProbePlan, pid: number): DoneReturns | undefined {
  using target = openTarget({ kind: "pid", pid });
  using files = ProgramFiles.open(plan);
  const process = target.process();
  assert.ok(process !== undefined);
  return findDoneReturns(plan, files.program, process);
}

test("programs do the returns of a Go program on which nobody else has probes", { skip: withoutKernel }, async () => {
  const path = fixturePath("torture", "1.27", "pie");
  using fixture = await startFixture(path, ["-workers", "1"]);
  const { pid } = fixture;
  const plan = (await planner({ kind: "pid", pid }))({ probes: ["main.Tiny", "main.Grow"] });
  const image = imageOf(pid, path);
  assert.deepEqual(doneReturns(plan, pid), { image, by: "this run" });
  const narrow = (await planner({ kind: "pid", pid }))({ probes: ["main.Tiny"] });
  {
    using _other = await Measuring.start(narrow, { kind: "pid", pid });
    assert.deepEqual(doneReturns(plan, pid), { image, by: "others" });
  }
  assert.deepEqual(doneReturns(plan, pid), { image, by: "this run" });
  const ofThreads = { ...plan, probes: plan.probes.map((probe) => ({ ...probe, identity: "thread" as const })) };
  assert.equal(doneReturns(ofThreads, pid), undefined, "beside C functions the kernel does them");
});
