/** `--exe FILE`: every process of the file, now and later, and none of another. */
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openTarget, Session } from "../../src/session/index.js";
import { type Fixture, startFixture } from "../fixture.js";
import { Measuring, planner, withoutKernel } from "./measuring.js";
import { balance, countsOf, subjectPath, tell } from "./subject.js";

const options = { skip: withoutKernel };
const KINDS = ["plain", "pie"] as const;
const MODES = ["uprobe-multi", "perf-event"] as const;

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "gospect-targets-"));
});
after(() => rmSync(folder, { recursive: true }));

/** A file of its own, that can be renamed and removed. */
function copyOf(kind: (typeof KINDS)[number], name: string): string {
  const path = join(folder, name);
  copyFileSync(subjectPath(kind), path);
  return path;
}

for (const kind of KINDS) {
  for (const attachMode of MODES) {
    test(
      `two processes of a file, one older than the run and one younger: ${kind}, ${attachMode}`,
      options,
      async () => {
        const path = copyOf(kind, `both-${kind}-${attachMode}`);
        const target = { kind: "exe", path } as const;
        const plan = (await planner(target))({ probes: ["main.Early", "main.Step", "main.Nest", "main.Fall"], by: [] });
        using older = await startFixture(path);
        using stranger = await startFixture(subjectPath(kind));
        using measuring = await Measuring.start(plan, target, { attachMode });
        using younger = await startFixture(path);
        const busy = async (subject: Fixture, ...words: string[]): Promise<void> => {
          for (const line of words) await tell(subject, line);
        };
        await Promise.all([
          busy(older, "step 1000 10", "fall 20"),
          busy(younger, "nest 500", "step 234 7"),
          busy(stranger, "step 5000 10"),
        ]);
        await younger.stop();
        const results = measuring.stop();
        assert.deepEqual(results.balance, balance({ returns: 1000n + 1000n + 500n + 234n, panics: 20n }));
        assert.deepEqual(
          Object.fromEntries(results.series.map((series) => [series.function, Number(series.histogram.count)])),
          { "main.Early": 1000, "main.Step": 1234, "main.Nest": 500 },
          "the younger one's first instructions included",
        );
        await older.stop();
        await stranger.stop();
      },
    );
  }

  test(`one process of a file by its pid leaves the others out: ${kind}`, options, async () => {
    const path = copyOf(kind, `one-${kind}`);
    using mine = await startFixture(path);
    using other = await startFixture(path);
    const target = { kind: "pid", pid: mine.pid } as const;
    const plan = (await planner(target))({ probes: ["main.Step"], by: ["n"] });
    for (const attachMode of MODES) {
      using measuring = await Measuring.start(plan, target, { attachMode });
      await tell(mine, "step 30 3");
      await tell(other, "step 100 10");
      const results = measuring.stop();
      assert.deepEqual(results.balance, balance({ returns: 30n }));
      assert.deepEqual(countsOf(results), { "[0]": 10, "[1]": 10, "[2]": 10 });
    }
    await mine.stop();
    await other.stop();
  });

  test(`a file that a deploy replaced before the run is measured by pid: ${kind}`, options, async () => {
    const path = copyOf(kind, `replaced-${kind}`);
    using subject = await startFixture(path);
    writeFileSync(`${path}.new`, "#!/bin/sh\n");
    renameSync(`${path}.new`, path);
    const target = { kind: "pid", pid: subject.pid } as const;
    const plan = (await planner(target))({ probes: ["main.Step"] });
    using measuring = await Measuring.start(plan, target);
    await tell(subject, "step 100 10");
    unlinkSync(path);
    await tell(subject, "step 10 10");
    assert.deepEqual(measuring.stop().balance, balance({ returns: 110n }));
    await subject.stop();
  });

  test(`a file deleted and replaced during the run goes on being measured: ${kind}`, options, async () => {
    const path = copyOf(kind, `during-${kind}`);
    using old = await startFixture(path);
    const target = { kind: "pid", pid: old.pid } as const;
    using measuring = await Measuring.start((await planner(target))({ probes: ["main.Step"] }), target);
    await tell(old, "step 100 10");
    unlinkSync(path);
    copyOf(kind, `during-${kind}`);
    using young = await startFixture(path);
    await tell(young, "step 1000 10");
    await tell(old, "step 11 10");
    assert.deepEqual(measuring.stop().balance, balance({ returns: 111n }));
    await old.stop();
    await young.stop();
  });
}

test("a file that changed between plan and attachment is refused", options, async () => {
  const path = copyOf("plain", "changed");
  const target = { kind: "exe", path } as const;
  const plan = (await planner(target))({ probes: ["main.Step"] });
  const refusal = { code: "file-changed", kind: "unmeasurable" };
  const keep = { histogram: true, stacks: false };
  // Another build of the same program, put in its place.
  copyFileSync(subjectPath("pie"), `${path}.new`);
  renameSync(`${path}.new`, path);
  await assert.rejects(Session.open(plan, openTarget(target), { keep }), refusal);
  writeFileSync(path, "cut");
  await assert.rejects(Session.open(plan, openTarget(target), { keep }), refusal);
  unlinkSync(path);
  assert.throws(() => openTarget(target), { code: "no-such-file", kind: "unmeasurable" });
});

test("a process that became another program between plan and attachment is refused", options, async () => {
  using subject = await startFixture(subjectPath("plain"));
  const target = { kind: "pid", pid: subject.pid } as const;
  const plan = (await planner(target))({ probes: ["main.Step"] });
  using opened = openTarget(target);
  subject.send(`exec ${subjectPath("pie")}`);
  await subject.nextLine();
  await assert.rejects(Session.open(plan, opened, { keep: { histogram: true, stacks: false } }), {
    code: "file-changed",
  });
  await subject.stop();
  await assert.rejects(Session.open(plan, opened, { keep: { histogram: true, stacks: false } }), {
    code: "target-gone",
  });
});

/** A session looks for processes that have ended every two seconds. */
const SWEEP_MS = 2000;

test("what processes left open that have ended is counted, and makes room for others", options, async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const path = copyOf("pie", "mortal");
  const target = { kind: "exe", path } as const;
  const plan = (await planner(target))({ probes: ["main.Hold"], by: [] });
  const keep = { histogram: false, stacks: false, events: true };
  using measuring = await Measuring.start(plan, target, { keep, capacities: { goroutines: 128 } });
  const pids: number[] = [];
  for (let round = 0; round < 3; round++) {
    using mortal = await startFixture(path);
    await tell(mortal, "hold 90");
    pids.push(mortal.pid);
    process.kill(mortal.pid, "SIGKILL");
    await mortal.waitForEnd();
    t.mock.timers.tick(SWEEP_MS);
  }
  assert.deepEqual(measuring.stop().balance, balance({ open: 270n }));
  const open = measuring.session.openCalls();
  assert.deepEqual(
    pids.map((pid) => open.filter(({ tgid, outcome }) => tgid === pid && outcome === "open").length),
    [90, 90, 90],
  );
});
