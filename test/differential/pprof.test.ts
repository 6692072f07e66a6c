import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { type Aggregate, aggregate, type RecordBatch } from "../../src/aggregate/index.js";
import type { VirtualAddress } from "../../src/base/index.js";
import { encodeProfile, type ProfileRequest } from "../../src/export/index.js";
import type { Frame } from "../../src/symbols/index.js";
import { EMPTY_BATCH, number, recordSeries, text } from "../aggregate/recording.js";
import { assertGolden } from "../golden/golden.js";

const scratch = mkdtempSync(join(tmpdir(), "gospect-pprof-"));
after(() => rmSync(scratch, { recursive: true }));

const frame = (name: string, file: string, line: number, startLine: number, inlined = false): Frame => ({
  function: name,
  file,
  line,
  startLine,
  inlined,
});

/** A binary in a few lines. Asked for a return address itself instead of the call before it, it gives another line. */
function symbolize(address: VirtualAddress): readonly Frame[] {
  switch (address as number) {
    case 0x401010:
      return [frame("main.(*Store).Lookup", "/src/store.go", 41, 40)];
    case 0x401024:
      return [frame("main.check", "/src/store.go", 9, 8, true), frame("main.(*Store).Lookup", "/src/store.go", 44, 40)];
    case 0x402004:
      return [frame("main.inner", "/src/a.go", 7, 5, true), frame("main.outer", "/src/a.go", 17, 15)];
    case 0x402024:
      return [frame("net/http.(*conn).serve", "/go/src/net/http/server.go", 99, 90)];
    case 0x403004:
      return [];
    default:
      return [frame("main.wrong", "/src/wrong.go", 1, 1)];
  }
}

const calls = (count: number, milliseconds: number): bigint[] =>
  new Array<bigint>(count).fill(BigInt(milliseconds) * 1_000_000n);

const SERIES = [
  recordSeries(0, 0, undefined, calls(3, 2)),
  recordSeries(1, 0, [text("acme"), number(0n), number(-7n)], calls(100, 1)),
  recordSeries(2, 0, [text("globex"), number(1n), number(4096n)], calls(50, 40)),
  recordSeries(3, 0, [text(""), number(1n), number(1_500_000n)], calls(20, 5)),
  recordSeries(4, 0, [text("acme"), number(1n), { status: "fault" }], calls(10, 3)),
];

const BATCH: RecordBatch = {
  ...EMPTY_BATCH,
  balance: { entries: 184n, returns: 183n, panics: 0n, goexits: 0n, open: 0n, unmatchedReturns: 0n, lost: 1n },
  loss: { ...EMPTY_BATCH.loss, otherSeries: 3n, samples: 2n },
  series: SERIES,
  samples: SERIES.map(({ id, count, sum }) => ({
    series: id,
    stack: id === 4 ? undefined : BigInt(id % 3),
    count,
    sum,
  })),
  stacks: [
    { id: 0n, frames: [0x401010, 0x402005, 0x403005], truncated: false },
    { id: 1n, frames: [0x401024, 0x402005, 0x402025], truncated: false },
    { id: 2n, frames: [0x401024, 0x402025], truncated: true },
  ],
};

const RESULTS: Aggregate = aggregate(BATCH, {
  functions: ["main.(*Store).Lookup"],
  dimensions: [
    { name: "tenant", encoding: { kind: "string" } },
    { name: "hit", encoding: { kind: "bool" } },
    { name: "size", encoding: { kind: "integer", signed: true, size: 8 } },
  ],
});

const REQUEST: ProfileRequest = {
  results: RESULTS,
  mapping: { start: 0x401000, limit: 0x500000, fileOffset: 0x1000, path: "/usr/bin/store", buildId: "6f1e0a" },
  symbolize,
  commandLine: "gospect profile -p 4711 'main.(*Store).Lookup' --by tenant --by hit --by size",
  integerLabels: "numbers",
};

/** The `go` of a version of the fixture matrix. */
const goOf = (version: string): string =>
  execFileSync(fileURLToPath(new URL("../../../fixtures/toolchain.sh", import.meta.url)), [version], {
    encoding: "utf8",
  }).trim();

/** What `go tool pprof` prints; its words on stderr are not part of a report. */
function pprof(go: string, file: string, options: readonly string[]): string {
  const env = {
    ...process.env,
    GOTOOLCHAIN: "local",
    TZ: "UTC",
    PPROF_TMPDIR: scratch,
    PPROF_BINARY_PATH: scratch,
  };
  return execFileSync(go, ["tool", "pprof", ...options, file], {
    encoding: "utf8",
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
}

const REPORTS: readonly (readonly string[])[] = [
  ["-raw"],
  ["-top"],
  ["-top", "-sample_index=calls"],
  ["-peek=Lookup"],
  ["-traces"],
  ["-tags"],
  ["-top", "-tagfocus=tenant=acme"],
  ["-top", "-tagfocus=size=4000:5000"],
  ["-traces", "-tagroot=tenant,size"],
  ["-comments"],
];

const written = (name: string, request: ProfileRequest): string => {
  const file = join(scratch, name);
  writeFileSync(file, encodeProfile(request));
  return file;
};

for (const version of ["1.19", "1.27"]) {
  test(`go tool pprof of Go ${version} reports what was measured`, () => {
    const go = goOf(version);
    const file = written("store.pb.gz", REQUEST);
    const reports = REPORTS.map((options) => `== ${options.join(" ")}\n${pprof(go, file, options)}`);
    assertGolden(`pprof-${version}.txt`, reports.join("\n"));
  });

  test(`go tool pprof of Go ${version} focuses on integers by regular expression when labels are text`, () => {
    const file = written("text.pb.gz", { ...REQUEST, integerLabels: "text" });
    assertGolden(`pprof-text-${version}.txt`, pprof(goOf(version), file, ["-traces", "-tagfocus=size=^4096$"]));
  });
}

test("labels of integers: beyond 2^63 as text, ranges and pointers always", () => {
  const results = aggregate(
    {
      ...EMPTY_BATCH,
      series: [
        recordSeries(1, 0, [number(2n ** 63n - 1n), number(10n), number(0xc000n)], calls(2, 2)),
        recordSeries(2, 0, [number(2n ** 63n), number(0n), number(0n)], calls(1, 1)),
      ],
      samples: [
        { series: 1, stack: undefined, count: 2n, sum: 4_000_000n },
        { series: 2, stack: undefined, count: 1n, sum: 1_000_000n },
      ],
    },
    {
      functions: ["main.f"],
      dimensions: [
        { name: "id", encoding: { kind: "integer", signed: false, size: 8 } },
        { name: "log2(n)", encoding: { kind: "log2" } },
        { name: "p", encoding: { kind: "pointer" } },
      ],
    },
  );
  assertGolden("pprof-labels.txt", pprof(goOf("1.27"), written("labels.pb.gz", { ...REQUEST, results }), ["-raw"]));
});

test("a profile of nothing is a profile", () => {
  const results = aggregate(EMPTY_BATCH, { functions: ["main.f"], dimensions: [] });
  assertGolden("pprof-empty.txt", pprof(goOf("1.27"), written("empty.pb.gz", { ...REQUEST, results }), ["-raw"]));
});

test("equal records give equal bytes, in whatever order the kernel gave them up", () => {
  const reversed = aggregate(
    {
      ...BATCH,
      series: [...BATCH.series].reverse(),
      samples: [...BATCH.samples].reverse(),
      stacks: [...BATCH.stacks].reverse(),
    },
    { functions: ["main.(*Store).Lookup"], dimensions: RESULTS.dimensions },
  );
  const bytes = encodeProfile(REQUEST);
  assert.ok(bytes.equals(encodeProfile({ ...REQUEST, results: reversed })));
  // No time stamp of the compression in the header (RFC 1952, 2.3.1).
  assert.equal(bytes.readUInt32LE(4), 0);
  assert.ok(gunzipSync(bytes).length > 0);
});
