/** Go code in a shared library that a C program loads at run time: measured by the library's file. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { checkout, startFixture } from "../../fixture.js";
import { Measuring, planner, withoutKernel } from "../../kernel/measuring.js";
import { specialBuilds } from "../builds.js";

const folder = mkdtempSync(join(tmpdir(), "gospect-library-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const host = join(folder, "host");
execFileSync("gcc", ["-o", host, `${checkout}fixtures/library/host/host.c`, "-ldl"]);

for (const { title, path } of specialBuilds("library", "c-shared")) {
  test(`${title}: calls from C, by argument`, { skip: withoutKernel }, async () => {
    using fixture = await startFixture(host, [path]);
    const target = { kind: "exe", path } as const;
    const plan = (await planner(target))({ probes: ["main.Weigh"], by: ["name", "n"] });
    using measuring = await Measuring.start(plan, target);
    fixture.send("go");
    assert.deepEqual(await fixture.nextMessage(), { sum: 20_060 });
    const { balance, series } = measuring.stop();
    assert.deepEqual([balance.entries, balance.returns, balance.discrepancy], [30n, 30n, 0n]);
    const counts = series.map((one) => `${one.by?.map(({ json }) => json).join(" ")}: ${one.histogram.count}`);
    const expected = [0, 1, 2, 3, 4].flatMap((n) => [`frequent ${n}: 4`, `rare ${n}: 2`]);
    assert.deepEqual(counts.sort(), expected.sort());
    await fixture.stop();
  });
}
