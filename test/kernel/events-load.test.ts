/** Events as fast as this machine makes them: none is wrong, those that found no room are counted, memory stays flat. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { EventRecord } from "../../src/aggregate/index.js";
import { capture, EVENTS, slotsOf, withCodes } from "./coded.js";
import { Measuring, planner, withoutKernel } from "./measuring.js";
import { startSubject, tell } from "./subject.js";

const options = { skip: withoutKernel };
const first = capture(1, [
  { op: "register", register: "ax" },
  { op: "keep", slot: 0 },
]);

/** Reads along while the work goes on, and what is left when it is done. */
async function drained(
  measuring: Measuring,
  work: Promise<unknown>,
  visit: (event: EventRecord) => void,
): Promise<void> {
  let working = true;
  const done = work.finally(() => {
    working = false;
  });
  while (working) {
    for (const event of measuring.session.drain(4096)) visit(event);
    await turn();
  }
  await done;
}

test("a buffer that goes round many times loses no order", options, async () => {
  using subject = await startSubject("plain");
  const target = { kind: "pid", pid: subject.pid } as const;
  const plan = withCodes((await planner(target))({ probes: ["main.Step"] }), {
    "main.Step": { entry: first, return: first },
  });
  const calls = 40_000;
  using measuring = await Measuring.start(plan, target, { keep: EVENTS, capacities: { events: 1 << 16 } });
  const seen: bigint[] = [];
  const visit = (event: EventRecord): void => {
    const [n] = slotsOf(event.entry);
    assert.ok(typeof n === "bigint");
    assert.deepEqual(slotsOf(event.return), [(n & 7n) + 1n]);
    seen.push(n);
  };
  await drained(measuring, tell(subject, `step ${calls} ${calls}`), visit);
  measuring.stop();
  measuring.session.drain().forEach(visit);
  assert.ok(seen.length > 2000, "more than there is room for at once");
  assert.ok(seen.every((n, index) => index === 0 || n > (seen[index - 1] ?? 0n)));
  assert.deepEqual(measuring.session.eventLoss(), { dropped: BigInt(calls - seen.length), captures: 0n });
  await subject.stop();
});

/** LIMIT: what this process may grow by while it reads on; all events together are gigabytes. */
const FLAT_BYTES = 128 << 20;
const SECONDS = 10;
/** Events within which it has grown to what it needs: those of the first seconds, where nothing else is to be done. */
const SETTLING = 8 * 65_536;

test(`${SECONDS} seconds of as many events as there can be`, options, async (t) => {
  using subject = await startSubject("plain");
  const target = { kind: "pid", pid: subject.pid } as const;
  const coded = withCodes((await planner(target))({ probes: ["main.Step"] }), { "main.Step": { entry: first } });
  const probes = coded.probes.map((probe) => ({ ...probe, kind: "place", exits: [] }) as const);
  using measuring = await Measuring.start({ ...coded, probes }, target, { keep: EVENTS });
  const begin = performance.now();
  let made = 0;
  const work = async (): Promise<void> => {
    while (performance.now() - begin < SECONDS * 1000)
      made += (await tell(subject, "step 200000 10"))["main.Step"] ?? 0;
  };
  let events = 0;
  let wrong = 0;
  let settled = process.memoryUsage().rss;
  let most = settled;
  await drained(measuring, work(), (event) => {
    const [n] = slotsOf(event.entry);
    if (event.outcome !== "passed" || typeof n !== "bigint" || n > 9n || event.tgid !== subject.pid) wrong++;
    if (++events % 65_536 !== 0) return;
    const { rss } = process.memoryUsage();
    if (events <= SETTLING) settled = Math.max(settled, rss);
    else most = Math.max(most, rss);
  });
  const { balance } = measuring.stop();
  events += measuring.session.drain().length;
  const { dropped } = measuring.session.eventLoss();
  assert.equal(wrong, 0);
  assert.equal(balance.counted, BigInt(made));
  assert.equal(BigInt(events) + dropped, BigInt(made));
  assert.ok(events > 0 && most - settled < FLAT_BYTES, `grew from ${settled} to ${most} bytes`);
  t.diagnostic(`${Math.round(made / SECONDS)} a second, ${events} of ${made} read, ${most >> 20} MiB`);
  await subject.stop();
});
