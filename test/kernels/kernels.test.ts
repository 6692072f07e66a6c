/** Debian's kernels from the oldest on: what each has, and that calls are counted to the last one, also by a condition. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixturePath } from "../fixture.js";
import { type KernelSuite, runInGuest, withoutGuests } from "./guest.js";
import type { MeasuresReport } from "./reports.js";

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
