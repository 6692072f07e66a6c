/** Both ways to attach give the same counts, and neither leaves anything behind. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from "node:fs";
import { test } from "node:test";
import { ProfilerError } from "../../src/base/index.js";
import { openElf, openFileSource } from "../../src/binary/index.js";
import type { ProbePlan, Site } from "../../src/probes/index.js";
import { findLoadBias, openProcess } from "../../src/process/index.js";
import { openTarget, Session } from "../../src/session/index.js";
import { fixturePath, runTruth, startFixture } from "../fixture.js";
import { Measuring, planner, withoutKernel } from "./measuring.js";
import { balance, startSubject, subjectPath, tell } from "./subject.js";

const options = { skip: withoutKernel };
const MODES = ["uprobe-multi", "perf-event"] as const;
const KEEP = { histogram: true, stacks: true } as const;

test("uprobe_multi and perf-event links count the same", options, async () => {
  using fixture = await startFixture(fixturePath("truth", "1.22", "pie"), ["-workers", "10", "-scale", "1"]);
  const target = { kind: "pid", pid: fixture.pid } as const;
  const plan = await planner(target);
  const probes = ["main.(*Store).Lookup", "main.Recurse", "main.Ping", "main.Pong"];
  const request = plan({ probes });
  using multi = await Measuring.start(request, target, { attachMode: "uprobe-multi" });
  using events = await Measuring.start(request, target, { attachMode: "perf-event" });
  assert.deepEqual(
    [multi, events].map(({ session }) => session.attachMode),
    MODES,
  );
  const truth = await runTruth(fixture);
  const calls = probes.map((name) => truth[name]?.return.count ?? 0);
  for (const measuring of [multi, events]) {
    const results = measuring.stop();
    assert.deepEqual(results.balance, balance({ returns: BigInt(calls.reduce((sum, count) => sum + count, 0)) }));
    const counts = new Map(results.series.map((series) => [series.function, Number(series.histogram.count)]));
    assert.deepEqual(
      probes.map((name) => counts.get(name)),
      calls,
    );
  }
  await fixture.stop();
});

/** What this process holds open: files by name, BPF objects by kind and id. */
function holdings(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const name = readlinkSync(`/proc/self/fd/${fd}`);
      if (!name.startsWith("anon_inode:")) return name.startsWith("/proc/") ? [] : [name];
      const [, kind, id] = /^(link|prog|map)_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8")) ?? [];
      return [kind === undefined ? name : `${kind} id ${id}`];
    } catch {
      // The descriptor that read the folder.
      return [];
    }
  });
}

/** Whether the kernel still knows a BPF object, whoever holds it. */
const exists = (object: string): boolean => {
  const [kind = "", word = "", id = ""] = object.split(" ");
  return spawnSync("/usr/sbin/bpftool", [kind, "show", word, id]).status === 0;
};

/** The kernel frees BPF objects a moment after their last descriptor was closed. */
async function assertGone(objects: readonly string[]): Promise<void> {
  // LIMIT: one that is kept is kept for good.
  const deadline = Date.now() + 60_000;
  for (let left = objects; left.length > 0; left = left.filter(exists)) {
    assert.ok(Date.now() < deadline, `still there: ${left}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const sitesOf = (plan: ProbePlan): Site[] => [
  ...plan.probes.flatMap((probe) => [probe.entry, ...probe.exits]),
  ...plan.runtimeSites,
];

/** Which sites of the program hold their own bytes, and which something else. */
async function probedSites(pid: number, plan: ProbePlan): Promise<number> {
  using source = openFileSource(`/proc/${pid}/exe`);
  const mappings = openProcess(pid).readExecutableMappings();
  const bias = findLoadBias(mappings, (await openElf(source)).loads) ?? assert.fail("mapped");
  const memory = openSync(`/proc/${pid}/mem`, "r");
  try {
    return sitesOf(plan).filter((site) => {
      const bytes = Buffer.alloc(site.bytes.length);
      readSync(memory, bytes, 0, bytes.length, site.address + bias);
      return !bytes.equals(site.bytes);
    }).length;
  } finally {
    closeSync(memory);
  }
}

for (const attachMode of MODES) {
  test(`nothing is left of a run: ${attachMode}`, options, async () => {
    using subject = await startSubject("pie");
    const target = { kind: "pid", pid: subject.pid } as const;
    const plan = (await planner(target))({ probes: ["main.Step", "main.Nest", "main.Words"], by: [] });
    // The libraries that the first run loads stay.
    (await Measuring.start(plan, target, { keep: KEEP, attachMode }))[Symbol.dispose]();
    const before = holdings().sort();
    for (let run = 0; run < 3; run++) {
      using measuring = await Measuring.start(plan, target, { keep: KEEP, attachMode });
      assert.equal(await probedSites(subject.pid, plan), sitesOf(plan).length);
      const ours = holdings().filter((name) => / id /.test(name));
      for (const kind of ["link", "prog", "map"]) {
        assert.ok(
          ours.some((name) => name.startsWith(kind)),
          `a run has a ${kind}: ${ours}`,
        );
      }
      assert.ok(ours.every(exists));
      await tell(subject, "step 1000 10");
      assert.deepEqual(measuring.stop().balance, balance({ returns: 1000n }));
      assert.equal(await probedSites(subject.pid, plan), 0);
      await assertGone(ours.filter((name) => name.startsWith("link")));
      measuring[Symbol.dispose]();
      assert.deepEqual(holdings().sort(), before);
      await assertGone(ours);
    }
    await subject.stop();
  });

  test(`nothing is left of a run that could not begin: ${attachMode}`, options, async () => {
    using subject = await startSubject("pie");
    const target = { kind: "pid", pid: subject.pid } as const;
    const good = (await planner(target))({ probes: ["main.Step"] });
    (await Measuring.start(good, target, { keep: KEEP, attachMode }))[Symbol.dispose]();
    const before = holdings().sort();
    // The last site to be attached lies where there is no file any more, and is said to hold no bytes; of a file, not of
    // a process, whose mappings would be looked at first.
    const [probe] = good.probes;
    assert.ok(probe !== undefined);
    const nowhere = { ...probe.entry, offset: (2 ** 40) as Site["offset"], bytes: Buffer.alloc(0) };
    const bad = { ...good, probes: [{ ...probe, entry: nowhere }] };
    const everyProcess = openTarget({ kind: "exe", path: subjectPath("pie") });
    await assert.rejects(Session.open(bad, everyProcess, { keep: KEEP, attachMode }), { kind: "failed" });
    assert.deepEqual(holdings().sort(), before);
    assert.equal(await probedSites(subject.pid, good), 0);
    await subject.stop();
  });
}

/** Uprobes take no instruction with a lock prefix; this is `lock cmpxchg`, which the runtime is full of. */
const LOCKED = Buffer.from([0xf0, 0x0f, 0xb1]);

test("the one site that the kernel refuses is named, and no other is left attached", options, async () => {
  using subject = await startSubject("pie");
  const target = { kind: "pid", pid: subject.pid } as const;
  const good = (await planner(target))({ probes: ["main.Step", "main.Nest", "main.Words"] });
  const [first, ...others] = good.probes;
  assert.ok(first !== undefined);
  const file = readFileSync(subjectPath("pie"));
  const offset = file.indexOf(LOCKED) as Site["offset"];
  const bias = first.entry.address - first.entry.offset;
  const locked: Site = { ...first.entry, offset, address: (offset + bias) as Site["address"], bytes: LOCKED };
  const bad = { ...good, probes: [{ ...first, exits: [...first.exits, locked] }, ...others] };
  for (const attachMode of MODES) {
    await assert.rejects(Session.open(bad, openTarget(target), { keep: KEEP, attachMode }), (error) => {
      assert.ok(error instanceof ProfilerError && error.code === "instruction-not-supported", String(error));
      const call = attachMode === "uprobe-multi" ? "link_create" : "perf_event_open";
      assert.equal(
        error.message.replace(/(link_create|perf_event_open).*/, "$1"),
        `attach 0x${offset.toString(16)} of ${subjectPath("pie")}: ${call}`,
      );
      return true;
    });
    assert.equal(await probedSites(subject.pid, good), 0);
  }
  await subject.stop();
});

test("two sessions on one target at once are both exact, whichever ends first", options, async () => {
  using subject = await startSubject("plain");
  const target = { kind: "pid", pid: subject.pid } as const;
  const plan = (await planner(target))({ probes: ["main.Step", "main.Nest"] });
  using first = await Measuring.start(plan, target);
  await tell(subject, "step 100 10");
  using second = await Measuring.start(plan, target, { keep: KEEP });
  await tell(subject, "nest 1000");
  assert.deepEqual(first.stop().balance, balance({ returns: 1100n }));
  await tell(subject, "step 10 10");
  assert.deepEqual(second.stop().balance, balance({ returns: 1010n }));
  assert.equal(await probedSites(subject.pid, plan), 0);
  await subject.stop();
});

test("two sessions of which one panics through the other's calls", options, async () => {
  using subject = await startSubject("plain");
  const target = { kind: "pid", pid: subject.pid } as const;
  const plan = await planner(target);
  using inner = await Measuring.start(plan({ probes: ["main.Fall"] }), target);
  using outer = await Measuring.start(plan({ probes: ["main.Catch"] }), target);
  await tell(subject, "fall 50");
  assert.deepEqual(inner.stop().balance, balance({ panics: 50n }));
  assert.deepEqual(outer.stop().balance, balance({ returns: 1n }));
  await subject.stop();
});

test("probes that would come off for minutes are not put on", options, async () => {
  using subject = await startSubject("plain");
  const target = { kind: "pid", pid: subject.pid } as const;
  const plan = (await planner(target))({ probes: ["runtime.*", "main.*"] });
  const sites = plan.probes.reduce((sum, { exits }) => sum + 1 + exits.length, plan.runtimeSites.length);
  assert.ok(sites > 1000);
  await assert.rejects(Measuring.start(plan, target, { attachMode: "perf-event" }), {
    code: "too-many-probes",
    message: `this kernel takes probes off one by one, and a run of ${sites.toLocaleString("en-US")} would not end for minutes`,
    hint: "measure fewer functions: 1,000 probes at most; kernels from 6.10 on take any number",
  });
  const few = (await planner(target))({ probes: ["main.Step"] });
  for (const attachMode of ["perf-event", "uprobe-multi"] as const) {
    using measuring = await Measuring.start(few, target, { attachMode });
    const probes = 1 + (few.probes[0]?.exits.length ?? 0) + few.runtimeSites.length;
    assert.equal(measuring.session.slowProbes, attachMode === "perf-event" ? probes : 0);
  }
  await subject.stop();
});
