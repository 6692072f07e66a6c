/** Functions of the scheduler run on a system stack and never return: that is no panic, whatever it looks like. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixturePath, goVersions, startFixture } from "../fixture.js";
import { Measuring, planner, withoutKernel } from "./measuring.js";

/** They end by switching to a goroutine, whose stack is another. */
const SCHEDULER = ["runtime.park_m", "runtime.schedule"];

for (const version of goVersions) {
  test(`calls that the scheduler leaves are abandoned, not panicked: Go ${version}`, {
    skip: withoutKernel,
  }, async () => {
    using fixture = await startFixture(fixturePath("busy", version, "plain"), ["-n", "1000"]);
    const target = { kind: "pid", pid: fixture.pid } as const;
    const plan = (await planner(target))({ probes: SCHEDULER });
    using measuring = await Measuring.start(plan, target);
    for (let round = 0; round < 5; round++) {
      fixture.send("go");
      await fixture.nextMessage();
    }
    const { balance, loss, endings } = measuring.stop();
    assert.ok(balance.entries > 0n, "the scheduler worked");
    assert.deepEqual([balance.panics, balance.goexits, balance.discrepancy], [0n, 0n, 0n]);
    assert.deepEqual(endings, []);
    assert.equal(balance.lost, loss.abandoned + loss.homeless);
    assert.ok(loss.abandoned > 0n, "calls were abandoned");
    await fixture.stop();
  });
}
