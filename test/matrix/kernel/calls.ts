/**
 * Programs that say which calls they made, with which values (fixtures/variety, fixtures/cgo), measured from outside:
 * every function's calls are counted to the call, by every value of every expression.
 */
import assert from "node:assert/strict";
import type { Aggregate } from "../../../src/aggregate/index.js";
import { type Fixture, startFixture } from "../../fixture.js";
import { Measuring, planner } from "../../kernel/measuring.js";

interface Call {
  readonly function: string;
  readonly values: Readonly<Record<string, number | string | boolean>>;
}

/** Debug data describe no assembly: these are told. */
const SIGNATURES: Readonly<Record<string, string>> = {
  "main.Triple": "func(n int64, add int32) int64",
  "main.Jumps": "func(n int64, add int32) int64",
  "main.Framed": "func(n int64) int64",
};

const signaturesOf = (name: string): readonly string[] => {
  const signature = SIGNATURES[name];
  return signature === undefined ? [] : [`${name}=${signature}`];
};

/** Dimensions of one run. */
const MOST_DIMENSIONS = 4;

async function performCalls(fixture: Fixture): Promise<ReadonlyMap<string, readonly Call[]>> {
  fixture.send("go");
  const { calls } = await fixture.nextMessage<{ calls: readonly Call[] }>();
  const byFunction = new Map<string, Call[]>();
  for (const call of calls) byFunction.set(call.function, [...(byFunction.get(call.function) ?? []), call]);
  return byFunction;
}

type Counts = Readonly<Record<string, number>>;

const countBy = (keys: readonly (readonly [string, number])[]): Counts => {
  const counts: Record<string, number> = {};
  for (const [key, count] of keys) counts[key] = (counts[key] ?? 0) + count;
  return Object.fromEntries(Object.entries(counts).sort());
};

const measured = ({ series }: Aggregate, dimension: number): Counts =>
  countBy(series.map((one) => [JSON.stringify(one.by?.[dimension]?.json ?? "other"), Number(one.histogram.count)]));

const expected = (calls: readonly Call[], expression: string): Counts =>
  countBy(calls.map(({ values }) => [JSON.stringify(values[expression]), 1]));

/** Expressions that every call of a function has a value of. */
const expressionsOf = (calls: readonly Call[]): readonly string[] =>
  Object.keys(calls[0]?.values ?? {}).filter((expression) => calls.every(({ values }) => expression in values));

/** How the values are looked at: a stripped program says nothing of its arguments. */
export type Looking = "values" | "counts";

/**
 * Measures all functions through one round. Returns how many values were compared, and refusals by `FUNCTION EXPRESSION`,
 * for the caller to compare with what must be refused.
 */
export async function compareCalls(
  path: string,
  looking: Looking,
): Promise<{ readonly compared: number; readonly refused: Readonly<Record<string, string>> }> {
  using fixture = await startFixture(path);
  const target = { kind: "pid", pid: fixture.pid } as const;
  const plan = await planner(target);
  const refused: Record<string, string> = {};
  const parts: { readonly function: string; readonly by: readonly string[]; readonly measuring: Measuring }[] = [];
  for (const [name, calls] of await performCalls(fixture)) {
    const expressions =
      looking === "counts"
        ? []
        : expressionsOf(calls).filter((expression) => {
            try {
              plan({ probes: [name], by: [expression], signatures: signaturesOf(name) });
              return true;
            } catch (error) {
              refused[`${name} ${expression}`] = (error as { code?: string }).code ?? String(error);
              return false;
            }
          });
    for (let at = 0; at === 0 || at < expressions.length; at += MOST_DIMENSIONS) {
      const by = expressions.slice(at, at + MOST_DIMENSIONS);
      parts.push({
        function: name,
        by,
        measuring: await Measuring.start(plan({ probes: [name], by, signatures: signaturesOf(name) }), target),
      });
    }
  }
  const made = await performCalls(fixture);
  let compared = 0;
  for (const part of parts) {
    const calls = made.get(part.function) ?? [];
    const results = part.measuring.stop();
    part.measuring[Symbol.dispose]();
    const { entries, returns, discrepancy, lost, unmatchedReturns } = results.balance;
    assert.deepEqual(
      { entries, returns, discrepancy, lost, unmatchedReturns },
      {
        entries: BigInt(calls.length),
        returns: BigInt(calls.length),
        discrepancy: 0n,
        lost: 0n,
        unmatchedReturns: 0n,
      },
      `balance of ${part.function}`,
    );
    for (const [index, expression] of part.by.entries()) {
      assert.deepEqual(measured(results, index), expected(calls, expression), `${part.function} by ${expression}`);
      compared++;
    }
  }
  await fixture.stop();
  return { compared, refused };
}
