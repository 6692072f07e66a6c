/** Codes in place of recipes on the real kernel: dimensions and measured values, numbers and strings, read or not. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Aggregate } from "../../src/aggregate/index.js";
import type { Code, CodeStep, PlannedProbe, ProbePlan } from "../../src/probes/index.js";
import type { Fixture } from "../fixture.js";
import { Measuring, planner, type Request, withoutKernel } from "./measuring.js";
import { countsOf, startSubject, tell } from "./subject.js";

const options = { skip: withoutKernel };

let subject: Fixture;
before(async () => {
  if (withoutKernel === false) subject = await startSubject("pie");
});
after(() => subject?.[Symbol.dispose]());

const argument: CodeStep = { op: "register", register: "ax" };

/** The first recipe of every probe, as a code. */
const withDimension = (plan: ProbePlan, code: Code): ProbePlan => ({
  ...plan,
  probes: plan.probes.map((probe): PlannedProbe => {
    const [first, ...rest] = probe.recipes;
    assert.ok(first !== undefined);
    return { ...probe, recipes: [{ ...first, steps: [], code }, ...rest] };
  }),
});

async function measured(request: Request, change: (plan: ProbePlan) => ProbePlan, words: string): Promise<Aggregate> {
  const target = { kind: "pid", pid: subject.pid } as const;
  using measuring = await Measuring.start(change((await planner(target))(request)), target);
  await tell(subject, words);
  return measuring.stop();
}

test("a dimension is told by a code: a search, at the entry and at the return", options, async () => {
  /** The largest power of three that is no larger. */
  const power: Code = [
    { op: "set", value: 1n },
    { op: "put", variable: 0 },
    { op: "get", variable: 0 },
    { op: "multiply", by: 3 },
    { op: "put", variable: 1 },
    argument,
    { op: "compare", relation: "<", variable: 1, signed: true },
    { op: "jump-if", by: 3 },
    { op: "get", variable: 1 },
    { op: "put", variable: 0 },
    { op: "jump", by: -9 },
    { op: "get", variable: 0 },
  ];
  const change = (plan: ProbePlan): ProbePlan => withDimension(plan, power);
  const entry = await measured({ probes: ["main.Step"], by: ["n"] }, change, "step 100 50");
  assert.deepEqual(countsOf(entry), { "[1]": 6, "[3]": 12, "[9]": 36, "[27]": 46 });
  // Results are 1..8, 1 more than the lowest three bits.
  const back = await measured({ probes: ["main.Step"], by: ["ret"] }, change, "step 80 8");
  assert.deepEqual(countsOf(back), { "[1]": 20, "[3]": 60 });
});

test("a dimension is a string that a code has found", options, async () => {
  const shorter: Code = [
    argument,
    { op: "register-b", register: "bx" },
    { op: "put", variable: 0 },
    { op: "set", value: 4n },
    { op: "give-b" },
    { op: "get", variable: 0 },
  ];
  const results = await measured(
    { probes: ["main.Words"], by: ["a"] },
    (plan) => withDimension(plan, shorter),
    "words 10",
  );
  assert.deepEqual(countsOf(results), { '["word"]': 10 });
});

test("what a code could not find is told, with the reason", options, async () => {
  const reasons = ["fault", "nil", "too-large", "not-found", "other-type"] as const;
  const code: Code = [
    argument,
    ...reasons.flatMap((as, n): CodeStep[] => [
      { op: "jump-if", by: 1 },
      { op: "fail", as },
      { op: "add", value: n < reasons.length ? -1 : 0 },
    ]),
    { op: "jump-if", by: 1 },
    { op: "jump", by: -1 },
  ];
  const results = await measured(
    { probes: ["main.Step"], by: ["n"] },
    (plan) => withDimension(plan, code),
    "step 70 7",
  );
  assert.deepEqual(countsOf(results), {
    '[{"unreadable":"fault"}]': 10,
    '[{"unreadable":"nil pointer"}]': 10,
    '[{"unreadable":"too large to search"}]': 20,
    '[{"unreadable":"not found"}]': 10,
    '[{"unreadable":"of another type"}]': 10,
    "[1]": 10,
  });
});

test("what a code leaves in A goes into buckets as a recipe's does", options, async () => {
  const buckets: CodeStep = { op: "linear", signed: true, low: 2, width: 3, buckets: 2 };
  const results = await measured(
    { probes: ["main.Step"], by: ["lin(n, 2, 8, 3)"] },
    (plan) => withDimension(plan, [argument, buckets]),
    "step 100 10",
  );
  const plain = await measured({ probes: ["main.Step"], by: ["lin(n, 2, 8, 3)"] }, (plan) => plan, "step 100 10");
  assert.deepEqual(countsOf(results), countsOf(plain));
  assert.equal(results.series.length, 4);
});

test("the measured value is what a code has found, or is counted as unreadable", options, async () => {
  const withValue = (plan: ProbePlan): ProbePlan => ({
    ...plan,
    probes: plan.probes.map((probe): PlannedProbe => {
      assert.ok(probe.value !== undefined);
      const code: Code = [
        argument,
        { op: "jump-if", by: 1 },
        { op: "fail", as: "not-found" },
        { op: "multiply", by: 10 },
      ];
      return { ...probe, value: { ...probe.value, steps: [], code } };
    }),
  });
  const results = await measured({ probes: ["main.Step"], of: "n" }, withValue, "step 100 10");
  const [only] = results.series;
  assert.ok(only !== undefined && results.series.length === 1);
  assert.deepEqual(
    [only.histogram.count, only.histogram.sum, only.histogram.min, only.histogram.max],
    [90n, 4500n, 10n, 90n],
  );
  assert.equal(results.loss.unreadable, 10n);
});

test("a call's duration is a value like others, by whatever the calls are told apart", options, async () => {
  for (const by of [[], ["n"]]) {
    const { series, durationNs } = await measured(
      { probes: ["main.Step"], by, of: "$duration" },
      (plan) => plan,
      "step 100 50",
    );
    const sum = series.reduce((total, { histogram }) => total + (histogram.sum ?? 0n), 0n);
    assert.equal(
      series.reduce((total, { histogram }) => total + histogram.count, 0n),
      100n,
    );
    // One goroutine's calls, one after the other.
    assert.ok(sum > 0n && sum < durationNs, `${sum} of ${durationNs} ns`);
  }
});
