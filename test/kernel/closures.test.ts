/** `--by` of captured variables and of method values' receivers, against the program's own counts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ProfilerError } from "../../src/base/index.js";
import { type Fixture, type GoVersion, startFixture } from "../fixture.js";
import { Measuring, planner, withoutKernel } from "./measuring.js";
import { buildProgram } from "./subject.js";

/** Calls by the closure's maker, the expression, and the captured value as JSON. */
type Calls = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, number>>>>>>;

/** The probe for the closures that a function of the program makes, inlined into its caller or not. */
const probeOf = (maker: string): string =>
  maker.endsWith("-fm") ? `main.${maker}` : `/^main\\.(work\\.)?${maker}(\\[.*\\])?\\.func\\d+$/`;

const startClosures = (go: GoVersion): Promise<Fixture> =>
  startFixture(buildProgram("closures", { go, mode: "exe", name: `closures-${go}` }));

async function work(fixture: Fixture): Promise<Calls> {
  fixture.send("go");
  return await fixture.nextMessage<Calls>();
}

const METHOD_VALUES = ["(*counter).Add-fm", "counter.Show-fm"];

/** Releases whose debug data say where captured variables are; earlier ones tell it of method values only. */
const VERSIONS: Readonly<Partial<Record<GoVersion, "all" | "method values">>> = {
  "1.19": "method values",
  "1.22": "method values",
  "1.23": "all",
  "1.25": "all",
  "1.27": "all",
};

for (const [version, told] of Object.entries(VERSIONS) as [GoVersion, "all" | "method values"][]) {
  test(`calls by captured value: Go ${version}`, { skip: withoutKernel }, async () => {
    using fixture = await startClosures(version);
    const target = { kind: "pid", pid: fixture.pid } as const;
    const plan = await planner(target);
    const expected = await work(fixture);
    const measured: Record<string, Record<string, Record<string, number>>> = {};
    for (const [maker, expressions] of Object.entries(expected)) {
      for (const by of Object.keys(expressions)) {
        const request = { probes: [probeOf(maker)], by: [by] };
        if (told !== "all" && !METHOD_VALUES.includes(maker)) {
          assert.throws(
            () => plan(request),
            (error) => error instanceof ProfilerError && error.message.includes("Go before 1.23"),
          );
          continue;
        }
        using measuring = await Measuring.start(plan(request), target);
        await work(fixture);
        const results = measuring.stop();
        assert.equal(results.balance.discrepancy, 0n);
        const counts: Record<string, number> = {};
        // Instances of a generic function have series of their own.
        for (const { by: values, histogram } of results.series) {
          const value = JSON.stringify(values?.[0]?.json);
          counts[value] = (counts[value] ?? 0) + Number(histogram.count);
        }
        measured[maker] = { ...measured[maker], [by]: counts };
      }
    }
    const makers = Object.entries(expected).filter(([maker]) => told === "all" || METHOD_VALUES.includes(maker));
    assert.equal(makers.length, told === "all" ? 7 : 2);
    assert.deepEqual(measured, Object.fromEntries(makers));
  });
}
