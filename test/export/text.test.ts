import assert from "node:assert/strict";
import { test } from "node:test";
import { fileOffset, refused, UnmeasurableError, UsageError, virtualAddress } from "../../src/base/index.js";
import {
  displayWidth,
  type FunctionEntry,
  fit,
  fitSymbol,
  formatBalanceText,
  formatBytes,
  formatCount,
  formatErrorJson,
  formatErrorText,
  formatHistText,
  formatListJson,
  formatListText,
  formatNamesJson,
  formatNamesText,
  formatNanoseconds,
  formatShare,
  HIST_TEXT_DEFAULTS,
  type ListEntry,
} from "../../src/export/index.js";
import { assertGolden } from "../golden/golden.js";
import { RESULTS, RESULTS_OF_ONE, RUN, RUN_OF_ONE } from "./example.js";

const NO_CONDITION = { probes: RUN.probes };
const PLAIN = { colour: false, width: 120 };

test("durations have three digits and the unit that fits", () => {
  const cases: readonly (readonly [bigint | number, string])[] = [
    [0n, "0 ns"],
    [7n, "7 ns"],
    [12.34, "12.3 ns"],
    [612.3, "612 ns"],
    [999n, "999 ns"],
    [999.6, "1.00 µs"],
    [1000n, "1.00 µs"],
    [1063n, "1.06 µs"],
    [9_996n, "10.0 µs"],
    [99_960n, "100 µs"],
    [999_499n, "999 µs"],
    [999_500n, "1.00 ms"],
    [59_940_000_000n, "59.9 s"],
    [150_000_000_000n, "2.50 min"],
    [4_320_000_000_000n, "1.20 h"],
    [8_640_000_000_000_000n, "2400 h"],
    [-1_063_000n, "-1.06 ms"],
  ];
  assert.deepEqual(
    cases.map(([value]) => [value, formatNanoseconds(value)]),
    cases,
  );
});

test("counts, shares, sizes", () => {
  assert.deepEqual([0n, 999n, 1000n, 1234567n].map(formatCount), ["0", "999", "1,000", "1,234,567"]);
  assert.deepEqual([0, 0.0004, 0.004, 0.5, 1].map(formatShare), ["0.0%", "<0.1%", "0.4%", "50.0%", "100.0%"]);
  assert.deepEqual([0, 1023, 1024, 1_500_000].map(formatBytes), ["0 B", "1023 B", "1.00 KiB", "1.43 MiB"]);
});

test("text is measured and cut in terminal columns", () => {
  assert.deepEqual(["abc", "日本", "e\u0301", "\x1b[1mab\x1b[0m"].map(displayWidth), [3, 4, 1, 2]);
  const method = "go.etcd.io/etcd/etcdserver.(*EtcdServer).run";
  assert.deepEqual(
    [60, 40, 33, 30, 12].map((width) => fitSymbol(method, width)),
    [
      method,
      "…etcd/etcdserver.(*EtcdServer).run",
      "…etcdserver.(*EtcdServer).run",
      "…etcdserver.(*EtcdServer).run",
      "…Server).run",
    ],
  );
  assert.equal(fitSymbol("main.Sum[a.org/x/y.Key]", 16), "…[a.org/x/y.Key]");
  assert.deepEqual([fit("abcdef", 4), fit("日本語", 4), fit("abc", 3)], ["abc…", "日…", "abc"]);
});

test("a run with a condition says how many calls matched, and a traced one what is missing", () => {
  const results = { ...RESULTS, balance: { ...RESULTS.balance, filtered: 1000n, undecided: 5n, counted: 10n } };
  const where = { ...NO_CONDITION, where: 'tenant == "acme\u202e"' };
  const lines = formatBalanceText(where, results, PLAIN, { dropped: 1234n, captures: 1n, shownAs: "trees" }).split(
    "\n",
  );
  assert.deepEqual(
    lines.filter((line) => /matched|undecided|condition|missing above|were given|still running/.test(line)),
    [
      'condition: 310 of 1,315 calls matched tenant == "acme\\u{202e}"; 2 did not end, or were lost, and may be among them',
      "note: 1 call was still running at the end",
      "warning: 5 calls left out: the condition could not be evaluated: no such key or element, a nil pointer, or memory that is not there",
      "warning: 1,234 calls missing above: they came faster than they could be taken; their time seems to be their callers' own",
      "warning: 1 call without what they were given: no room",
    ],
  );
  const page = formatHistText(
    { ...RUN_OF_ONE, where: where.where },
    { ...RESULTS_OF_ONE, balance: results.balance },
    {
      ...HIST_TEXT_DEFAULTS,
      style: PLAIN,
    },
  );
  assert.match(
    page,
    /\n310 of 1,315 calls matched tenant == "acme\\u\{202e\}"; 2 did not end, or were lost, and may be among them\n/,
  );
});

test("the closing balance", () => {
  assertGolden("balance.txt", formatBalanceText(NO_CONDITION, RESULTS, PLAIN));
  const broken = {
    ...RESULTS_OF_ONE,
    balance: { ...RESULTS_OF_ONE.balance, entries: 1234n, discrepancy: 1229n },
    loss: {
      otherSeries: 1n,
      buckets: 2n,
      stacks: 3n,
      samples: 4n,
      noGoroutine: 5n,
      unreadable: 0n,
      homeless: 0n,
      abandoned: 0n,
      left: 0n,
      cut: 0n,
    },
  };
  assertGolden("balance-broken.txt", formatBalanceText(NO_CONDITION, broken, PLAIN));
  const doubled = { ...RESULTS_OF_ONE, balance: { ...RESULTS_OF_ONE.balance, entries: 4n, discrepancy: -1n } };
  assertGolden("balance-doubled.txt", formatBalanceText(NO_CONDITION, doubled, PLAIN));
});

test("errors: a sentence, and the hint on its own line", () => {
  const unknown = new UnmeasurableError("no-match", "no function main.Lokup", { hint: "did you mean main.Lookup?" });
  const usage = new UsageError("no target");
  assert.equal(formatErrorText(unknown, PLAIN), "error: no function main.Lokup\nhint: did you mean main.Lookup?\n");
  assert.equal(formatErrorText(usage, PLAIN), "error: no target\n");
  const pointing = new UsageError('expression "a..b"', { hint: "a..b\n  ^" });
  assert.equal(formatErrorText(pointing, PLAIN), 'error: expression "a..b"\nhint: a..b\n        ^\n');
  assert.deepEqual(JSON.parse(formatErrorJson(unknown)), {
    error: { code: "no-match", message: "no function main.Lokup", hint: "did you mean main.Lookup?" },
  });
  assert.deepEqual(JSON.parse(formatErrorJson(usage)), { error: { code: "usage", message: "no target", hint: null } });
});

test("names from a hostile file don't steer the terminal", () => {
  const name = "main.\x1b]0;owned\x07f";
  const entry: ListEntry = { ...blank(name), file: "/src/\u202ea.go", line: 1 };
  const plain = "main.\\x1b]0;owned\\x07f";
  assert.equal(
    textOf(formatListText([entry], "lines", PLAIN)),
    `address  size  signature  returns  inlined  function\n    0x1     1  DWARF            1        0  ${plain}()  /src/\\u{202e}a.go:1\n`,
  );
  const results = { ...RESULTS_OF_ONE, series: RESULTS_OF_ONE.series.map((series) => ({ ...series, function: name })) };
  const page = formatHistText(RUN_OF_ONE, results, { style: PLAIN, ...HIST_TEXT_DEFAULTS });
  assert.equal(page.split("\n")[0], plain);
  assert.equal(
    formatErrorText(new UsageError(`no ${name}`, { hint: "a\nb\x9b" }), PLAIN),
    `error: no ${plain}\nhint: a\n      b\\x9b\n`,
  );
});

const blank = (name: string): FunctionEntry => ({
  kind: "function",
  name,
  file: undefined,
  line: undefined,
  address: virtualAddress(1),
  size: 1,
  params: [],
  results: [],
  captured: () => [],
  signatureSource: "dwarf",
  entry: undefined,
  returns: 1,
  inlinedCopies: 0,
  inlinedInto: undefined,
  wrapper: false,
  refused: undefined,
});

const ENTRIES: readonly ListEntry[] = [
  {
    kind: "function",
    name: "main.(*Store).Lookup",
    file: "/src/store.go",
    line: 41,
    address: virtualAddress(0x4a1c40),
    size: 1512,
    params: [
      { name: "s", type: "*main.Store", location: "ax" },
      { name: "tenant", type: "string", location: "bx, cx" },
      { name: "", type: "float64", location: undefined },
    ],
    results: [
      { name: "~r0", type: "string", location: "ax, bx" },
      { name: "err", type: "error", location: "cx, di" },
    ],
    captured: () => [
      { name: "base", type: "int", location: "*(dx+8)" },
      { name: "all", type: "[4]int", location: undefined },
    ],
    signatureSource: "dwarf",
    entry: { offset: fileOffset(0xa1c44), instruction: () => "jbe 0x4a1f00" },
    returns: 3,
    inlinedCopies: 3,
    inlinedInto: () => [
      { function: "main.serve", file: "/src/serve.go", line: 12 },
      { function: "main.serve", file: "/src/serve.go", line: 12 },
      { function: "main.init", file: undefined, line: undefined },
    ],
    wrapper: false,
    refused: undefined,
  },
  {
    kind: "function",
    name: "main.loop",
    file: undefined,
    line: undefined,
    address: virtualAddress(0x4a2000),
    size: 64,
    params: undefined,
    results: undefined,
    captured: () => [],
    signatureSource: undefined,
    entry: undefined,
    returns: 0,
    inlinedCopies: 0,
    inlinedInto: undefined,
    wrapper: false,
    refused: refused("no-return", "it never returns", "probe what it calls").refusal,
  },
  {
    kind: "function",
    name: "main.size",
    file: "/src/store.go",
    line: 90,
    address: virtualAddress(0x4a2100),
    size: 12,
    params: [],
    results: [{ name: "", type: "int", location: "ax" }],
    captured: () => [],
    signatureSource: "runtime-types",
    entry: { offset: fileOffset(0xa2100), instruction: () => "mov $0x1,%eax" },
    returns: 1,
    inlinedCopies: 0,
    inlinedInto: () => [],
    wrapper: true,
    refused: undefined,
  },
];

const SETJMP = [
  { name: "arg0", type: "int64", location: "%rdi" },
  { name: "arg1", type: "float64", location: "%xmm0", unreadable: "XMM registers are out of a uprobe's reach" },
];

const NATIVE: readonly ListEntry[] = [
  {
    kind: "usdt",
    name: "usdt:queue:put",
    provider: "queue",
    probe: "put",
    file: "/usr/lib/libqueue.so.1",
    line: undefined,
    address: virtualAddress(0x1110),
    size: 0,
    places: [
      {
        address: virtualAddress(0x1110),
        params: SETJMP,
        semaphore: { address: virtualAddress(0x5020), offset: fileOffset(0x4020) },
        entry: { offset: fileOffset(0x1110), instruction: () => "nop" },
        refused: undefined,
      },
      {
        address: virtualAddress(0x1118),
        params: SETJMP.slice(0, 1),
        semaphore: undefined,
        entry: undefined,
        refused: refused("misplaced", "0x1118 is in the middle of an instruction of enqueue").refusal,
      },
    ],
    damaged: [{ index: 7, reason: "its arguments are damaged" }],
    refused: undefined,
  },
  {
    kind: "usdt",
    name: "usdt:?:? (note 8 of libqueue.so.1)",
    provider: undefined,
    probe: undefined,
    file: "/usr/lib/libqueue.so.1",
    line: undefined,
    address: undefined,
    size: 0,
    places: [],
    damaged: [{ index: 8, reason: "its name is damaged" }],
    refused: refused("damaged-note", "its name is damaged").refusal,
  },
  {
    kind: "c",
    name: "c:getaddrinfo",
    file: "/usr/lib/libc.so.6",
    line: undefined,
    address: virtualAddress(0xefc70),
    size: 8624,
    version: "GLIBC_2.2.5",
    entry: { offset: fileOffset(0xefc74), instruction: () => "push %rbp" },
    refused: undefined,
  },
  {
    kind: "c",
    name: "c:memcpy",
    file: "/usr/lib/libc.so.6",
    line: undefined,
    address: virtualAddress(0x9be70),
    size: 0,
    version: undefined,
    entry: undefined,
    refused: refused("ifunc", "its code is chosen", "probe what may be chosen").refusal,
  },
];

const textOf = (pieces: Iterable<string>): string => [...pieces].join("");

test("list: a line each, or in detail", () => {
  assertGolden("list-lines.txt", textOf(formatListText(ENTRIES, "lines", PLAIN)));
  assertGolden("list-details.txt", textOf(formatListText(ENTRIES, "details", PLAIN)));
  assert.equal(textOf(formatListText([], "lines", PLAIN)), "");
  assertGolden("list-native-lines.txt", textOf(formatListText([...ENTRIES.slice(1, 2), ...NATIVE], "lines", PLAIN)));
  assertGolden("list-native-details.txt", textOf(formatListText(NATIVE, "details", PLAIN)));
  assertGolden("list-native-json.txt", textOf(formatListJson(NATIVE)));
});

test("list --json: the array of cli.md, whole", () => {
  const [lookup, loop] = ENTRIES;
  assert.ok(lookup !== undefined && loop !== undefined);
  assert.deepEqual(JSON.parse(textOf(formatListJson([lookup, loop]))), [
    {
      kind: "function",
      name: "main.(*Store).Lookup",
      file: "/src/store.go",
      line: 41,
      address: 0x4a1c40,
      size: 1512,
      params: [
        { name: "s", type: "*main.Store", location: "ax" },
        { name: "tenant", type: "string", location: "bx, cx" },
        { name: "", type: "float64", location: null },
      ],
      results: [
        { name: "~r0", type: "string", location: "ax, bx" },
        { name: "err", type: "error", location: "cx, di" },
      ],
      captured: [
        { name: "base", type: "int", location: "*(dx+8)" },
        { name: "all", type: "[4]int", location: null },
      ],
      signatureSource: "dwarf",
      entry: { offset: 0xa1c44, instruction: "jbe 0x4a1f00" },
      returns: 3,
      inlinedCopies: 3,
      inlinedInto: [
        { function: "main.serve", file: "/src/serve.go", line: 12 },
        { function: "main.serve", file: "/src/serve.go", line: 12 },
        { function: "main.init", file: null, line: null },
      ],
      wrapper: false,
      refused: null,
    },
    {
      kind: "function",
      name: "main.loop",
      file: null,
      line: null,
      address: 0x4a2000,
      size: 64,
      params: null,
      results: null,
      captured: [],
      signatureSource: null,
      entry: null,
      returns: 0,
      inlinedCopies: 0,
      inlinedInto: null,
      wrapper: false,
      refused: { code: "no-return", reason: "it never returns", hint: "probe what it calls" },
    },
  ]);
  assert.equal(textOf(formatListJson([])), "[]\n");
});

test("list --names: address, size, name and place, and nothing else", () => {
  assert.equal(
    textOf(formatNamesText(ENTRIES, PLAIN)),
    [
      "   address       size  function",
      "  0x4a1c40      1,512  main.(*Store).Lookup  /src/store.go:41",
      "  0x4a2000         64  main.loop",
      "  0x4a2100         12  main.size  /src/store.go:90",
      "",
    ].join("\n"),
  );
  assert.equal(textOf(formatNamesText([], PLAIN)), "");
  assert.deepEqual(JSON.parse(textOf(formatNamesJson(ENTRIES.slice(0, 2)))), [
    { kind: "function", name: "main.(*Store).Lookup", file: "/src/store.go", line: 41, address: 0x4a1c40, size: 1512 },
    { kind: "function", name: "main.loop", file: null, line: null, address: 0x4a2000, size: 64 },
  ]);
  assert.equal(textOf(formatNamesJson([])), "[]\n");
});
