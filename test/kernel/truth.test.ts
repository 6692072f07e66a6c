/**
 * `truth` counts and times its own calls. Measured from outside, every count must be its count, to the call, for every
 * value of every expression; every sum must lie between what the function saw of itself and what its caller saw.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Aggregate, Series as MeasuredSeries } from "../../src/aggregate/index.js";
import {
  type FunctionTruth,
  fixturePath,
  goVersions,
  runTruth,
  type Series,
  startFixture,
  type Truth,
} from "../fixture.js";
import { Measuring, planner, withoutKernel } from "./measuring.js";

/** Dimensions of one run. */
const MOST_DIMENSIONS = 4;

/** One `ret` and nothing else: entered and left by the same instruction, so it has no latency to measure. */
const SINGLE_RETURN = "main.Nothing";

interface Part {
  readonly function: string;
  readonly by: readonly string[];
  readonly measuring: Measuring;
}

interface Count {
  count: number;
  sumNs: number;
}

/** How a value is told in this test: what JSON would hold, with long strings cut as the run cuts them. */
function expectedKey(series: Series): string {
  if (series.value === null) return JSON.stringify({ unreadable: "nil pointer" });
  if (typeof series.value !== "string") return JSON.stringify(series.value);
  const bytes = series.hex === undefined ? Buffer.from(series.value) : Buffer.from(series.hex, "hex");
  return JSON.stringify(asText(bytes));
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The character that begins at `at`, when one does: 1 to 4 bytes that are valid together. */
function characterAt(bytes: Buffer, at: number): string | undefined {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length++) {
    try {
      return utf8.decode(bytes.subarray(at, at + length));
    } catch {
      // Longer, or not a character.
    }
  }
  return undefined;
}

/** Bytes a run keeps of a string. */
const STRING_BYTES = 64;

/** Bytes as --json shows them: UTF-8, what is not as \xNN, and `…` where whole characters stop fitting. */
function asText(bytes: Buffer): string {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const character = characterAt(bytes, at);
    at += character === undefined ? 1 : Buffer.byteLength(character);
    if (at > STRING_BYTES) return `${text}…`;
    text += character ?? `\\x${(bytes[at - 1] ?? 0).toString(16)}`;
  }
  return text;
}

/** Counts and sums by the value of one expression, whatever the others were. */
function marginal(series: readonly MeasuredSeries[], dimension: number): Map<string, Count> {
  const result = new Map<string, Count>();
  for (const one of series) {
    const key = JSON.stringify(one.by?.[dimension]?.json ?? "other");
    const count = result.get(key) ?? { count: 0, sumNs: 0 };
    count.count += Number(one.histogram.count);
    count.sumNs += Number(one.histogram.sum);
    result.set(key, count);
  }
  return result;
}

const plain = (counts: Iterable<[string, { count: number }]>): Record<string, number> =>
  Object.fromEntries([...counts].map(([key, { count }]): [string, number] => [key, count]).sort());

function expectedCounts(series: readonly Series[]): Record<string, number> {
  const counts = new Map<string, { count: number }>();
  for (const one of series) {
    if (one.return.count === 0) continue;
    const key = expectedKey(one);
    const count = counts.get(key) ?? { count: 0 };
    count.count += one.return.count;
    counts.set(key, count);
  }
  return plain(counts);
}

function compareBalance(name: string, measured: Aggregate, truth: FunctionTruth): void {
  const { discrepancy, ...balance } = measured.balance;
  assert.equal(discrepancy, 0n, `${name}: the balance adds up`);
  assert.deepEqual(
    balance,
    {
      entries: BigInt(truth.entries),
      returns: BigInt(truth.return.count),
      panics: BigInt(truth.panic.count),
      goexits: BigInt(truth.goexit.count),
      open: BigInt(truth.open),
      unmatchedReturns: BigInt(truth.unmatchedReturns),
      lost: 0n,
    },
    `balance of ${name}`,
  );
}

function compareSums(name: string, measured: Aggregate, truth: FunctionTruth): void {
  const sum = measured.series.reduce((total, { histogram }) => total + Number(histogram.sum), 0);
  const { innerNs, outerNs, count } = truth.return;
  assert.ok(sum >= innerNs && sum <= outerNs, `${name}: inside ${innerNs} ns, measured ${sum} ns, outside ${outerNs} ns`);
  // Where a call is long against the cost of a probe, inside and outside are near, and so is the sum.
  if (count > 0 && innerNs / count > 500_000) {
    assert.ok(sum <= innerNs * 1.1, `${name}: measured ${sum} ns, the function itself ${innerNs} ns: within 10 %`);
  }
}

async function startAll(pid: number, preview: Truth): Promise<Part[]> {
  const target = { kind: "pid", pid } as const;
  const plan = await planner(target);
  const parts: Part[] = [];
  for (const [name, { by = {} }] of Object.entries(preview)) {
    if (name === SINGLE_RETURN) {
      assert.throws(() => plan({ probes: [name] }), { code: "entry-is-exit" });
      continue;
    }
    const expressions = Object.keys(by);
    for (let at = 0; at === 0 || at < expressions.length; at += MOST_DIMENSIONS) {
      const some = expressions.slice(at, at + MOST_DIMENSIONS);
      const request = { probes: [name], by: some };
      parts.push({ function: name, by: some, measuring: await Measuring.start(plan(request), target) });
    }
  }
  return parts;
}

for (const version of goVersions) {
  for (const mode of ["plain", "pie"] as const) {
    test(`hist agrees with the program's own counts: Go ${version} ${mode}`, { skip: withoutKernel }, async () => {
      using fixture = await startFixture(fixturePath("truth", version, mode), ["-workers", "20", "-scale", "2", "-gc"]);
      const preview = await runTruth(fixture);
      const parts = await startAll(fixture.pid, preview);
      const truth = await runTruth(fixture);
      let compared = 0;
      for (const part of parts) {
        const measured = part.measuring.stop();
        part.measuring[Symbol.dispose]();
        const expected: FunctionTruth | undefined = truth[part.function];
        assert.ok(expected !== undefined, `${part.function} is in every round`);
        compareBalance(part.function, measured, expected);
        compareSums(part.function, measured, expected);
        for (const [index, expression] of part.by.entries()) {
          const values: readonly Series[] = expected.by?.[expression] ?? [];
          assert.deepEqual(
            plain(marginal(measured.series, index)),
            expectedCounts(values),
            `${part.function} by ${expression}`,
          );
          compared += values.length;
        }
      }
      assert.ok(compared > 100, `${compared} values compared`);
      await fixture.stop();
    });
  }
}
