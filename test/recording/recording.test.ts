/** A recorded run is what was recorded, and any other bytes are refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FormatError, virtualAddress } from "../../src/base/index.js";
import { memorySource } from "../../src/binary/index.js";
import { type RecordedRun, RememberedNames, RunWriter, readRecordedRun } from "../../src/recording/index.js";
import { BATCH, describe, EVENT_LOSS, EVENTS, RUN_NAMES } from "./example.js";
import { rebuilt } from "./rebuilt.js";

function record(events = EVENTS): Buffer {
  const pieces: Buffer[] = [];
  const names = new RememberedNames(RUN_NAMES);
  names.symbolize(virtualAddress(0x40_3005));
  names.functionName(0x40_1000);
  names.functionName(0x40_9999);
  names.typeName(0x4b_0000, false);
  names.typeName(0x4c_0000, true);
  const writer = new RunWriter((bytes) => pieces.push(Buffer.from(bytes)), describe("trace"));
  writer.add(events);
  writer.finish(BATCH, EVENT_LOSS, names);
  return Buffer.concat(pieces);
}

const read = (bytes: Buffer): RecordedRun => readRecordedRun(memorySource("run.gospect", bytes));
const eventsOf = (run: RecordedRun) => [...run.events()].flat();

test("what is read is what was written", () => {
  const run = read(record());
  assert.deepEqual(run.description, withoutUndefined(describe("trace")));
  assert.deepEqual(run.batch, withoutUndefined(BATCH));
  assert.deepEqual(run.eventLoss, EVENT_LOSS);
  assert.deepEqual(eventsOf(run), EVENTS);
  assert.deepEqual(run.names.functions, new Map([[0x40_1000, "main.Double"]]));
  assert.deepEqual(run.names.types, new Map([[0x4b_0000, "*errors.errorString"]]));
  assert.deepEqual(run.names.tables, new Map([[0x4c_0000, "*errors.errorString"]]));
  assert.equal(run.names.frames.get(0x40_3005)?.[0]?.line, 41);
});

test("what is counted where it is no calls, and by what it is told apart, are kept", () => {
  const recorded = describe("hist");
  const run = {
    ...recorded.run,
    probes: recorded.run.probes.map((probe) => ({ ...probe, noun: "span", identity: "thread" }) as const),
  };
  const pieces: Buffer[] = [];
  const writer = new RunWriter((bytes) => pieces.push(Buffer.from(bytes)), { ...recorded, run });
  writer.finish(BATCH, EVENT_LOSS, new RememberedNames(RUN_NAMES));
  assert.deepEqual(read(Buffer.concat(pieces)).description, withoutUndefined({ ...recorded, run }));
});

/** What is undefined is not written. */
function withoutUndefined<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutUndefined) as T;
  if (value === null || typeof value !== "object" || value instanceof Map || Buffer.isBuffer(value)) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields.map(([name, field]) => [name, withoutUndefined(field)])) as T;
}

test("events of many sections keep their order", () => {
  const events = Array.from({ length: 60_000 }, (_, index) => {
    const event = EVENTS[index % EVENTS.length];
    assert.ok(event !== undefined);
    return { ...event, tid: index };
  });
  const run = read(record(events));
  const pieces = [...run.events()];
  assert.ok(pieces.length > 3);
  assert.deepEqual(
    pieces.flat().map(({ tid }) => tid),
    events.map(({ tid }) => tid),
  );
});

test("the same run gives the same bytes", () => {
  assert.deepEqual(record(), record());
});

/** What reading all of it comes to: nothing, or the message of a FormatError. Anything else is thrown on. */
function refusal(bytes: Buffer): string | undefined {
  try {
    eventsOf(read(bytes));
    return undefined;
  } catch (error) {
    if (error instanceof FormatError) return error.message;
    throw error;
  }
}

test("other files, and runs that break off, are refused with what they are", () => {
  const whole = record();
  assert.match(refusal(Buffer.alloc(0)) ?? "", /not a recorded run/);
  assert.match(refusal(Buffer.from("\x7fELF, or anything else")) ?? "", /not a recorded run/);
  const newer = Buffer.from(whole);
  newer.writeUInt32LE(2, 12);
  assert.match(refusal(newer) ?? "", /version 2 of a recorded run/);
  for (let length = 0; length < whole.length; length++) assert.notEqual(refusal(whole.subarray(0, length)), undefined);
  assert.match(refusal(Buffer.concat([whole, Buffer.from("more")])) ?? "", /breaks off/);
  assert.match(refusal(Buffer.concat([whole, whole.subarray(16)])) ?? "", /more than one section head/);
});

test("a damaged byte anywhere is noticed", () => {
  const whole = record();
  for (let at = 16; at < whole.length; at++) {
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] ?? 0) ^ 0x41;
    // Of gzip's header, time and system are nobody's business.
    if (refusal(damaged) === undefined) assert.deepEqual(eventsOf(read(damaged)), EVENTS);
  }
});

const changedJson = (section: string, path: readonly (string | number)[], value: unknown): Buffer =>
  rebuilt(record(), (content, name) => {
    if (name !== section) return content;
    const json: unknown = JSON.parse(content.toString());
    let owner = json as Record<string | number, unknown>;
    for (const step of path.slice(0, -1)) owner = owner[step] as Record<string | number, unknown>;
    owner[path.at(-1) ?? ""] = value;
    return Buffer.from(JSON.stringify(json));
  });

test("what does not belong together is refused, with its place", () => {
  const cases: readonly [string, readonly (string | number)[], unknown, RegExp][] = [
    ["head", ["command"], "rm", /head\.command is not hist or profile or trace or flow/],
    ["head", ["run", "probes"], {}, /head\.run\.probes is not a list/],
    ["head", ["run", "probes", 0, "returnSites"], -1, /returnSites is not a count/],
    ["head", ["shown", 0, 1, "shape", "kind"], "soup", /head\.shown\[0\]\[1\]\.shape\.kind is not integer or/],
    ["head", ["shown"], [], /values are shown of other probes/],
    ["head", ["clock", "realNs"], "18446744073709551616", /realNs is not an integer of 64 bits/],
    ["tail", ["batch", "startTimeMs"], 1e300, /a start at/],
    ["tail", ["batch", "series", 0, "probe"], 9, /a series of probe 9/],
    ["tail", ["batch", "series", 1, "values"], [], /values of other dimensions/],
    ["tail", ["batch", "series", 1, "values", 0], { status: "read", bits: "3" }, /a value that is none of tenant/],
    ["tail", ["batch", "series", 1, "buckets", 0, 0], 4096, /bucket 4096/],
    ["tail", ["batch", "balance", "entries"], "1e3", /entries is not an integer of 64 bits/],
    ["tail", ["batch", "balance", "entries"], "18446744073709551616", /entries is not an integer of 64 bits/],
    ["syms", ["functions", 0], ["main.f"], /functions\[0\] is not a pair/],
  ];
  for (const [section, path, value, expected] of cases) {
    assert.match(refusal(changedJson(section, path, value)) ?? "accepted", expected);
  }
  let nested: unknown = { kind: "bool", slot: 0 };
  for (let depth = 0; depth < 200; depth++) nested = { kind: "pointer", type: "*p", slot: 0, target: nested };
  assert.match(
    refusal(changedJson("head", ["shown", 0, 1, "shape"], nested)) ?? "",
    /is not nested so deeply|not .*deep/,
  );
});
