/**
 * More of everything than anybody counts on, at once: values, goroutines with open calls, calls within each other. Memory
 * stays within what is stated, on both sides, and what is read while both CPUs count lacks nothing in the end.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RecordBatch } from "../../src/aggregate/index.js";
import { possibleCpus } from "../../src/bpf/index.js";
import { kernelMemory, SERIES_CAPACITY } from "../../src/session/index.js";
import { Measuring, planner, withoutKernel } from "./measuring.js";
import { balance, startSubject, tell } from "./subject.js";

const options = { skip: withoutKernel };
const HISTOGRAMS = { histogram: true, stacks: false, events: false } as const;

const VALUES = 1_000_000;
/** So many at a time. */
const PART = 50_000;
const GOROUTINES = 100_000;
const DEPTH = 10_000;
/** Between two readings: they take CPU time from who counts. */
const PAUSE_MS = 200;
/** LIMIT: what this process may grow by, whatever is measured and however often it is read. */
const GROWTH_BYTES = 400e6;

/** What the kernel says that the BPF maps of this process hold. */
function mapBytes(): number {
  let bytes = 0;
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      const info = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
      if (info.includes("map_type:")) bytes += Number(/^memlock:\s*(\d+)$/m.exec(info)?.[1]);
    } catch {
      // The descriptor that read the folder.
    }
  }
  return bytes;
}

/** By the number of a series, calls. */
const countsIn = ({ series }: RecordBatch): Map<number, bigint> => new Map(series.map(({ id, count }) => [id, count]));

/** As it was recorded, before anybody adds it up. */
const withoutDiscrepancy = ({ discrepancy: _, ...books }: ReturnType<typeof balance>): RecordBatch["balance"] => books;

const sumOf = (counts: ReadonlyMap<number, bigint>): bigint =>
  [...counts.values()].reduce((sum, each) => sum + each, 0n);

/** Reads along while the work goes on: no count may ever fall. Answers the last reading, and how many there were. */
async function readAlong(
  measuring: Measuring,
  work: Promise<unknown>,
  visit: (batch: RecordBatch) => void,
): Promise<number> {
  let working = true;
  const done = work.finally(() => {
    working = false;
  });
  let last = new Map<number, bigint>();
  let readings = 0;
  while (working) {
    const batch = measuring.session.snapshot();
    const counts = countsIn(batch);
    for (const [id, count] of last) assert.ok((counts.get(id) ?? 0n) >= count, `series ${id} had ${count} calls`);
    last = counts;
    readings++;
    visit(batch);
    await sleep(PAUSE_MS);
  }
  await done;
  return readings;
}

test(`${VALUES} values, ${GOROUTINES} goroutines, ${DEPTH} calls deep`, options, async (t) => {
  using subject = await startSubject("plain");
  const target = { kind: "pid", pid: subject.pid } as const;
  const plan = (await planner(target))({ probes: ["main.Step", "main.Hold", "main.Nest"], by: ["arg0"] });
  const rss = process.memoryUsage().rss;
  using measuring = await Measuring.start(plan, target);
  let [peak, maps] = [0, 0];
  const look = (): void => {
    peak = Math.max(peak, process.memoryUsage().rss - rss);
    maps = Math.max(maps, mapBytes());
  };
  await tell(subject, `hold ${GOROUTINES}`);
  const crowd = async (): Promise<void> => {
    for (let first = 0; first < VALUES; first += PART) await tell(subject, `crowd 2 ${first} ${first + PART}`);
  };
  const readings = await readAlong(measuring, crowd(), look);
  assert.equal(measuring.session.snapshot().balance.open, BigInt(GOROUTINES));
  await readAlong(measuring, tell(subject, `nest ${DEPTH}`), look);
  await tell(subject, "free");
  look();
  const batch = measuring.session.stop();
  const calls = BigInt(VALUES + GOROUTINES + DEPTH);
  assert.deepEqual(batch.balance, withoutDiscrepancy(balance({ returns: calls })));
  const counts = countsIn(batch);
  assert.equal(sumOf(counts), calls);
  const ofOther = batch.series.filter(({ values }) => values === undefined);
  assert.equal(counts.size - ofOther.length, SERIES_CAPACITY);
  assert.equal(
    ofOther.reduce((sum, { count }) => sum + count, 0n),
    batch.loss.otherSeries,
  );
  const bound = kernelMemory(plan, HISTOGRAMS, possibleCpus()) ?? 0;
  assert.ok(maps > 0 && maps <= bound, `${maps} of ${bound} bytes in the kernel`);
  assert.ok(peak < GROWTH_BYTES, `${peak} bytes of this process`);
  t.diagnostic(`${readings} readings; ${maps >> 20} of ${bound >> 20} MiB in the kernel, ${peak >> 20} MiB here`);
  await subject.stop();
});

test("series of arguments and results, read while both CPUs make them", options, async () => {
  using subject = await startSubject("plain");
  const target = { kind: "pid", pid: subject.pid } as const;
  const plan = (await planner(target))({ probes: ["main.Step"], by: ["n", "ret"] });
  const values = 50_000;
  // One for each pair, and one for each argument until the result is known.
  using measuring = await Measuring.start(plan, target, { seriesCapacity: 2 * values });
  const rounds = 2;
  const crowd = async (): Promise<void> => {
    for (let round = 0; round < rounds; round++) await tell(subject, `crowd 2 0 ${values}`);
  };
  await readAlong(measuring, crowd(), () => undefined);
  const batch = measuring.session.stop();
  assert.deepEqual(
    batch.series.map(({ count }) => count),
    Array.from({ length: values }, () => BigInt(rounds)),
  );
  const inBuckets = batch.series.reduce((sum, { buckets }) => sum + sumOf(buckets), 0n);
  assert.deepEqual([inBuckets, batch.loss.buckets], [BigInt(rounds * values), 0n]);
  await subject.stop();
});

test("samples and stacks, read while both CPUs make them", options, async () => {
  using subject = await startSubject("plain");
  const target = { kind: "pid", pid: subject.pid } as const;
  const plan = (await planner(target))({ probes: ["main.Step"], by: ["n"] });
  const values = 10_000;
  using measuring = await Measuring.start(plan, target, { keep: { histogram: false, stacks: true } });
  const rounds = 10;
  const crowd = async (): Promise<void> => {
    for (let round = 0; round < rounds; round++) await tell(subject, `crowd 2 0 ${values}`);
  };
  let known = 0;
  await readAlong(measuring, crowd(), ({ samples, stacks }) => {
    assert.ok(samples.length >= known, "what is there once stays");
    known = samples.length;
    const ids = new Set(stacks.map(({ id }) => id));
    // Stacks are read last: one that a sample has was kept before.
    for (const { stack } of samples) assert.ok(stack === undefined || ids.has(stack));
  });
  const { samples, loss, balance: books } = measuring.session.stop();
  const calls = BigInt(rounds * values);
  assert.deepEqual(books, withoutDiscrepancy(balance({ returns: calls })));
  assert.ok(samples.every(({ count }) => count <= BigInt(rounds)));
  const inSamples = samples.reduce((sum, { count }) => sum + count, 0n);
  assert.deepEqual([inSamples, loss.samples], [calls, 0n]);
  assert.ok(samples.some(({ stack }) => stack !== undefined));
  await subject.stop();
});

test("maps that are full take what was reckoned", options, async () => {
  using subject = await startSubject("plain");
  const target = { kind: "pid", pid: subject.pid } as const;
  const plan = (await planner(target))({ probes: ["main.Step", "main.Hold", "main.Nest"], by: ["arg0"] });
  const capacities = { goroutines: 20_000, frames: 20_000, rows: 4000 };
  using measuring = await Measuring.start(plan, target, { capacities });
  await tell(subject, "crowd 2 0 20000");
  await tell(subject, "hold 30000");
  const maps = mapBytes();
  const bound = kernelMemory(plan, HISTOGRAMS, possibleCpus(), capacities) ?? 0;
  // The kernel does not count what its allocator rounds up.
  assert.ok(maps <= bound && maps > bound / 2, `${maps} of ${bound} bytes`);
  await tell(subject, "free");
  const { balance: books, loss } = measuring.stop();
  assert.ok(books.lost > 0n && loss.buckets > 0n && loss.otherSeries > 0n);
  assert.equal(books.discrepancy, 0n);
  await subject.stop();
});
