/**
 * Programs that preempt each other on one CPU: each has a workspace of its own, as long as there are any. Which of them
 * are taken is arranged here, by writing into the map, so that no kernel need be preemptible for it.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { gsLimits } from "../../src/abi/index.js";
import { possibleCpus } from "../../src/bpf/index.js";
import { updateMapElement } from "../../src/kernel/index.js";
import type { Code, CodeStep } from "../../src/probes/index.js";
import { capture, EVENTS, slotsOf, withCodes } from "./coded.js";
import { Measuring, planner, withoutKernel } from "./measuring.js";
import { balance, countsOf, startSubject, tell } from "./subject.js";

const options = { skip: withoutKernel };
const argument: CodeStep = { op: "register", register: "ax" };
const first = capture(1, [argument, { op: "keep", slot: 0 }]);
const small: Code = [
  { op: "set", value: 3n },
  { op: "put", variable: 0 },
  argument,
  { op: "compare", relation: "<", variable: 0, signed: true },
];

/** enum bpf_map_type */
const PERCPU_ARRAY = "6";

interface Workspaces {
  /** Makes the first `count` look taken on every CPU, and the others free. */
  take(count: number): void;
}

/** Those of the one session that this process has. */
function workspaces(): Workspaces {
  for (const fd of readdirSync("/proc/self/fd")) {
    const info = ((): string => {
      try {
        return readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
      } catch {
        // The descriptor that read the folder.
        return "";
      }
    })();
    const field = (name: string): string | undefined => new RegExp(`^${name}:\\s*(\\d+)$`, "m").exec(info)?.[1];
    const size = Number(field("value_size"));
    // No other map has values of that size.
    if (field("map_type") !== PERCPU_ARRAY || field("max_entries") !== String(gsLimits.GS_WORKSPACES) || size < 4096)
      continue;
    return {
      take: (count) => {
        for (let index = 0; index < gsLimits.GS_WORKSPACES; index++) {
          const key = Buffer.alloc(4);
          key.writeUInt32LE(index);
          const stride = Math.ceil(size / 8) * 8;
          const value = Buffer.alloc(stride * possibleCpus());
          for (let cpu = 0; cpu < possibleCpus(); cpu++) value.writeUInt32LE(index < count ? 1 : 0, cpu * stride);
          assert.deepEqual(updateMapElement(Number(fd), key, value), { value: 0 });
        }
      },
    };
  }
  return assert.fail("the session has workspaces");
}

test("a hit takes any workspace that is free", options, async () => {
  using subject = await startSubject("plain");
  const target = { kind: "pid", pid: subject.pid } as const;
  const planned = (await planner(target))({ probes: ["main.Step"] });
  const plan = withCodes(planned, { "main.Step": { entry: first, return: first, condition: { entry: small } } });
  using measuring = await Measuring.start(plan, target, { keep: EVENTS });
  const { take } = workspaces();
  for (let taken = 0; taken < gsLimits.GS_WORKSPACES; taken++) {
    take(taken);
    await tell(subject, "step 100 10");
    assert.deepEqual(
      measuring.session.drain().map((event) => [...slotsOf(event.entry), ...slotsOf(event.return)]),
      Array.from({ length: 30 }, (_, index) => [BigInt(index % 3), BigInt((index % 3) + 1)]),
    );
  }
  assert.deepEqual(measuring.stop().balance, balance({ returns: 400n, filtered: 280n }));
  await subject.stop();
});

test("hits without one are counted, as what they could not do", options, async () => {
  using subject = await startSubject("pie");
  const target = { kind: "pid", pid: subject.pid } as const;
  const planned = (await planner(target))({ probes: ["main.Step", "main.Hold"], by: [] });
  const coding = { entry: first, return: first };
  {
    const plan = withCodes(planned, { "main.Step": { ...coding, condition: { entry: small } }, "main.Hold": coding });
    using measuring = await Measuring.start(plan, target, { keep: EVENTS });
    const { take } = workspaces();
    await tell(subject, "hold 10");
    take(gsLimits.GS_WORKSPACES);
    await tell(subject, "step 100 10");
    await tell(subject, "free");
    await tell(subject, "hold 5");
    take(0);
    await tell(subject, "free");
    const { balance: books } = measuring.stop();
    assert.deepEqual(books, balance({ returns: 115n, undecided: 100n }));
    const events = measuring.session.drain();
    assert.deepEqual(
      events.map(({ entry, return: back }) => [entry, back === undefined]),
      Array.from({ length: 5 }, () => ["lost", false]),
    );
    assert.deepEqual(measuring.session.eventLoss(), { dropped: 10n, captures: 5n });
    assert.deepEqual(measuring.session.openCalls(), []);
  }
  const by = (await planner(target))({ probes: ["main.Step"], by: ["n"] });
  const probes = by.probes.map((probe) => ({
    ...probe,
    recipes: probe.recipes.map((recipe) => ({ ...recipe, steps: [], code: [argument] })),
  }));
  using measuring = await Measuring.start({ ...by, probes }, target);
  const { take } = workspaces();
  take(gsLimits.GS_WORKSPACES);
  await tell(subject, "step 100 10");
  take(1);
  await tell(subject, "step 100 2");
  const results = measuring.stop();
  assert.deepEqual(results.balance, balance({ returns: 200n }));
  assert.deepEqual(countsOf(results), { "[0]": 50, "[1]": 50, other: 100 });
  await subject.stop();
});
