import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowBuilder, type FlowCall, type TracedCall } from "../../src/aggregate/index.js";
import { seededRandom } from "./recording.js";

const SECOND = 1_000_000_000n;

function call(
  function_: string,
  level: number,
  start: bigint,
  end: bigint,
  fields: Partial<TracedCall> = {},
): TracedCall {
  return {
    probe: 0,
    function: function_,
    outcome: "return",
    time: start,
    durationNs: end - start,
    goid: 1n,
    tgid: 1,
    tid: 1,
    level,
    arguments: [],
    results: [],
    shown: [],
    untyped: false,
    entryLost: false,
    stack: undefined,
    parentGoid: undefined,
    createdAt: undefined,
    ...fields,
  };
}

/** `main(own)[child, …]`, with callers that are missing before and calls shown early after it. */
const text = ({ call: { function: name }, ownNs, children, missingCallers, shownBefore }: FlowCall): string =>
  [
    "?".repeat(missingCallers),
    `${name}(${ownNs ?? ""})`,
    children.length === 0 ? "" : `[${children.map(text).join(", ")}]`,
    shownBefore === 0 ? "" : `+${shownBefore}`,
  ].join("");

function flow(calls: readonly TracedCall[], mostWaiting?: number): readonly string[] {
  const builder = new FlowBuilder(mostWaiting);
  return [...calls.flatMap((each) => builder.add(each)), ...builder.finish()].map(text);
}

test("children are inside their caller, and their time is not its own", () => {
  assert.deepEqual(
    flow([
      call("leaf", 2, 12n, 15n),
      call("leaf", 2, 16n, 18n),
      call("inner", 1, 11n, 20n),
      call("inner", 1, 30n, 35n, { outcome: "panic" }),
      call("root", 0, 10n, 40n),
      call("root", 0, 50n, 60n),
    ]),
    ["root(16)[inner(4)[leaf(3), leaf(2)], inner(5)]", "root(10)"],
  );
});

test("goroutines and processes do not mix", () => {
  const other = { goid: 2n };
  const elsewhere = { tgid: 2 };
  assert.deepEqual(
    flow([
      call("a", 1, 1n, 2n),
      call("b", 1, 1n, 2n, other),
      call("c", 1, 1n, 2n, elsewhere),
      call("B", 0, 0n, 9n, other),
      call("A", 0, 0n, 9n),
      call("C", 0, 0n, 9n, elsewhere),
      call("nobody's", 3, 0n, 1n, { goid: 0n }),
    ]),
    ["B(8)[b(1)]", "A(8)[a(1)]", "C(8)[c(1)]", "???nobody's(1)"],
  );
});

test("a place has no time and no children", () => {
  const passed = (name: string, level: number, at: bigint) =>
    call(name, level, at, at, { outcome: "passed", durationNs: undefined });
  assert.deepEqual(
    flow([call("leaf", 1, 12n, 15n), passed("line", 1, 15n), call("root", 0, 10n, 20n), passed("line", 0, 21n)]),
    ["root(7)[leaf(3), line()]", "line()"],
  );
});

test("callers that were not seen to end are missing, not replaced by others", () => {
  assert.deepEqual(flow([call("leaf", 2, 12n, 15n), call("root", 0, 10n, 20n)]), ["root(7)[?leaf(3)]"]);
  assert.deepEqual(
    flow([call("orphan", 1, 1n, 2n), call("leaf", 1, 12n, 15n), call("root", 0, 10n, 20n)]),
    ["root(7)[leaf(3)]", "?orphan(1)"].toSorted(),
  );
  assert.deepEqual(flow([call("orphan", 2, 1n, 2n), call("sibling", 1, 12n, 15n)]), ["??orphan(1)", "?sibling(3)"]);
});

test("who waits too long for its caller is shown without it, and still not the caller's own time", () => {
  assert.deepEqual(
    flow([
      call("early", 1, 1n * SECOND, 2n * SECOND),
      call("late", 1, 8n * SECOND, 9n * SECOND),
      call("root", 0, 0n, 10n * SECOND),
    ]),
    ["?early(1000000000)", "root(8000000000)[late(1000000000)]+1"],
  );
});

test("what was shown before may have been inside another caller, which was left out: then no time is called the call's own", () => {
  const early = (name: string, level: number, start: bigint) => call(name, level, start, start + SECOND);
  const root = call("root", 0, 20n * SECOND, 40n * SECOND);
  assert.deepEqual(
    flow([early("before", 1, 0n), early("inside", 1, 21n * SECOND), early("late", 1, 39n * SECOND - 1n), root]),
    ["?before(1000000000)", "?inside(1000000000)", "root()[late(1000000000)]"],
  );
  // None of its inside was shown before; or all of it, callers that are missing between included.
  assert.deepEqual(flow([early("before", 1, 0n), early("late", 1, 39n * SECOND - 1n), root]), [
    "?before(1000000000)",
    "root(19000000000)[late(1000000000)]",
  ]);
  assert.deepEqual(flow([early("inside", 2, 21n * SECOND), early("late", 1, 39n * SECOND - 1n), root]), [
    "??inside(1000000000)",
    "root(18000000000)[late(1000000000)]+1",
  ]);
});

test("no more wait than may", () => {
  const calls = Array.from({ length: 50 }, (_, index) => call(`f${index}`, 1, BigInt(index), BigInt(index) + 1n));
  const builder = new FlowBuilder(10);
  let waiting = 0;
  for (const each of calls) {
    waiting += 1 - builder.add(each).length;
    assert.ok(waiting <= 10);
  }
  waiting -= builder.finish().length;
  assert.equal(waiting, 0);
});

test("random programs: every call is shown once, in the tree that the program made", () => {
  const random = seededRandom(4);
  for (let round = 0; round < 200; round++) {
    let clock = 0n;
    const ends: TracedCall[] = [];
    const run = (level: number): string => {
      const name = `f${ends.length}l${level}r${Math.floor(random() * 1e6)}`;
      const start = clock++;
      const children: string[] = [];
      let inside = 0n;
      while (level < 6 && random() < 0.55) {
        const before = clock;
        children.push(run(level + 1));
        inside += (ends.at(-1)?.durationNs ?? 0n) + (before - before);
        clock++;
      }
      const end = clock++;
      ends.push(call(name, level, start, end));
      return `${name}(${end - start - inside})${children.length === 0 ? "" : `[${children.join(", ")}]`}`;
    };
    const trees = Array.from({ length: 5 }, () => run(0));
    assert.deepEqual(flow(ends), trees);
  }
});
