/** Events of the real kernel: which calls become one, how they ended, in which order, and what is told when one is lost. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import type { EventRecord } from "../../src/aggregate/index.js";
import type { CodeStep } from "../../src/probes/index.js";
import { fixturePath, startFixture } from "../fixture.js";
import {
  type Coding,
  capture,
  coded,
  compared,
  EVENTS,
  even,
  FOREVER,
  first,
  lasted,
  slotsOf,
  told,
  withCodes,
} from "./coded.js";
import { Measuring, planner, withoutKernel } from "./measuring.js";
import { balance, countsOf, startSubject, subjectPath, tell } from "./subject.js";

const options = { skip: withoutKernel };
test("calls that panic end innermost first, with what their entries captured", options, async () => {
  using subject = await startSubject("plain");
  const probes = { "main.Fall": { entry: first, return: first }, "main.Catch": { entry: first, return: first } };
  const { events, results } = await coded(subject, probes, ["fall 12"]);
  const fallen = Array.from({ length: 12 }, (_, depth) => ["panic", 12 - depth, BigInt(depth), undefined]);
  assert.deepEqual(events.slice(0, 12).map(told), fallen);
  assert.deepEqual(
    events.slice(12).map((event) => told(event).slice(0, 3)),
    [["return", 0, 11n]],
  );
  assert.equal(new Set(events.map(({ goid }) => goid)).size, 1);
  assert.deepEqual(results.balance, balance({ returns: 1n, panics: 12n }));
  await subject.stop();
});

test("calls that are open at the end", options, async () => {
  using subject = await startSubject("pie");
  const coding = { condition: { entry: compared("<", 5n) }, entry: first };
  const { events, open, results } = await coded(subject, { "main.Hold": coding }, ["hold 20"]);
  assert.deepEqual(events, []);
  assert.deepEqual(
    open.map(told).sort(),
    Array.from({ length: 5 }, (_, id) => ["open", 0, BigInt(id), undefined]),
  );
  assert.deepEqual(results.balance, balance({ open: 20n, filtered: 15n }));
  const ended = await coded(subject, { "main.Step": { entry: first } }, ["step 1 1"]);
  assert.deepEqual(new Set(open.map(({ bias }) => bias)), new Set(ended.events.map(({ bias }) => bias)));
  await subject.stop();
});

for (const runtimeSites of ["with", "without"] as const) {
  test(`calls that Goexit ends, ${runtimeSites} the place where it does`, options, async () => {
    using subject = await startSubject("pie");
    const target = { kind: "pid", pid: subject.pid } as const;
    const planned = (await planner(target))({ probes: ["main.Quit"] });
    const coding = { entry: first, condition: { entry: compared("<", 11n) } };
    const sites = runtimeSites === "with" ? planned.runtimeSites : [];
    const plan = withCodes({ ...planned, runtimeSites: sites }, { "main.Quit": coding });
    using measuring = await Measuring.start(plan, target, { keep: EVENTS });
    await tell(subject, "quit 200 12");
    const results = measuring.stop();
    const events = measuring.session.drain();
    const open = measuring.session.openCalls();
    const { entries, goexits, filtered, undecided, discrepancy } = results.balance;
    assert.deepEqual([entries, filtered, undecided, discrepancy], [2400n, 200n, 0n, 0n]);
    assert.equal(events.length + open.length, 2200);
    // Without it, the calls of a goroutine end when its g has become another's; those of the last ones are still open.
    if (runtimeSites === "with") assert.deepEqual([goexits, open.length], [2400n, 0]);
    else assert.ok(goexits > 0n, "some g was taken again");
    assert.ok(events.every(({ outcome }) => outcome === "goexit"));
    const perDepth = (depth: bigint): number =>
      [...events, ...open].filter(({ entry }) => slotsOf(entry)[0] === depth).length;
    assert.deepEqual(
      Array.from({ length: 12 }, (_, depth) => perDepth(BigInt(depth))),
      [...Array.from({ length: 11 }, () => 200), 0],
    );
    await subject.stop();
  });
}

test("what finds no room is counted", options, async () => {
  using subject = await startSubject("plain");
  const codings = { "main.Step": { entry: first, return: first } };
  const narrow = await coded(subject, codings, ["step 5000 10"], { capacities: { events: 4096 } });
  assert.ok(narrow.events.length > 10 && narrow.events.length < 100);
  assert.deepEqual(narrow.loss, { dropped: 5000n - BigInt(narrow.events.length), captures: 0n });
  assert.deepEqual(
    narrow.events.map((event) => slotsOf(event.entry)[0]),
    narrow.events.map((_, index) => BigInt(index % 10)),
    "the first ones",
  );
  assert.equal(narrow.results.balance.returns, 5000n);

  const few = await coded(subject, { "main.Hold": { entry: first } }, ["hold 300", "free"], {
    capacities: { captures: 8 },
  });
  const lost = few.events.filter(({ entry }) => entry === "lost").length;
  assert.equal(few.events.length, 300);
  // A hash map may take a few elements more than asked for, or fewer, while both CPUs insert.
  assert.ok(lost > 200 && lost < 300, `${lost} of 300`);
  assert.deepEqual(few.loss, { dropped: 0n, captures: BigInt(lost) });
  const kept = few.events.flatMap(({ entry }) => (entry === "lost" ? [] : slotsOf(entry)));
  assert.equal(new Set(kept).size, 300 - lost);
  await subject.stop();
});

test("what was captured of calls that ended makes room, however they ended", options, async () => {
  using subject = await startSubject("plain");
  const coding = { entry: first, condition: { return: lasted("<", FOREVER) } };
  const words = Array.from({ length: 40 }, () => ["quit 5 20", "fall 20", "nest 20", "step 20 10"]).flat();
  const probes = Object.fromEntries(["Quit", "Fall", "Catch", "Nest", "Step"].map((name) => [`main.${name}`, coding]));
  // At most 21 calls are open at once.
  const { events, loss, results } = await coded(subject, probes, words, { capacities: { captures: 64 } });
  const { returns, panics, goexits } = results.balance;
  assert.deepEqual([returns, panics, goexits], [40n * (1n + 20n + 20n), 40n * 20n, 40n * 100n]);
  assert.deepEqual(loss, { dropped: 0n, captures: 0n });
  assert.equal(BigInt(events.length), returns + panics + goexits);
  await subject.stop();
});

test("places become events, those that the condition selects", options, async () => {
  using subject = await startSubject("pie");
  const target = { kind: "pid", pid: subject.pid } as const;
  const planned = (await planner(target))({ probes: ["main.Step", "main.Nest"] });
  const coding = { entry: first, condition: { entry: compared(">=", 7n) } };
  const coded = withCodes(planned, { "main.Step": coding, "main.Nest": { entry: first } });
  const probes = coded.probes.map((probe) =>
    probe.function.name === "main.Step" ? ({ ...probe, kind: "place", exits: [] } as const) : probe,
  );
  using measuring = await Measuring.start({ ...coded, probes }, target, { keep: EVENTS });
  await tell(subject, "step 100 10");
  const results = measuring.stop();
  const events = measuring.session.drain();
  assert.deepEqual(
    events.map(told),
    Array.from({ length: 30 }, (_, index) => ["passed", 0, BigInt(7 + (index % 3)), undefined]),
  );
  assert.ok(events.every(({ start, end, goid }) => start === end && goid > 0n));
  assert.deepEqual(results.balance, balance({ counted: 100n, filtered: 70n }));
  assert.deepEqual(countsOf(results), { "[]": 30 });
  await subject.stop();
});

test("stacks, and who made the goroutine", options, async () => {
  for (const kind of ["plain", "pie"] as const) {
    using subject = await startSubject(kind);
    const target = { kind: "pid", pid: subject.pid } as const;
    const planned = (await planner(target))({ probes: ["main.Nest", "main.Step", "main.fresh"] });
    const keep = { ...EVENTS, stacks: true, origins: true };
    using measuring = await Measuring.start(withCodes(planned, { "main.Nest": { entry: first } }), target, { keep });
    await tell(subject, "step 1 1");
    await tell(subject, "nest 3");
    const stacks = new Map(measuring.session.stop().stacks.map((stack) => [stack.id, stack]));
    const events = measuring.session.drain();
    const of = (name: string): readonly EventRecord[] =>
      events.filter(({ probe }) => planned.probes[probe]?.function.name === name);
    const [step] = of("main.Step");
    const [fresh] = of("main.fresh");
    assert.ok(step !== undefined && fresh !== undefined);
    const depths = of("main.Nest").map(({ stack }) => stacks.get(stack ?? 0n)?.frames.length ?? 0);
    const [inner = 0] = depths;
    assert.ok(inner > 3);
    assert.deepEqual(depths, [inner, inner - 1, inner - 2]);
    for (const nest of of("main.Nest")) {
      assert.notEqual(nest.goid, step.goid);
      // Go 1.19 does not say who made a goroutine; where, it does.
      assert.equal(nest.parentGoid, kind === "plain" ? step.goid : undefined);
      const made = planned.probes[fresh.probe]?.function;
      assert.ok(made !== undefined && nest.createdAt !== undefined);
      assert.ok(nest.createdAt > made.address && nest.createdAt <= made.address + made.size, "by main.fresh");
    }
    await subject.stop();
  }
});

test("every process of a file, by links of either kind", options, async () => {
  const path = subjectPath("pie");
  const planned = (await planner({ kind: "exe", path }))({ probes: ["main.Step", "main.Early"] });
  const plan = withCodes(planned, { "main.Step": { entry: first }, "main.Early": { condition: { entry: even } } });
  for (const attachMode of ["uprobe-multi", "perf-event"] as const) {
    using measuring = await Measuring.start(plan, { kind: "exe", path }, { keep: EVENTS, attachMode });
    const subjects = await Promise.all(Array.from({ length: 6 }, () => startSubject("pie")));
    await Promise.all(subjects.map((subject, index) => tell(subject, `step ${100 * (index + 1)} 7`)));
    const results = measuring.stop();
    const events = measuring.session.drain();
    for (const [index, subject] of subjects.entries()) {
      const own = events.filter(({ tgid }) => tgid === subject.pid);
      const steps = own.filter(({ entry }) => entry !== undefined);
      assert.deepEqual(
        steps.map((event) => slotsOf(event.entry)[0]),
        Array.from({ length: 100 * (index + 1) }, (_, n) => BigInt(n % 7)),
      );
      assert.equal(own.length - steps.length, 500, "half of what ran before main");
      assert.equal(new Set(own.map(({ bias }) => bias)).size, 1);
      await subject.stop();
      subject[Symbol.dispose]();
    }
    assert.deepEqual(results.balance, balance({ returns: 2100n + 6000n, filtered: 3000n }));
    assert.deepEqual(measuring.session.eventLoss(), { dropped: 0n, captures: 0n });
  }
});

test("whatever a program does: each call of interest is one event, ended as the balance says", options, async () => {
  using fixture = await startFixture(fixturePath("torture", "1.27", "pie"), ["-workers", "4"]);
  const target = { kind: "pid", pid: fixture.pid } as const;
  const planned = (await planner(target))({ probes: ["main.*"] });
  const code = capture(1, [
    { op: "special", value: "goid" },
    { op: "keep", slot: 0 },
  ]);
  const condition = { entry: undefined, decisions: [even], return: [{ op: "decided", decision: 0 }] } as const;
  const codings = planned.probes.map(({ function: { name } }, index): [string, Coding] => [
    name,
    { entry: code, return: code, ...(index % 2 === 0 ? { condition } : {}) },
  ]);
  const plan = withCodes(planned, Object.fromEntries(codings));
  for (let round = 0; round < 5; round++) {
    using measuring = await Measuring.start(plan, target, { keep: { ...EVENTS, stacks: true } });
    const events: EventRecord[] = [];
    // Some turns, and as many more as the machine needs to get there.
    for (let turn = 0; turn < 20 || events.length <= 100; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      events.push(...measuring.session.drain(100));
    }
    const { balance, endings } = measuring.stop();
    events.push(...measuring.session.drain());
    const loss = measuring.session.eventLoss();
    const ended = balance.returns + balance.panics + balance.goexits;
    assert.equal(balance.discrepancy, 0n);
    assert.equal(BigInt(events.length) + loss.dropped, ended - balance.filtered - balance.undecided);
    const panics = endings.reduce((sum, each) => sum + each.panics, 0n);
    assert.equal(BigInt(events.filter(({ outcome }) => outcome === "panic").length), panics);
    for (const { goid, entry, return: back } of events) {
      if (entry !== "lost") assert.deepEqual(slotsOf(entry), [goid]);
      if (back !== undefined) assert.deepEqual(slotsOf(back), [goid]);
    }
  }
  await fixture.stop();
});

test("a call that ends by a jump has no results, and what it jumped to is no call inside it", options, async () => {
  using fixture = await startFixture(fixturePath("variety", "1.27", "plain"));
  const target = { kind: "pid", pid: fixture.pid } as const;
  const planned = (await planner(target))({ probes: ["main.(*embedder).Add", "main.(*counter).Add"] });
  const second = capture(1, [
    { op: "register", register: "bx" },
    { op: "keep", slot: 0 },
  ]);
  const wrapper = "main.(*embedder).Add";
  const run = async (condition: Coding["condition"]): Promise<[readonly EventRecord[], bigint, bigint]> => {
    const codings = {
      [wrapper]: { entry: second, return: first, ...(condition === undefined ? {} : { condition }) },
      "main.(*counter).Add": { entry: second, return: first },
    };
    using measuring = await Measuring.start(withCodes(planned, codings), target, { keep: EVENTS });
    fixture.send("go");
    await fixture.nextMessage();
    const { filtered, undecided } = measuring.stop().balance;
    return [measuring.session.drain(), filtered, undecided];
  };
  const isWrapper = ({ probe }: EventRecord): boolean => planned.probes[probe]?.function.name === wrapper;
  const [all] = await run(undefined);
  assert.deepEqual(
    all.filter(isWrapper).map(told),
    [1n, 2n, 3n].map((n) => ["return", 0, n, undefined]),
  );
  for (const [index, event] of all.entries()) {
    if (!isWrapper(event)) continue;
    const next = all[index + 1];
    assert.ok(next !== undefined && !isWrapper(next));
    assert.deepEqual([next.level, slotsOf(next.entry)], [0, slotsOf(event.entry)]);
    assert.notEqual(next.return, undefined);
  }
  const [short, none, unknown] = await run({ return: lasted("<", FOREVER) });
  assert.deepEqual([short.filter(isWrapper).length, none, unknown], [3, 0n, 0n]);
  const [blind, few, undecided] = await run({ return: compared(">=", 0n) });
  assert.deepEqual([blind.filter(isWrapper).length, few, undecided], [0, 0n, 3n]);
  await fixture.stop();
});

test("nothing of the buffer is left of a run, ended or not begun", options, async () => {
  using subject = await startSubject("pie");
  const target = { kind: "pid", pid: subject.pid } as const;
  const plan = (await planner(target))({ probes: ["main.Step"] });
  const mappings = (): number => readFileSync("/proc/self/maps", "utf8").match(/bpf-map/g)?.length ?? 0;
  const descriptors = (): number => readdirSync("/proc/self/fd").length;
  (await Measuring.start(plan, target, { keep: EVENTS }))[Symbol.dispose]();
  const before = descriptors();
  {
    using measuring = await Measuring.start(plan, target, { keep: EVENTS });
    assert.ok(mappings() > 0 && descriptors() > before);
    measuring.stop();
  }
  const [probe] = plan.probes;
  assert.ok(probe !== undefined);
  const nowhere = { ...probe.entry, offset: 2 ** 40, bytes: Buffer.alloc(0) } as typeof probe.entry;
  const bad = { ...plan, probes: [{ ...probe, entry: nowhere }] };
  const everyProcess = { kind: "exe", path: subjectPath("pie") } as const;
  await assert.rejects(Measuring.start(bad, everyProcess, { keep: EVENTS }), { kind: "failed" });
  await assert.rejects(Measuring.start(plan, target, { keep: EVENTS, loops: "never" }), { code: "no-bpf-loop" });
  assert.deepEqual([mappings(), descriptors()], [0, before]);
  await subject.stop();
});

test("functions that keep g elsewhere have events as well", options, async () => {
  using fixture = await startFixture(fixturePath("variety", "1.27", "pie"));
  const target = { kind: "pid", pid: fixture.pid } as const;
  const planned = (await planner(target))({ probes: ["main.Triple", "main.Jumps"] });
  assert.ok(planned.probes.every(({ goroutine }) => goroutine === "tls"));
  // The stack ABI: the arguments are above the return address, the result behind them.
  const onStack = (offset: number, size: 4 | 8, slot: number): CodeStep[] => [
    { op: "stack", offset },
    { op: "load", offset: 0, size, signed: true },
    { op: "keep", slot },
  ];
  const coding = {
    entry: capture(2, [...onStack(8, 8, 0), ...onStack(16, 4, 1)]),
    return: capture(1, onStack(24, 8, 0)),
  };
  const plan = withCodes(planned, { "main.Triple": coding, "main.Jumps": coding });
  using measuring = await Measuring.start(plan, target, { keep: EVENTS });
  fixture.send("go");
  const { calls } = await fixture.nextMessage<{ calls: { function: string; values: Record<string, number> }[] }>();
  measuring.stop();
  const events = measuring.session.drain();
  const made = calls.filter((call) => call.function === "main.Triple");
  const triples = events.filter(({ probe }) => planned.probes[probe]?.function.name === "main.Triple");
  assert.ok(made.length >= 3 && triples.length >= made.length);
  for (const event of triples) {
    const [n, add] = slotsOf(event.entry);
    assert.ok(typeof n === "bigint" && typeof add === "bigint" && event.goid > 0n);
    assert.deepEqual(slotsOf(event.return), [BigInt.asUintN(64, 3n * n + add)]);
  }
  const jumps = events.filter(({ probe }) => planned.probes[probe]?.function.name === "main.Jumps");
  assert.ok(jumps.length >= 3 && jumps.every((event) => event.return === undefined && event.outcome === "return"));
  await fixture.stop();
});
