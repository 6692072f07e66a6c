/**
 * What USDT probes pass, recorded and compared as whole lists with what the fixtures say they passed: in C with and
 * without optimization, in C reached from Go, in a library loaded from memory, and in pure Go.
 */
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  type FiredArgument,
  type Fixture,
  type FixtureMode,
  fixturePath,
  type GoVersion,
  runUsdt,
  startFixture,
  type UsdtTruth,
  usdtPath,
} from "../fixture.js";
import { gospect, type HistJson, histOf, type Outcome } from "./cli.js";
import { withoutKernel } from "./measuring.js";
import { measureRound, type Round } from "./usdt-rounds.js";

const options = { skip: withoutKernel };
const folder = mkdtempSync(join(tmpdir(), "gospect-usdt-"));
after(() => rmSync(folder, { recursive: true }));

interface Told {
  readonly function: string;
  readonly goid: number | null;
  readonly args: Readonly<Record<string, FiredArgument | { readonly unreadable: string }>>;
  readonly show: Readonly<Record<string, FiredArgument>>;
  readonly stack: readonly { readonly function: string }[];
}

const linesOf = ({ stdout }: Outcome): readonly Told[] =>
  stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Told => JSON.parse(line));

/** In an order that does not depend on when things happened. */
const sorted = (values: Iterable<unknown>): readonly string[] =>
  Array.from(values, (value) => JSON.stringify(value)).sort();

/** The arguments that are addresses of text, by probe; what is there is compared by `--show`. */
const ADDRESSES: Readonly<Record<string, readonly number[]>> = {
  "fix:strings": [0],
  "fix:guarded": [1],
  "cgo:lookup": [1],
  "memory:fired": [1],
  "pure:text": [1, 3],
};

const argumentsOf = (probe: string, values: readonly unknown[]): readonly unknown[] =>
  values.map((value, index) => {
    if (ADDRESSES[probe]?.includes(index)) return "address";
    return typeof value === "object" && value !== null && "unreadable" in value ? null : value;
  });

/** What was fired of the probes that have this provider, by name; the ends of spans are probes too. */
function firedOf(truth: UsdtTruth, provider: string): Readonly<Record<string, readonly string[]>> {
  const lists: Record<string, (readonly FiredArgument[])[]> = {};
  const add = (probe: string, fired: readonly (readonly FiredArgument[])[]): void => {
    if (probe.startsWith(`${provider}:`)) lists[probe] = [...(lists[probe] ?? []), ...fired];
  };
  for (const [probe, fired] of Object.entries(truth.probes)) add(probe, fired);
  for (const [name, spans] of Object.entries(truth.spans)) {
    const [from = "", to = ""] = name.split("..");
    add(
      from,
      spans.map(({ begin }) => begin),
    );
    add(
      to,
      spans.map(({ end }) => end),
    );
  }
  return Object.fromEntries(
    Object.entries(lists).map(([probe, fired]) => [probe, sorted(fired.map((each) => argumentsOf(probe, each)))]),
  );
}

function toldOf(lines: readonly Told[]): Readonly<Record<string, readonly string[]>> {
  const lists: Record<string, unknown[]> = {};
  for (const line of lines) {
    const probe = line.function.replace(/^usdt:/, "");
    lists[probe] = [...(lists[probe] ?? []), argumentsOf(probe, Object.values(line.args))];
  }
  return Object.fromEntries(Object.entries(lists).map(([probe, told]) => [probe, sorted(told)]));
}

/** Records every probe of a provider through one round, and compares every argument of each. */
async function compareArguments(fixture: Fixture, provider: string): Promise<Round> {
  const round = await measureRound(fixture, "trace", `usdt:${provider}:*`);
  assert.deepEqual(toldOf(linesOf(round.outcome)), firedOf(round.truth, provider));
  return round;
}

/** Records the text that an argument leads to. */
async function compareTexts(fixture: Fixture, probe: string, text: string, index: number): Promise<void> {
  const { truth, outcome } = await measureRound(fixture, "trace", `usdt:${probe}`, "--show", text);
  const fired = truth.probes[probe] ?? [];
  assert.notEqual(fired.length, 0);
  assert.deepEqual(
    sorted(linesOf(outcome).map(({ show }) => show[text])),
    sorted(fired.map((values) => values[index])),
  );
}

/** A span's calls, and their whole time between what they took inside and outside. */
async function compareSpans(fixture: Fixture, name: string, ...words: readonly string[]): Promise<HistJson> {
  const [from, to] = name.split("..");
  const { truth, outcome } = await measureRound(fixture, "hist", `usdt:${from}..usdt:${to}`, ...words);
  const hist = histOf(outcome);
  const spans = truth.spans[name] ?? [];
  const { entries, returns, open, unmatchedReturns, lost } = hist.balance;
  assert.deepEqual(
    { entries, returns, open, unmatchedReturns, lost },
    { entries: spans.length, returns: spans.length, open: 0, unmatchedReturns: 0, lost: 0 },
  );
  const total = (times: Iterable<number>): number => [...times].reduce((sum, time) => sum + time, 0);
  const measured = total(hist.series.map(({ sum }) => sum ?? 0));
  assert.ok(measured >= total(spans.map(({ innerNs }) => innerNs)), "no shorter than what the spans enclose");
  assert.ok(measured <= total(spans.map(({ outerNs }) => outerNs)), "no longer than what encloses the spans");
  return hist;
}

/** Records which goroutine fired each probe, from where. Frames of cgo's own come before that of the Go function. */
async function compareCallers(fixture: Fixture, probe: string): Promise<void> {
  const { truth, outcome } = await measureRound(fixture, "trace", `usdt:${probe}`, "--stack");
  const callers = truth.callers?.[probe] ?? [];
  assert.notEqual(callers.length, 0);
  const own = callers[0]?.stack[0];
  assert.deepEqual(
    sorted(
      linesOf(outcome).map(({ goid, args, stack }) => {
        const names = stack.map((frame) => frame.function);
        return [goid, argumentsOf(probe, Object.values(args)), names.slice(names.indexOf(own ?? ""))];
      }),
    ),
    sorted(callers.map(({ goid, args, stack }) => [goid, argumentsOf(probe, args), stack])),
  );
}

for (const optimization of ["O0", "O2"] as const) {
  test(`C with -${optimization}: every argument of every probe`, options, async () => {
    using fixture = await startFixture(usdtPath(optimization));
    const { truth } = await compareArguments(fixture, "fix");
    assert.deepEqual(Object.keys(truth.probes).includes("fix:guarded"), true, "its semaphore was raised");
    await compareArguments(fixture, "libfix");
    await compareTexts(fixture, "fix:strings", "str(arg0)", 0);
    await compareTexts(fixture, "fix:guarded", "str(arg1)", 1);
    const { semaphores, probes } = await runUsdt(fixture);
    assert.deepEqual(semaphores, { "fix:guarded": [0], "fix:wanted": [0] });
    assert.equal(probes["fix:guarded"], undefined, "nobody wants it any more");
    await fixture.stop();
  });

  test(`C with -${optimization}: spans of a thread, and of a value on any thread`, options, async () => {
    using fixture = await startFixture(usdtPath(optimization));
    const nested = await compareSpans(fixture, "fix:span__begin..fix:span__end", "--by", "arg1");
    const counts = Object.fromEntries(nested.series.map(({ by, count }) => [JSON.stringify(by), count]));
    const truth = await runUsdt(fixture);
    const expected: Record<string, number> = {};
    for (const { begin } of truth.spans["fix:span__begin..fix:span__end"] ?? []) {
      const key = JSON.stringify({ arg1: begin[1] });
      expected[key] = (expected[key] ?? 0) + 1;
    }
    assert.deepEqual(counts, expected);
    await compareSpans(fixture, "fix:handoff__begin..fix:handoff__end", "--match", "arg0");
    await fixture.stop();
  });
}

test("C: halves of spans are open or unmatched, and in the balance", options, async () => {
  using fixture = await startFixture(usdtPath("O2"));
  const name = "usdt:fix:half__begin..usdt:fix:half__end";
  const { truth, outcome } = await measureRound(fixture, "hist", name, "--match", "arg0");
  const ids = (probe: string): readonly number[] => (truth.probes[probe] ?? []).map(([id]) => Number(id));
  const [begun, ended] = [ids("fix:half__begin"), ids("fix:half__end")];
  const { balance } = histOf(outcome);
  assert.deepEqual(
    { entries: balance.entries, returns: balance.returns, open: balance.open, unmatched: balance.unmatchedReturns },
    {
      entries: begun.length,
      returns: ended.filter((id) => begun.includes(id)).length,
      open: begun.filter((id) => !ended.includes(id)).length,
      unmatched: ended.filter((id) => !begun.includes(id)).length,
    },
  );
});

for (const version of ["1.19", "1.27"] as const) {
  test(`cgo with Go ${version}: arguments, goroutines, Go stacks and spans`, options, async () => {
    using fixture = await startFixture(fixturePath("usdtcgo", version, "external"));
    await compareArguments(fixture, "cgo");
    await compareTexts(fixture, "cgo:lookup", "str(arg1)", 1);
    await compareCallers(fixture, "cgo:lookup");
    await compareCallers(fixture, "cgo:guarded");
    await compareSpans(fixture, "cgo:work__begin..cgo:work__end");
    await fixture.stop();
  });

  test(`a library in memory with Go ${version}: arguments, goroutines and Go stacks`, options, async () => {
    const path = fixturePath("usdtcgo", version, "external");
    using fixture = await startFixture(path, ["-library", usdtPath("O2", "libmemory.so")]);
    await compareArguments(fixture, "memory");
    await compareTexts(fixture, "memory:fired", "str(arg1)", 1);
    await compareCallers(fixture, "memory:guarded");
    await fixture.stop();
  });
}

const PURE: readonly (readonly [GoVersion, FixtureMode])[] = [
  ["1.19", "plain"],
  ["1.27", "pie"],
  ["1.27", "stripped"],
];
for (const [version, mode] of PURE) {
  test(`pure Go ${version} ${mode}: arguments, goroutines, Go stacks and spans`, options, async () => {
    const path = join(folder, `${version}-${mode}`);
    copyFileSync(fixturePath("usdtgo", version, mode), path);
    assert.equal((await gospect(["usdt", "stamp", path])).status, 0);
    using fixture = await startFixture(path);
    await compareArguments(fixture, "pure");
    await compareTexts(fixture, "pure:text", "str(arg1, arg2)", 1);
    await compareTexts(fixture, "pure:text", "str(arg3, arg4)", 3);
    await compareCallers(fixture, "pure:widths");
    await compareCallers(fixture, "pure:nothing");
    await compareSpans(fixture, "pure:work__begin..pure:work__end");
    fixture.send("go");
    assert.deepEqual(await fixture.nextMessage(), { probes: {}, spans: {}, callers: {} }, "nobody wants them any more");
    await fixture.stop();
  });
}
