/**
 * C functions, spans and places of a program of C: every count is the program's own, whatever its calls do: nest, run in many
 * threads, are left by longjmp, are deeper than the kernel follows.
 */
import assert from "node:assert/strict";
import { copyFileSync, readdirSync } from "node:fs";
import { release } from "node:os";
import { test } from "node:test";
import { gsGoroutine, gsGoroutineKey } from "../../src/abi/index.js";
import type { Aggregate, Dimension } from "../../src/aggregate/index.js";
import { openCodeFile } from "../../src/binary/index.js";
import { forEachElement, type MapShape } from "../../src/bpf/index.js";
import { failed, mapSizes, updateMapElement } from "../../src/kernel/index.js";
import { type ProbePlan, planProbes } from "../../src/probes/index.js";
import { CodeFile } from "../../src/symbols/index.js";
import { type Fixture, startFixture } from "../fixture.js";
import { Measuring, withoutKernel } from "./measuring.js";
import { type Answer, cFunction, command, Native, place, recipe, register, spanEnd } from "./nests.js";
import { until } from "./programs.js";
import { balance, countsOf } from "./subject.js";

const options = { skip: withoutKernel };
const MODES = ["uprobe-multi", "perf-event"] as const;

const integer = (name: string): Dimension => ({ name, encoding: { kind: "integer", signed: true, size: 8 } });
const string = (name: string): Dimension => ({ name, encoding: { kind: "string" } });

const total = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

/** What a run on the process counts while it does what the words say, and the process's last answer. */
async function during(
  native: Fixture,
  plan: ProbePlan,
  words: readonly string[],
  attachMode: (typeof MODES)[number] = "uprobe-multi",
): Promise<Aggregate & { readonly answer: Answer | undefined }> {
  using measuring = await Measuring.start(plan, { kind: "pid", pid: native.pid }, { attachMode });
  let answer: Answer | undefined;
  for (const each of words) answer = await command(native, each);
  return { ...measuring.stop(), answer };
}

for (const mode of MODES) {
  test(`calls of C functions are paired by their threads and depths: ${mode}`, options, async () => {
    using native = await Native.build("-pie");
    using fixture = await startFixture(native.path);
    const names = native.plan(
      [
        cFunction(native, "work", 0, {
          recipes: [recipe("entry", { op: "register", register: "si" }, { op: "c-string" })],
        }),
      ],
      { dimensions: [string("str(arg1)")] },
    );
    const called = await during(fixture, names, ["work 100", "threads 8 500", "long 63", "long 64", "long 65"], mode);
    assert.deepEqual(called.balance, balance({ returns: 100n + 8n * 500n + 3n }));
    assert.deepEqual(countsOf(called), {
      '["even"]': 50,
      '["odd"]': 50,
      '["thread"]': 8 * 500,
      [JSON.stringify(["x".repeat(63)])]: 1,
      [JSON.stringify(["x".repeat(64)])]: 1,
      [JSON.stringify([`${"x".repeat(64)}…`])]: 1,
    });
    const results = native.plan(
      [cFunction(native, "recurse", 0, { recipes: [register("entry", "di"), register("return", "ax")] })],
      {
        dimensions: [integer("arg0"), integer("ret")],
      },
    );
    const recursed = await during(fixture, results, ["recurse 20 3", "threads 8 500"], mode);
    // In threads from 0 to 4 levels, as often each.
    const expected: Record<string, number> = Object.fromEntries(
      Array.from({ length: 21 }, (_, level) => [
        `[${level},${level}]`,
        3 + (level < 5 ? 8 * 100 * (5 - level) : 0),
      ]).sort(),
    );
    assert.deepEqual(countsOf(recursed), expected);
    const returns = total(expected);
    assert.deepEqual(recursed.balance, balance({ returns: BigInt(returns) }));
    await fixture.stop();
  });

  test(`calls that longjmp or a thread's end leaves are lost, and nothing else is: ${mode}`, options, async () => {
    using native = await Native.build("-no-pie");
    using fixture = await startFixture(native.path);
    const plan = native.plan([
      cFunction(native, "thrower", 0),
      cFunction(native, "catcher", 1),
      cFunction(native, "quitter", 2),
    ]);
    const left = await during(fixture, plan, ["longjmp 3 10", "exits 5", "longjmp 0 1"], mode);
    const { open } = left.balance;
    assert.deepEqual(left.balance, balance({ returns: 11n, lost: 10n * 4n + 1n + 5n - open, open }));
    assert.equal(left.loss.left, left.balance.lost);
    await fixture.stop();
  });

  test(
    `a call left by siglongjmp on another stack costs its function's calls on that thread: ${mode}`,
    options,
    async () => {
      using native = await Native.build("-pie");
      using fixture = await startFixture(native.path);
      const plan = native.plan([cFunction(native, "on_signal", 0), cFunction(native, "work", 1)]);
      const handled = await during(fixture, plan, ["handle 3", "signal 4", "handle 3", "work 2"], mode);
      assert.deepEqual(handled.balance, balance({ returns: 12n }));
      // Until the function is called on that stack once more.
      const left = await during(fixture, plan, ["leave", "handle 5", "work 2", "signal 2", "handle 7"], mode);
      assert.deepEqual(left.balance, balance({ returns: 11n, lost: 6n, unmatchedReturns: 5n }));
      assert.deepEqual([left.loss.left, left.loss.homeless], [1n, 5n]);
      await fixture.stop();
    },
  );

  test(`recursion that is deeper than the kernel follows adds up: ${mode}`, options, async () => {
    using native = await Native.build("-no-pie");
    using fixture = await startFixture(native.path);
    const deep = await during(
      fixture,
      native.plan([cFunction(native, "recurse", 0)]),
      ["recurse 99 2", "recurse 9 1"],
      mode,
    );
    const { returns, lost } = deep.balance;
    assert.deepEqual(deep.balance, balance({ returns, lost }));
    assert.equal(deep.balance.entries, 210n);
    assert.equal(deep.loss.left, lost);
    await fixture.stop();
  });

  test(`places with semaphores: ${mode}`, options, async () => {
    using native = await Native.build("-pie");
    using fixture = await startFixture(native.path);
    const di = [register("entry", "di")];
    const plan = native.plan([place(native, "place_first", "first_semaphore", { recipes: di })], {
      dimensions: [integer("arg0")],
      measure: { kind: "count" },
    });
    assert.deepEqual((await command(fixture, "pass 10")).semaphores, [0, 0]);
    const passed = await during(fixture, plan, ["pass 3"], mode);
    assert.deepEqual(passed.answer, { result: 0, first: 3, second: 0, semaphores: [1, 0] });
    assert.deepEqual(countsOf(passed), { "[0]": 1, "[1]": 1, "[2]": 1 });
    assert.equal(passed.balance.counted, 3n);
    assert.equal(passed.loss.noGoroutine, 0n);
    assert.deepEqual(await command(fixture, "pass 10"), { result: 0, first: 3, second: 0, semaphores: [0, 0] });
    await fixture.stop();
  });

  test(`spans of threads nest: ${mode}`, options, async () => {
    using native = await Native.build("-pie");
    using fixture = await startFixture(native.path);
    const begin = spanEnd(native, "span-begin", "place_begin", 0, {
      recipes: [register("entry", "di"), recipe("return")],
    });
    const end = spanEnd(native, "span-end", "place_end", 0, { recipes: [recipe("entry"), register("return", "si")] });
    const plan = native.plan([begin, end], { dimensions: [integer("arg0"), integer("ret1")] });
    const nested = await during(fixture, plan, ["close 2", "nest 12 5", "spans 8 400", "open 3"], mode);
    const expected: Record<string, number> = Object.fromEntries(
      Array.from({ length: 13 }, (_, id) => [`[${id},${id * 10}]`, 5 + (id < 4 ? 8 * 100 * (4 - id) : 0)]).sort(),
    );
    assert.deepEqual(countsOf(nested), expected);
    const returns = total(expected);
    assert.deepEqual(nested.balance, balance({ returns: BigInt(returns), unmatchedReturns: 2n, open: 3n }));
    await fixture.stop();
  });
}

test("spans of a value begin and end on different threads", options, async () => {
  using native = await Native.build("-pie");
  using fixture = await startFixture(native.path);
  const match = register("entry", "di");
  const plan = native.plan([
    spanEnd(native, "span-begin", "place_begin", 0, { match }),
    spanEnd(native, "span-end", "place_end", 0, { match }),
  ]);
  const matched = await during(fixture, plan, ["values 8 500", "close 3", "open 5", "close 4"]);
  assert.deepEqual(matched.balance, balance({ returns: 8n * 500n + 4n, open: 1n, unmatchedReturns: 3n }));
  const same = await during(fixture, plan, ["same 8 2000"]);
  // Threads that are at the same value at the same time may hinder each other; then it is told.
  const { returns, lost, open, unmatchedReturns } = same.balance;
  assert.deepEqual(same.balance, balance({ returns, lost, open, unmatchedReturns }));
  assert.equal(same.balance.entries, 8n * 2000n);
  assert.equal(returns + unmatchedReturns, 8n * 2000n);
  await fixture.stop();
});

/** The map of open calls of the run that is under way in this process, of which there is one. */
function openCalls(): MapShape {
  for (const fd of readdirSync("/proc/self/fd")) {
    const { keySize, valueSize } = { keySize: gsGoroutineKey.size, valueSize: gsGoroutine.size };
    const sizes = mapSizes(Number(fd));
    if ("errno" in sizes || sizes.keySize !== keySize || sizes.valueSize !== valueSize) continue;
    return { fd: Number(fd), name: "goroutines", keySize, valueSize, perCpu: false };
  }
  throw new Error("no run is under way");
}

/** Has all nests look as if some hit were at work in them, or none. */
function setBusy(busy: 0 | 1): void {
  const map = openCalls();
  forEachElement(map, (key, value) => {
    const bytes = Buffer.from(value(0));
    bytes.writeUInt32LE(busy, gsGoroutine.busy.offset);
    assert.ok(!failed(updateMapElement(map.fd, key, bytes)));
  });
}

test("where a hit waits for a value too long, what it leaves unpaired is lost, and counted", options, async () => {
  using native = await Native.build("-pie");
  using fixture = await startFixture(native.path);
  const match = register("entry", "di");
  const plan = native.plan([
    spanEnd(native, "span-begin", "place_begin", 0, { match }),
    spanEnd(native, "span-end", "place_end", 0, { match }),
  ]);
  using measuring = await Measuring.start(plan, { kind: "pid", pid: fixture.pid });
  await command(fixture, "open 2");
  setBusy(1);
  await command(fixture, "open 1");
  await command(fixture, "close 1");
  setBusy(0);
  // Whether the first span of the first value is still open nothing tells: it is not measured, that of the second is.
  await command(fixture, "open 1");
  await command(fixture, "close 2");
  assert.deepEqual(measuring.stop().balance, balance({ returns: 2n, lost: 2n, unmatchedReturns: 1n }));
  await fixture.stop();
});

test("functions of a program and its library in one run", options, async () => {
  using native = await Native.build("-pie");
  using fixture = await startFixture(native.path);
  const plan = native.plan([
    cFunction(native, "work", 0),
    cFunction(native, "side", 1, { file: 1 }),
    cFunction(native, "inner", 2, { file: 1 }),
  ]);
  const both = await during(fixture, plan, ["work 7", "side 11"]);
  assert.deepEqual(both.balance, balance({ returns: 7n + 11n + 22n }));
  assert.deepEqual(both.series.map(({ function: name, histogram }) => [name, Number(histogram.count)]).sort(), [
    ["c:inner", 22],
    ["c:side", 11],
    ["c:work", 7],
  ]);
  await fixture.stop();
});

test("a probe on a 5-byte nop of C is refused where the kernel would harm the code", options, async () => {
  using native = await Native.build("-pie");
  using fixture = await startFixture(native.path);
  const plan = native.plan([cFunction(native, "long_nop", 0)]);
  const before = await command(fixture, "nop 1000");
  const kernel = release().split(".").map(Number);
  const [major = 0, minor = 0] = kernel;
  const harms = (major === 6 && minor >= 18) || (major === 7 && minor < 2);
  if (harms) {
    await assert.rejects(during(fixture, plan, ["nop 1000"]), { code: "nop-corrupts" });
  } else {
    const counted = await during(fixture, plan, ["nop 1000"]);
    assert.deepEqual(counted.balance, balance({ returns: 1000n }));
    assert.deepEqual(counted.answer, before);
  }
  assert.deepEqual(await command(fixture, "nop 1000"), before);
  await fixture.stop();
});

test("of a library only the calls of the program that was named are counted", options, async () => {
  using native = await Native.build("-pie");
  const twin = `${native.path}-twin`;
  copyFileSync(native.path, twin);
  const plan = native.plan([cFunction(native, "side", 0, { file: 1 })]);
  using measuring = await Measuring.start(plan, { kind: "exe", path: native.path });
  using own = await startFixture(native.path);
  using other = await startFixture(twin);
  await command(other, "side 100");
  await command(own, "side 9");
  await command(other, "side 10");
  assert.deepEqual(measuring.stop().balance, balance({ returns: 9n }));
  await own.stop();
  await other.stop();
});

test("stacks lead from a library into its program", options, async () => {
  using native = await Native.build("-pie");
  using fixture = await startFixture(native.path);
  const plan = native.plan([cFunction(native, "inner", 0, { file: 1 })]);
  using measuring = await Measuring.start(
    plan,
    { kind: "pid", pid: fixture.pid },
    { keep: { histogram: false, stacks: true } },
  );
  await command(fixture, "side 5");
  const { samples } = measuring.stop();
  assert.deepEqual(
    samples.map(({ frames, count, truncated }) => [Number(count), ...frames.map((at) => native.nameOf(at)), truncated]),
    // `side` calls `inner` in two places; who calls `main` is in a file of no probes.
    [
      [5, "inner", "side", "main", true],
      [5, "inner", "side", "main", true],
    ],
  );
  await fixture.stop();
});

test("the stack at an end of a span does not begin with what C code has at its stack pointer", options, async () => {
  using native = await Native.build("-pie");
  using fixture = await startFixture(native.path);
  const match = register("entry", "di");
  for (const asked of [{}, { match }]) {
    const plan = native.plan([
      spanEnd(native, "span-begin", "framed_begin", 0, asked),
      spanEnd(native, "span-end", "framed_end", 0, asked),
    ]);
    using measuring = await Measuring.start(
      plan,
      { kind: "pid", pid: fixture.pid },
      { keep: { histogram: false, stacks: true } },
    );
    await command(fixture, "framed 50");
    const { samples } = measuring.stop();
    assert.deepEqual(
      samples.map(({ frames, count }) => [Number(count), ...frames.map((at) => native.nameOf(at))]),
      [[50, "framed_end", "main"]],
    );
  }
  await fixture.stop();
});

test("the first word of a string is all of it, or none", options, async () => {
  using native = await Native.build("-pie");
  using fixture = await startFixture(native.path);
  const target = { kind: "pid", pid: fixture.pid } as const;
  const program = { main: new CodeFile((await openCodeFile(native.path)).elf, native.path), libraries: [] };
  const plan = planProbes(program, { probes: ["c:work"], by: ["word(str(arg1))"], signatures: [] });
  const unknown = { unreadable: "too large to search" };
  const texts: readonly (readonly [text: string, word: string | typeof unknown])[] = [
    ["SELECT 1", "SELECT"],
    ["  -- größe_2: x", "größe_2"],
    ["..", ""],
    [`${" ".repeat(122)}insert`, "insert"],
    [`${" ".repeat(121)}insert x`, "insert"],
    [`${" ".repeat(122)}insert x`, unknown],
    [`${" ".repeat(128)}insert`, unknown],
    ["x".repeat(128), `${"x".repeat(64)}…`],
    ["x".repeat(129), unknown],
  ];
  using measuring = await Measuring.start(plan, target);
  for (const [text] of texts) await command(fixture, `text ${text}`);
  const counts: Record<string, number> = {};
  for (const [, word] of texts) counts[JSON.stringify([word])] = (counts[JSON.stringify([word])] ?? 0) + 1;
  assert.deepEqual(countsOf(measuring.stop()), counts);
  await fixture.stop();
});

/** A session looks for threads that have ended every two seconds. */
const SWEEP_MS = 2000;

test("threads that have ended leave their room to others", options, async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  using native = await Native.build("-pie");
  using fixture = await startFixture(native.path);
  const plan = native.plan([cFunction(native, "work", 0), cFunction(native, "quitter", 1)]);
  using measuring = await Measuring.start(plan, { kind: "pid", pid: fixture.pid }, { capacities: { goroutines: 8 } });
  for (const words of ["threads 6 100", "exits 6", "threads 6 100"]) {
    await command(fixture, words);
    // Who waits for a thread goes on a moment before the kernel has forgotten it.
    await until("only the first thread is there", () =>
      readdirSync(`/proc/${fixture.pid}/task`).length === 1 ? true : undefined,
    );
    t.mock.timers.tick(SWEEP_MS);
  }
  // What a thread leaves open as it ends stays so.
  assert.deepEqual(measuring.stop().balance, balance({ returns: 1200n, open: 6n }));
  await fixture.stop();
});
