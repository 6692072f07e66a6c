/** `--of` and `--value`: the distribution of what calls were given and gave back, against the program's own counts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Histogram } from "../../src/aggregate/index.js";
import { fixturePath, goVersions, runTruth, type Series, startFixture } from "../fixture.js";
import { Measuring, planner, withoutKernel } from "./measuring.js";

interface Values {
  readonly count: bigint;
  readonly sum: bigint | undefined;
  readonly min: bigint;
  readonly max: bigint;
}

function expected(series: readonly Series[], calls: (one: Series) => number): Values {
  let [count, sum, min, max] = [0n, 0n, 1n << 64n, -(1n << 64n)];
  for (const one of series) {
    const value = BigInt(one.value as number | string);
    const times = BigInt(calls(one));
    if (times === 0n) continue;
    count += times;
    sum += value * times;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { count, sum, min, max };
}

const valuesOf = ({ count, sum, min, max }: Histogram): Values => ({ count, sum, min, max });

/** Each value is in a bucket that holds it, as often as it was passed. */
function assertBuckets(measured: Histogram, series: readonly Series[], calls: (one: Series) => number): void {
  for (const { low, high, count } of measured.buckets) {
    const within = series.filter((one) => BigInt(one.value as number) >= low && BigInt(one.value as number) < high);
    assert.equal(
      count,
      within.reduce((sum, one) => sum + BigInt(calls(one)), 0n),
      `${low}..${high}`,
    );
  }
}

/** Functions and expressions of `truth`: a size, negative numbers, narrow ones, a result. */
const CASES = [
  { function: "main.Spin", of: "n", at: "entry" },
  { function: "main.Place", of: "o.id", at: "entry" },
  { function: "main.Place", of: "o.level", at: "entry" },
  { function: "main.Submit", of: "after", at: "entry" },
  { function: "main.Submit", of: "ret", at: "return" },
  { function: "main.Point.Norm", of: "p.x", at: "entry" },
  { function: "main.Point.Norm", of: "ret", at: "return" },
] as const;

for (const version of goVersions) {
  test(`the values of calls are distributed as the program passed them: Go ${version}`, {
    skip: withoutKernel,
  }, async () => {
    using fixture = await startFixture(fixturePath("truth", version, "pie"), ["-workers", "8", "-scale", "2"]);
    const target = { kind: "pid", pid: fixture.pid } as const;
    const plan = await planner(target);
    const started: { readonly each: (typeof CASES)[number]; readonly measuring: Measuring }[] = [];
    for (const each of CASES) {
      const measuring = await Measuring.start(plan({ probes: [each.function], of: each.of }), target);
      started.push({ each, measuring });
    }
    const truth = await runTruth(fixture);
    for (const { each, measuring } of started) {
      const results = measuring.stop();
      measuring[Symbol.dispose]();
      const fn = truth[each.function];
      const series = fn?.by?.[each.of];
      assert.ok(fn !== undefined && series !== undefined, `the fixture knows ${each.function} by ${each.of}`);
      const calls = (one: Series): number => (each.at === "entry" ? one.entries : one.return.count);
      const [only, ...others] = results.series;
      assert.ok(only !== undefined && others.length === 0);
      assert.deepEqual(valuesOf(only.histogram), expected(series, calls), `${each.function} of ${each.of}`);
      assertBuckets(only.histogram, series, calls);
      const { counted, entries, discrepancy } = results.balance;
      const all = BigInt(fn.entries);
      assert.deepEqual([counted, entries, discrepancy], each.at === "entry" ? [all, 0n, 0n] : [0n, all, 0n]);
    }
    await fixture.stop();
  });
}
