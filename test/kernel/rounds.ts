/**
 * `truth` counts and times its own calls. Measured from outside, every count must be its count, to the call, for every
 * value of every expression; every sum must lie between what the function saw of itself and what its caller saw.
 */
import assert from "node:assert/strict";
import type { Aggregate, Series as MeasuredSeries } from "../../src/aggregate/index.js";
import { type Ending, type Fixture, type FunctionTruth, runTruth, type Series, type Truth } from "../fixture.js";
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

/** What the program knows of the calls that returned, by value as told here. */
function expectedMarginal(series: readonly Series[]): Map<string, Ending> {
  const result = new Map<string, Ending>();
  for (const one of series) {
    if (one.return.count === 0) continue;
    const key = expectedKey(one);
    const { count, innerNs, outerNs } = result.get(key) ?? { count: 0, innerNs: 0, outerNs: 0 };
    result.set(key, {
      count: count + one.return.count,
      innerNs: innerNs + one.return.innerNs,
      outerNs: outerNs + one.return.outerNs,
    });
  }
  return result;
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

function compareSum(what: string, sumNs: number, { innerNs, outerNs }: Ending): void {
  assert.ok(
    sumNs >= innerNs && sumNs <= outerNs,
    `${what}: inside ${innerNs} ns, measured ${sumNs} ns, outside ${outerNs} ns`,
  );
}

/** Calls that are long against the cost of a probe, because they wait: inside and outside are near, and so is the sum. */
const LONG = { function: "main.(*Store).Lookup", by: "tenant", value: '"acme"' } as const;

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
  assert.deepEqual(plain(actual), plain(expected), what);
  for (const [key, ending] of expected) {
    const sumNs = actual.get(key)?.sumNs ?? 0;
    compareSum(`${what} = ${key}`, sumNs, ending);
    if (part.function === LONG.function && expression === LONG.by && key === LONG.value) {
      assert.ok(sumNs <= ending.innerNs * 1.1, `${what}: measured ${sumNs} ns, the function ${ending.innerNs} ns`);
    }
  }
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
    const total = measured.series.reduce((sum, { histogram }) => sum + Number(histogram.sum), 0);
    compareSum(part.function, total, expected.return);
    for (const [index, expression] of part.by.entries()) {
      compared += compareValues(part, index, expression, measured, expected);
    }
  }
  return compared;
}
