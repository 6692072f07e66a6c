/**
 * Programs that say which calls they made, with which values (fixtures/abi, fixtures/variety, fixtures/cgo), measured from
 * outside: every function's calls are counted to the call, by every value of every expression.
 */
import assert from "node:assert/strict";
import type { Aggregate } from "../../../src/aggregate/index.js";
import { type Fixture, startFixture } from "../../fixture.js";
import { Measuring, planner, type Request } from "../../kernel/measuring.js";
import { asText } from "../../kernel/rounds.js";

/** Bytes that are no UTF-8. */
interface Bytes {
  readonly hex: string;
}

type Value = number | string | boolean | null | Bytes | { readonly unreadable: string };

interface Call {
  readonly function: string;
  readonly values: Readonly<Record<string, Value>>;
  /** Expressions for what is no single word or text, and their kinds. */
  readonly wholes?: Readonly<Record<string, string>>;
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

/** LIMIT: runs at a time; each has maps of its own. */
const MOST_RUNS = 64;

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
  countBy(
    series.map(({ by, histogram }) => [
      JSON.stringify(by === undefined ? "other" : by[dimension]?.json),
      Number(histogram.count),
    ]),
  );

const isBytes = (value: Value | undefined): value is Bytes =>
  typeof value === "object" && value !== null && "hex" in value;

const spell = (value: Value | undefined): string =>
  JSON.stringify(isBytes(value) ? asText(Buffer.from(value.hex, "hex")) : value);

const expected = (calls: readonly Call[], expression: string): Counts =>
  countBy(calls.map(({ values }) => [spell(values[expression]), 1]));

/** Expressions that every call of a function has a value of. */
const expressionsOf = (calls: readonly Call[]): readonly string[] =>
  Object.keys(calls[0]?.values ?? {}).filter((expression) => calls.every(({ values }) => expression in values));

/** How the values are looked at: a stripped program says nothing of its arguments. */
export type Looking = "values" | "counts";

export interface Comparison {
  /** How many values were compared. */
  readonly compared: number;
  /** Code by `FUNCTION EXPRESSION`, or `FUNCTION` where no call of it is seen: for the caller to hold against what must be refused. */
  readonly refused: Readonly<Record<string, string>>;
  /** Kind by `FUNCTION EXPRESSION`, of what the program calls no single word or text. */
  readonly wholes: Readonly<Record<string, string>>;
}

interface Part {
  readonly function: string;
  readonly request: Request & { readonly by: readonly string[] };
}

/** What is to be measured so that every expression of every function is, and what can't be. */
class Preparation {
  readonly parts: Part[] = [];
  readonly refused: Record<string, string> = {};
  readonly wholes: Record<string, string> = {};
  private readonly plan: Plan;

  constructor(plan: Plan) {
    this.plan = plan;
  }

  add(name: string, calls: readonly Call[], looking: Looking): void {
    const common = { probes: [name], signatures: signaturesOf(name) };
    if (!this.isAccepted({ ...common, by: [] }, name)) return;
    const accepts = (expression: string): boolean =>
      this.isAccepted({ ...common, by: [expression] }, `${name} ${expression}`);
    const wholes = looking === "counts" ? {} : (calls[0]?.wholes ?? {});
    for (const [expression, kind] of Object.entries(wholes)) {
      this.wholes[`${name} ${expression}`] = kind;
      accepts(expression);
    }
    const expressions = looking === "counts" ? [] : expressionsOf(calls).filter(accepts);
    for (let at = 0; at === 0 || at < expressions.length; at += MOST_DIMENSIONS) {
      const by = expressions.slice(at, at + MOST_DIMENSIONS);
      this.parts.push({ function: name, request: { ...common, by } });
    }
  }

  private isAccepted(request: Request, what: string): boolean {
    try {
      this.plan(request);
      return true;
    } catch (error) {
      this.refused[what] = (error as { code?: string }).code ?? String(error);
      return false;
    }
  }
}

type Plan = Awaited<ReturnType<typeof planner>>;

function compareRun({ function: name, request }: Part, results: Aggregate, calls: readonly Call[]): void {
  const { entries, returns, discrepancy, lost, unmatchedReturns } = results.balance;
  const count = BigInt(calls.length);
  assert.deepEqual(
    { entries, returns, discrepancy, lost, unmatchedReturns },
    { entries: count, returns: count, discrepancy: 0n, lost: 0n, unmatchedReturns: 0n },
    `balance of ${name}`,
  );
  for (const [index, expression] of request.by.entries()) {
    assert.deepEqual(measured(results, index), expected(calls, expression), `${name} by ${expression}`);
  }
}

/** Measures all functions, through as many rounds as it takes. */
export async function compareCalls(path: string, looking: Looking): Promise<Comparison> {
  using fixture = await startFixture(path);
  const target = { kind: "pid", pid: fixture.pid } as const;
  const plan = await planner(target);
  const preparation = new Preparation(plan);
  for (const [name, calls] of await performCalls(fixture)) preparation.add(name, calls, looking);
  const { parts, refused, wholes } = preparation;
  for (let at = 0; at < parts.length; at += MOST_RUNS) {
    const runs: { readonly part: Part; readonly measuring: Measuring }[] = [];
    try {
      for (const part of parts.slice(at, at + MOST_RUNS))
        runs.push({ part, measuring: await Measuring.start(plan(part.request), target) });
      const made = await performCalls(fixture);
      for (const { part, measuring } of runs) compareRun(part, measuring.stop(), made.get(part.function) ?? []);
    } finally {
      for (const { measuring } of runs) measuring[Symbol.dispose]();
    }
  }
  await fixture.stop();
  return { compared: parts.reduce((sum, { request }) => sum + request.by.length, 0), refused, wholes };
}
