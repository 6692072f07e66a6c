/** A traced run as made up as it is complete: nested calls, a panic, a recursion, losses, hostile strings, open calls. */
import type { EventRecord, RecordBatch, ShownValue, StackRecord } from "../../src/aggregate/index.js";
import type { RecordedCommand, RunDescription, RunNames } from "../../src/recording/index.js";
import { NAMES, PartBuilder } from "../aggregate/capturing.js";
import { BATCH as COUNTS, RUN } from "../export/example.js";

const BIAS = 0x5555_0000_0000n;

/** Slots of the entry: tenant (0, 1), size (2), store (3, 4), hook (5); of the return: the count (0), the error (1, 2, 3, 4). */
const LOOKUP: readonly ShownValue[] = [
  { name: "s", role: "argument", phase: "entry", shape: pointerTo(3) },
  { name: "tenant", role: "argument", phase: "entry", shape: { kind: "string", slot: 0 } },
  { name: "size", role: "argument", phase: "entry", shape: { kind: "integer", slot: 2, signed: true, size: 8 } },
  { name: "hook", role: "argument", phase: "entry", shape: { kind: "function", slot: 5 } },
  { name: "n", role: "result", phase: "return", shape: { kind: "integer", slot: 0, signed: true, size: 8 } },
  {
    name: "ret1",
    role: "result",
    phase: "return",
    shape: {
      kind: "interface",
      type: "error",
      word: 1,
      table: false,
      taken: 2,
      cases: [{ type: "*errors.errorString", shape: { kind: "message", parts: [{ kind: "string", slot: 3 }] } }],
    },
  },
  { name: "len(tenant)", role: "show", phase: "entry", shape: { kind: "integer", slot: 1, signed: true, size: 8 } },
];

function pointerTo(slot: number): ShownValue["shape"] {
  return {
    kind: "pointer",
    type: "*main.Store",
    slot,
    target: {
      kind: "struct",
      type: "main.Store",
      fields: [{ name: "shards", embedded: false, shape: { kind: "integer", slot: slot + 1, signed: true, size: 8 } }],
      omitted: 2,
    },
  };
}

const WARM: readonly ShownValue[] = [];

function entry(tenant: string | Buffer, size: bigint, kept?: number): EventRecord["entry"] {
  const part = new PartBuilder();
  part.bytes(tenant, kept);
  part.word(size);
  part.word(0xc0_0000_1000n);
  part.word(16n);
  part.word(BIAS + 0x40_1000n);
  return part.part();
}

function returned(count: bigint, message?: string): EventRecord["return"] {
  const part = new PartBuilder();
  part.word(count);
  part.word(message === undefined ? 0n : BIAS + 0x4b_0000n);
  if (message === undefined) part.nothing();
  else part.word(0n);
  part.bytes(message ?? "");
  return part.part();
}

const START_NS = 77_000_000_000n;
const MS = 1_000_000n;

function event(at: bigint, took: bigint, fields: Partial<EventRecord>): EventRecord {
  return {
    probe: 0,
    outcome: "return",
    start: START_NS + at,
    end: START_NS + at + took,
    goid: 42n,
    tgid: 4711,
    tid: 4713,
    level: 0,
    stack: 7n,
    parentGoid: 7n,
    createdAt: 0x40_3006,
    bias: BIAS,
    entry: undefined,
    return: undefined,
    ...fields,
  };
}

/** In the order of their ends; at the end those that were still open, inner ones first. */
export const EVENTS: readonly EventRecord[] = [
  event(2n * MS, 3n * MS, { level: 1, entry: entry("acme", 128n), return: returned(17n) }),
  event(6n * MS, 1n * MS, {
    level: 2,
    goid: 43n,
    stack: 8n,
    entry: entry("globex\n\x1b[31m\u202e", -1n),
    return: returned(0n, "no such tenant"),
  }),
  event(6n * MS, 2n * MS, { level: 1, outcome: "panic", entry: entry("x".repeat(70), 0n, 64), stack: undefined }),
  event(1n * MS, 9n * MS, { level: 0, probe: 1 }),
  event(12n * MS, 4n * MS, { level: 0, entry: "lost", return: returned(1n), goid: 43n, parentGoid: undefined }),
  event(13n * MS, 0n, { level: 0, outcome: "passed", probe: 1, goid: 0n, parentGoid: undefined, createdAt: undefined }),
  event(14n * MS, 1_234_567n, {
    level: 0,
    outcome: "goexit",
    entry: entry(Buffer.from([0xff, 0x61]), 2n ** 62n),
    goid: 44n,
    createdAt: undefined,
  }),
  event(20n * MS, 80n * MS, { level: 1, outcome: "open", entry: entry("slow", 1n), tid: 0, stack: undefined }),
  event(19n * MS, 81n * MS, { level: 0, outcome: "open", probe: 1, tid: 0, stack: undefined }),
];

export const STACKS: readonly StackRecord[] = [
  { id: 7n, frames: [0x40_1010, 0x40_2005, 0x40_3006], truncated: false },
  { id: 8n, frames: [0x40_1024, 0x40_2025, 0x99_0000], truncated: true },
];

/** The last slices of a run whose probes rested, and what is left of those before. */
const SLICES: Pick<RecordBatch, "slices" | "earlierSlices"> = {
  slices: [
    {
      beginNs: 900_000n,
      endNs: 950_000n,
      calls: 7n,
      first: { ns: 20_000n, calls: 3n, hits: 6n },
      last: { ns: 20_000n, calls: 4n, hits: 7n },
    },
  ],
  earlierSlices: {
    slices: 4,
    onNs: 200_000n,
    calls: 30n,
    rest: { least: { sum: 120.5, last: 30, steps: 4000.25 }, most: undefined, variance: 64.25 },
  },
};

export const BATCH: RecordBatch = { ...COUNTS, ...SLICES, stacks: STACKS };
export const EVENT_LOSS = { dropped: 3n, captures: 1n };

/** What the program's tables say: one function was inlined, one is a wrapper. */
export const RUN_NAMES: RunNames = {
  ...NAMES,
  symbolize: (address) => {
    const frame = (name: string, line: number) => ({
      function: name,
      file: "/src/store.go",
      line,
      startLine: 1,
      inlined: false,
      wrapper: false,
    });
    if (address >= 0x40_1000 && address < 0x40_2000) return [frame("main.(*Store).Lookup", 17)];
    if (address === 0x40_2004) return [{ ...frame("main.inner", 31), inlined: true }, frame("main.handle", 30)];
    if (address === 0x40_2024) return [{ ...frame("main.wrapper", 1), wrapper: true }];
    return address === 0x40_3005 ? [frame("main.serve", 41)] : [];
  },
};

/** Of a program and a library. */
const MAPPINGS = [
  {
    start: 0x40_0000,
    limit: 0x48_0000,
    fileOffset: 0,
    path: "/usr/bin/store",
    buildId: "6f1e0a",
    hasLines: true,
  },
  {
    start: 2 ** 44 + 0x2_8000,
    limit: 2 ** 44 + 0x18_0000,
    fileOffset: 0x2_8000,
    path: "/lib/libc.so.6",
    buildId: undefined,
    hasLines: false,
  },
];

export const describe = (command: RecordedCommand): RunDescription => ({
  command,
  commandLine: `gospect ${command} -p 4711 'main.(*Store).*'`,
  run: RUN,
  dimensions: [
    { name: "tenant", encoding: { kind: "string" } },
    { name: "size", encoding: { kind: "integer", signed: true, size: 8 } },
  ],
  measure: { kind: "duration" },
  shown: [LOOKUP, WARM],
  clock: { realNs: BigInt(Date.UTC(2026, 0, 2, 3, 4, 5, 678)) * MS, monotonicNs: START_NS },
  mappings: command === "profile" ? MAPPINGS : undefined,
  view: { stacks: command === "trace", verbose: false, linear: command === "hist" },
});
