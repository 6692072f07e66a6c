/** The bench cannot rot: its short form runs, and every row is there with a ratio. What the ratios are is not judged. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { measureBriefly } from "./suite.js";
import { formatTable } from "./table.js";

const withoutKernel: string | false = process.geteuid?.() === 0 ? false : "needs root";

describe("make bench", () => {
  it("measures everything once", { skip: withoutKernel }, async () => {
    const { rows, work, notes } = await measureBriefly(() => {});
    assert.deepEqual(
      rows.map(({ subject, reference, goal }) => [subject, reference, goal]),
      [
        ["gospect --help", "node -e 0", 1.3],
        ["first probe on", "node -e 0", 2],
        ["peak memory", "allowance", 1],
        ["list", "go tool nm", 2],
        ["list", "readelf --debug-dump=info", undefined],
        ["list, once more", "go tool nm", 2],
        ["list --names", "go tool nm", 2],
        ["list --names", "bpftrace -l 'uprobe:FILE:*'", undefined],
        ["plan of a function", "node -e 0", undefined],
        ["plan of a function", "1.5 × node -e 0 + 100 ms", 1],
        ["list, peak memory", "allowance", 1],
        ["list, once more, peak memory", "allowance", 1],
        ["list --names, peak memory", "allowance", 1],
        ["plan, peak memory", "allowance", 1],
        ["2 functions, start to last probe", "bpftrace, 2 functions", undefined],
        ["2 functions, Ctrl-C to end", "bpftrace, 2 functions", undefined],
        ["2 functions, Ctrl-C to end", "allowance", 1],
        ["3 functions, start to last probe", "bpftrace, 2 functions", undefined],
        ["3 functions, Ctrl-C to end", "bpftrace, 2 functions", undefined],
        ["3 functions, Ctrl-C to end", "allowance", 1],
        ["100 series, wall time", "10 × that of 10", undefined],
        ["100 series, CPU time of gospect", "10 × that of 10", undefined],
        ["hist", "empty programs, same sites", undefined],
        ["hist --by n", "empty programs, same sites", 1.1],
        ["hist --by n, log2(n), ret", "empty programs, same sites", undefined],
        ["profile --by n", "empty programs, same sites", undefined],
        ["trace", "empty programs, same sites", undefined],
        ["hist --by n", "empty programs, first instruction and returns", 0.65],
        ["empty programs, same sites", "empty programs, first instruction and returns", undefined],
        ["hist --by n", "bpftrace count() by n", 1.2],
        ["empty programs, same sites", "bpftrace count() by n", undefined],
        ["hist", "empty programs, same sites", undefined],
        ["hist --by arg0", "empty programs, same sites", 1.1],
        ["bpftrace's latency script", "empty programs, same sites", undefined],
        ["hist", "bpftrace's latency script", 1.2],
        ["hist", "bcc's funclatency", 1.2],
        ["hist --by arg0", "bpftrace's latency script", undefined],
        ["hist --by arg0", "bpftrace count() by arg0", undefined],
        ["empty programs, same sites", "bpftrace count() by arg0", undefined],
        ["no --by", "recipes as constants", undefined],
        ["recipes as codes", "recipes as constants", undefined],
        ["no --by", "recipes as constants", undefined],
        ["recipes as codes", "recipes as constants", undefined],
        ["trace --where, left out", "empty programs, same sites", undefined],
        ["trace", "hist --by tenant", undefined],
        ["trace", "bpftrace printf() of the arguments", undefined],
        ["trace", "bpftrace printf() of the arguments", undefined],
        ["nobody wants it", "no probe", undefined],
        ["hist counts it", "no probe", undefined],
      ],
    );
    for (const { subject, cost, referenceCost, ratio } of rows) {
      for (const value of [cost, referenceCost, ratio]) assert.ok(Number.isFinite(value) && value > 0, subject);
    }
    for (const { name, entry, exit } of work) {
      for (const { instructions, mapOperations, reads } of [entry, exit]) {
        assert.ok(instructions > 100 && mapOperations > 0 && reads >= 2, name);
      }
    }
    const [rate, ...scripts] = notes;
    assert.match(rate ?? "", /^trace: [\d,]+ calls a second of 1 goroutine, each of [\d,]+ printed$/);
    assert.deepEqual(
      scripts.map((note) => /^(bpftrace|gospect hist).*: the target (died|lived)/.exec(note)?.slice(1)),
      [
        ["bpftrace", "died"],
        ["gospect hist", "lived"],
      ],
    );
  });
});

describe("the table", () => {
  it("marks what is above its goal, and groups", () => {
    const row = { group: "calls", subject: "hist", reference: "empty", unit: "ns", goal: 1.15 } as const;
    const text = formatTable([
      { ...row, cost: 4690, referenceCost: 4436, ratio: 1.057 },
      { ...row, subject: "hist --by n", cost: 5990.4, referenceCost: 4436, ratio: 1.35 },
      { ...row, group: "start", cost: 12.34, referenceCost: 5, ratio: 2.47, goal: undefined },
    ]);
    assert.equal(
      text,
      [
        "                   cost  against      cost  ratio  goal",
        "",
        "calls",
        "  hist         4,690 ns  empty    4,436 ns   1.06  ≤ 1.15",
        "  hist --by n  5,990 ns  empty    4,436 ns   1.35  ≤ 1.15  above",
        "",
        "start",
        "  hist          12.3 ns  empty        5 ns   2.47",
        "",
      ].join("\n"),
    );
  });
});
