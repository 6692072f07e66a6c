/**
 * `truth` counts and times its own calls. Measured from outside, every count must be its count, to the call, for every
 * value of every expression; every duration must lie between what the function saw of itself and what its caller saw:
 * so must their sum, and so must the number of those below any power of two.
 */
import assert from "node:assert/strict";
import type { Aggregate, Series as MeasuredSeries } from "../../src/aggregate/index.js";
import {
  type Ending,
  type Fixture,
  type FunctionTruth,
  runTruth,
  type Series,
  type Times,
  type Truth,
} from "../fixture.js";
import { Measuring, planner } from "./measuring.js";

/** Dimensions of one run. */
const MOST_DIMENSIONS = 4;

/** One `ret` and nothing else: entered and left by the same instruction, so it has no latency to measure. */
const SINGLE_RETURN = "main.Nothing";

interface Part {
  readonly function: string;
  readonly by: readonly string[];
  readonly measuring: Measuring;
}

/** One series, or several that share a value of one expression. */
type Calls = readonly MeasuredSeries[];

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
export function asText(bytes: Buffer): string {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const character = characterAt(bytes, at);
    at += character === undefined ? 1 : Buffer.byteLength(character);
    if (at > STRING_BYTES) return `${text}…`;
    text += character ?? `\\x${(bytes[at - 1] ?? 0).toString(16)}`;
  }
  return text;
}

function groupBy<T>(all: readonly T[], keyOf: (one: T) => string): Map<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const key = keyOf(one);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return groups;
}

/** The calls by the value of one expression, whatever the others were. */
function marginal(series: Calls, dimension: number): Map<string, Calls> {
  return groupBy(series, (one) => JSON.stringify(one.by?.[dimension]?.json ?? "other"));
}

const total = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0);

const countOf = (calls: Calls): number => total(calls.map(({ histogram }) => Number(histogram.count)));

/** What the program knows of the calls that returned, by value as told here. */
function expectedMarginal(series: readonly Series[]): Map<string, readonly Ending[]> {
  const returned = series.filter((one) => one.return.count > 0);
  const byKey = groupBy(returned, expectedKey);
  return new Map([...byKey].map(([key, some]) => [key, some.map((one) => one.return)]));
}

const sorted = (counts: Iterable<readonly [string, number]>): Record<string, number> =>
  Object.fromEntries([...counts].sort());

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
      counted: 0n,
      filtered: 0n,
      undecided: 0n,
    },
    `balance of ${name}`,
  );
  const endings = { panics: BigInt(truth.panic.count), goexits: BigInt(truth.goexit.count) };
  const some = endings.panics + endings.goexits > 0n;
  assert.deepEqual(measured.endings, some ? [{ probe: 0, ...endings }] : [], `endings of ${name}`);
}

/** Bits that the durations of a histogram's bucket have. */
const bitsOf = (duration: bigint): number => (duration === 0n ? 0 : duration.toString(2).length);

/** How many calls took less than 2^0 ns, 2^1, 2^2…, up to 2^64. */
const cumulative = (counts: (bits: number) => number): number[] => {
  let below = 0;
  return Array.from({ length: 65 }, (_, bits) => (below += counts(bits)));
};

const told = (times: readonly Times[]): number[] =>
  cumulative((bits) => total(times.map((each) => each.bits?.[bits] ?? 0)));

function measuredBelow(calls: Calls): number[] {
  const buckets = calls.flatMap(({ histogram }) => histogram.buckets);
  return cumulative((bits) =>
    total(buckets.filter(({ high }) => bitsOf(high - 1n) === bits).map(({ count }) => Number(count))),
  );
}

/** No call takes less than it says itself, and none more than its caller says of it. */
function compareDurations(what: string, calls: Calls, endings: readonly Ending[]): void {
  const inner = endings.map((ending) => ending.inner);
  const outer = endings.map((ending) => ending.outer);
  const sums = [inner, outer].map((times) => total(times.map(({ sum }) => sum)));
  const [innerNs = 0, outerNs = 0] = sums;
  const sumNs = total(calls.map(({ histogram }) => Number(histogram.sum)));
  assert.ok(
    sumNs >= innerNs && sumNs <= outerNs,
    `${what}: inside ${innerNs} ns, measured ${sumNs} ns, outside ${outerNs} ns`,
  );
  const [most, least, measured] = [told(inner), told(outer), measuredBelow(calls)];
  assert.equal(measured.at(-1), countOf(calls), `${what}: every call is in a bucket`);
  for (const [bits, count] of measured.entries()) {
    const [low = 0, high = 0] = [least[bits], most[bits]];
    assert.ok(
      count >= low && count <= high,
      `${what}, calls below 2^${bits} ns: inside ${high}, measured ${count}, outside ${low}`,
    );
  }
}

function compareValues(
  part: Part,
  index: number,
  expression: string,
  measured: Aggregate,
  truth: FunctionTruth,
): number {
  const what = `${part.function} by ${expression}`;
  const actual = marginal(measured.series, index);
  const expected = expectedMarginal(truth.by?.[expression] ?? []);
  assert.deepEqual(
    sorted([...actual].map(([key, calls]) => [key, countOf(calls)])),
    sorted([...expected].map(([key, endings]) => [key, total(endings.map(({ count }) => count))])),
    what,
  );
  for (const [key, endings] of expected) compareDurations(`${what} = ${key}`, actual.get(key) ?? [], endings);
  return expected.size;
}

async function startAll(pid: number, preview: Truth, knowledge: Knowledge): Promise<Part[]> {
  const target = { kind: "pid", pid } as const;
  const plan = await planner(target, knowledge.symbols);
  const parts: Part[] = [];
  for (const [name, { by = {} }] of Object.entries(preview)) {
    if (name === SINGLE_RETURN) {
      assert.throws(() => plan({ probes: [name] }), { code: "entry-is-exit" });
      continue;
    }
    const signature = knowledge.signatures?.[name];
    const signatures = signature === undefined ? [] : [`${name}=${signature}`];
    const expressions = Object.keys(by).filter(
      (expression) => knowledge.unknown?.[name]?.includes(expression) !== true,
    );
    for (let at = 0; at === 0 || at < expressions.length; at += MOST_DIMENSIONS) {
      const some = expressions.slice(at, at + MOST_DIMENSIONS);
      const request = { probes: [name], by: some, signatures };
      parts.push({ function: name, by: some, measuring: await Measuring.start(plan(request), target) });
    }
  }
  return parts;
}

/** What is told about the functions of a stripped program. */
export interface Knowledge {
  /** `func(…) …` by function. */
  readonly signatures?: Readonly<Record<string, string>>;
  /** Expressions that need more than that, by function; they are not asked. */
  readonly unknown?: Readonly<Record<string, readonly string[]>>;
  /** Path of a symbol file, which tells all that debug data would. */
  readonly symbols?: string;
}

/**
 * Measures every function of a running `truth` through one of its rounds, by every expression it has values of, and
 * compares. Returns how many values were compared.
 */
export async function compareRound(fixture: Fixture, knowledge: Knowledge = {}): Promise<number> {
  const parts = await startAll(fixture.pid, await runTruth(fixture), knowledge);
  const truth = await runTruth(fixture);
  let compared = 0;
  for (const part of parts) {
    const measured = part.measuring.stop();
    part.measuring[Symbol.dispose]();
    const expected: FunctionTruth | undefined = truth[part.function];
    assert.ok(expected !== undefined, `${part.function} is in every round`);
    compareBalance(part.function, measured, expected);
    compareDurations(part.function, measured.series, [expected.return]);
    for (const [index, expression] of part.by.entries()) {
      compared += compareValues(part, index, expression, measured, expected);
    }
  }
  return compared;
}
