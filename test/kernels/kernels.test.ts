/**
 * Debian's kernels from the oldest on: what each has, that calls are counted to the last one, also by a condition, and that
 * the verifier takes the programs of every kind of run.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixturePath } from "../fixture.js";
import { type KernelSuite, runInGuest, withoutGuests } from "./guest.js";
import type { LoadsReport, MeasuresReport } from "./reports.js";

/** Kernels before 6.10 have no uprobe_multi links that filter by process. */
const SUITES: Readonly<Partial<Record<KernelSuite, MeasuresReport["all"]["attachMode"]>>> = {
  bookworm: "perf-event",
  "bookworm-backports": "uprobe-multi",
};

for (const [suite, attachMode] of Object.entries(SUITES) as [KernelSuite, (typeof SUITES)[KernelSuite]][]) {
  test(`calls are counted on the kernel of ${suite}`, { skip: withoutGuests }, async () => {
    const files = [fixturePath("truth", "1.27", "plain")];
    const { all, deep } = await runInGuest<MeasuresReport>({ suite, program: "measures", files });
    for (const each of [all, deep]) {
      assert.equal(each.attachMode, attachMode);
      assert.equal(each.discrepancy, 0);
    }
    assert.deepEqual(all.calls, all.truth);
    const wanted = Object.entries(deep.truth).filter(([depth]) => Number(depth) >= 5);
    assert.ok(wanted.length > 0, "some calls are deep");
    assert.deepEqual(deep.calls, Object.fromEntries(wanted));
  });
}

const KERNELS: readonly KernelSuite[] = ["bookworm", "bookworm-backports", "trixie-backports"];

for (const suite of KERNELS) {
  test(`the kernel of ${suite} takes the programs of every kind of run`, { skip: withoutGuests }, async () => {
    const { loaded, refused } = await runInGuest<LoadsReport>({ suite, program: "loads", files: [] });
    assert.ok(loaded > 0, "some are tried");
    assert.deepEqual(refused, {});
  });
}
