/**
 * Lines and inlined copies of `places`, counted from outside, against the program's own counts: for every place that is
 * counted, how often it was reached and the sum of its values. Which copies are refused, and why, is compared by name.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { virtualAddress } from "../../src/base/index.js";
import { openGoBinary } from "../../src/binary/index.js";
import type { ProbePlan } from "../../src/probes/index.js";
import { openSymbolTable } from "../../src/symbols/index.js";
import {
  checkout,
  everyGoVersion,
  type FixtureMode,
  fixturePath,
  type GoVersion,
  goVersions,
  startFixture,
} from "../fixture.js";
import { Measuring, planner, type Request, withoutKernel } from "./measuring.js";

interface Tally {
  readonly count: number;
  readonly sum: number;
}

/** What the marks of the fixture's lines are called: `inlined.go:103` to `straight-count`. */
const MARKS: ReadonlyMap<string, string> = new Map(
  ["inlined.go", "lines.go"].flatMap((file) =>
    readFileSync(`${checkout}fixtures/places/${file}`, "utf8")
      .split("\n")
      .flatMap((text, index): [string, string][] => {
        const mark = /\/\/ at: (\S+)$/.exec(text)?.[1];
        return mark === undefined ? [] : [[`${file}:${index + 1}`, mark]];
      }),
  ),
);

const lineOf = (mark: string): string => {
  for (const [line, each] of MARKS) if (each === mark) return line;
  throw new Error(`no line is marked ${mark}`);
};

/** Local variables at the fixture's lines. */
const LINES: readonly (readonly [mark: string, of: string])[] = [
  ["total", "total"],
  ["index", "i"],
  ["return", "total"],
  ["order-id", "o.id"],
  ["order-items", "len(o.items)"],
  ["shadow-inner", "value"],
  ["shadow-outer", "value"],
  ["negative", "n"],
  ["large", "n"],
  ["middle", "n"],
  ["small", "n"],
  ["condition", "n"],
];

const COPIES: readonly (readonly [fn: string, of: string])[] = [
  ["count", "n"],
  ["when", "n"],
  ["early", "n"],
  ["spin", "n"],
  ["nested", "n"],
  ["(*pair).put", "n"],
  ["generic[...]", "n"],
];

/** What was counted at each marked line, of the places that a plan has there. */
function countsByMark(plan: ProbePlan, measuring: Measuring): ReadonlyMap<string, Tally & { readonly places: number }> {
  const { series } = measuring.session.stop();
  const counts = new Map<string, Tally & { readonly places: number }>();
  plan.probes.forEach(({ place }, probe) => {
    const mark = MARKS.get(`${place?.file?.split("/").at(-1)}:${place?.line}`);
    if (mark === undefined) return;
    const own = series.find(({ id }) => id === probe);
    const before = counts.get(mark) ?? { count: 0, sum: 0, places: 0 };
    counts.set(mark, {
      count: before.count + Number(own?.count ?? 0n),
      sum: before.sum + Number(own?.sum ?? 0n),
      places: before.places + 1,
    });
  });
  return counts;
}

interface Round {
  readonly truth: Readonly<Record<string, Tally>>;
  readonly measured: readonly {
    readonly plan: ProbePlan;
    readonly counts: ReturnType<typeof countsByMark>;
  }[];
}

/** One round of the fixture's work under several plans at once. */
async function measureRound(version: GoVersion, mode: FixtureMode, requests: readonly Request[]): Promise<Round> {
  using fixture = await startFixture(fixturePath("places", version, mode));
  const target = { kind: "pid", pid: fixture.pid } as const;
  const plan = await planner(target);
  const started: { readonly plan: ProbePlan; readonly measuring: Measuring }[] = [];
  for (const request of requests) {
    const one = plan(request);
    started.push({ plan: one, measuring: await Measuring.start(one, target) });
  }
  fixture.send("go");
  const { truth } = await fixture.nextMessage<{ readonly truth: Round["truth"] }>();
  const measured = started.map((one) => ({ plan: one.plan, counts: countsByMark(one.plan, one.measuring) }));
  for (const { measuring } of started) measuring[Symbol.dispose]();
  await fixture.stop();
  return { truth, measured };
}

/** The functions on the way to a place, by the runtime's own names for what is inlined. */
async function stacksAt(version: GoVersion, mode: FixtureMode, request: Request): Promise<ReadonlySet<string>> {
  const path = fixturePath("places", version, mode);
  using fixture = await startFixture(path);
  const target = { kind: "pid", pid: fixture.pid } as const;
  const plan = (await planner(target))(request);
  using measuring = await Measuring.start(plan, target, { keep: { histogram: false, stacks: true } });
  fixture.send("go");
  await fixture.nextMessage();
  const { samples } = measuring.stop();
  await fixture.stop();
  using binary = await openGoBinary(path);
  const symbols = openSymbolTable(binary);
  return new Set(
    samples.map(({ frames, truncated }) => {
      const names = frames.flatMap((frame, index) =>
        symbols.symbolize(virtualAddress(index === 0 ? frame : frame - 1)).map((each) => each.function),
      );
      return `${names.join(" ")}${truncated ? " …" : ""}`;
    }),
  );
}

const FROM_MAIN = "main.main runtime.main runtime.goexit";

for (const version of goVersions) {
  test(`a place in the middle of a function has its callers: Go ${version}`, { skip: withoutKernel }, async () => {
    for (const mode of ["plain", "unoptimized"] as const) {
      const line = await stacksAt(version, mode, { probes: [lineOf("total")], of: "total" });
      assert.deepEqual([...line], [`main.totals main.lines ${FROM_MAIN}`]);
    }
    const copies = await stacksAt(version, "plain", { probes: ["main.(*pair).put"], of: "n" });
    assert.deepEqual([...copies], [`main.(*pair).put main.methods main.inlined ${FROM_MAIN}`]);
  });
}

/** Several copies on one line, not all of them counted. */
const SHARED = "several-count";

for (const version of everyGoVersion) {
  test(`inlined copies are counted once a call, with the value each was given: Go ${version}`, {
    skip: withoutKernel,
  }, async () => {
    const requests = COPIES.map(([fn, of]) => ({ probes: [`main.${fn}`], of }));
    const { truth, measured } = await measureRound(version, "plain", requests);
    let places = 0;
    for (const { counts } of measured) {
      for (const [mark, { count, sum, places: own }] of counts) {
        if (mark === SHARED) continue;
        places += own;
        assert.deepEqual({ count, sum }, truth[mark], mark);
      }
    }
    assert.ok(places >= 10, `${places} copies were counted`);
  });

  test(`a copy of one operation, with the load of its value merged in, is refused: Go ${version}`, async () => {
    const plan = await planner({ kind: "exe", path: fixturePath("places", version, "plain") });
    // FACT(go1.26..go1.27): the compiler lets it run whether its branch is taken or not.
    const code = Number(version.split(".")[1]) >= 26 ? "speculated" : "uncertain-place";
    assert.throws(() => plan({ probes: ["main.mask"] }), { code });
  });

  test(`the plan says which lines are not sure to be counted as the source has them: Go ${version}`, async () => {
    const doubtful = async (mode: FixtureMode): Promise<readonly string[]> => {
      const plan = await planner({ kind: "exe", path: fixturePath("places", version, mode) });
      return LINES.flatMap(([mark]) => (plan({ probes: [lineOf(mark)] }).warnings.length > 0 ? [mark] : []));
    };
    // Nothing of these is stored or called.
    assert.deepEqual(await doubtful("plain"), ["total", "return", "condition"]);
    assert.deepEqual(await doubtful("unoptimized"), []);
  });

  for (const mode of ["plain", "unoptimized"] as const) {
    test(`a line is counted each time it is reached, with its variables: Go ${version}, ${mode}`, {
      skip: withoutKernel,
    }, async () => {
      const requests = LINES.map(([mark, of]) => ({ probes: [lineOf(mark)], of }));
      const { truth, measured } = await measureRound(version, mode, requests);
      measured.forEach(({ counts }, index) => {
        const [mark = ""] = LINES[index] ?? [];
        const { count, sum } = counts.get(mark) ?? { count: 0, sum: 0 };
        assert.deepEqual({ count, sum }, truth[mark], `${mark}, Go ${version} ${mode}`);
      });
    });
  }
}
