/**
 * The hunt for slow calls on a server as Debian ships it: prometheus, stripped, Go 1.19, answering queries. Which calls a
 * condition selects is the same for `trace` and `hist`, and is what was asked; a recorded run says it again elsewhere.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gospect } from "./cli.js";
import { withoutKernel } from "./measuring.js";
import { counts, type Hist, Run } from "./programs.js";
import { ASKED, cut, Prometheus, QUERIES } from "./prometheus.js";

const options = { skip: withoutKernel };

const EXECUTE = "github.com/prometheus/prometheus/promql.(*Engine).exec";
const SIGNATURE = `${EXECUTE}=func(ctx context.Context, q *struct{queryable any; q string}) (any, []error, error)`;

let prometheus: Prometheus;

before(async () => {
  if (withoutKernel !== false) return;
  prometheus = await Prometheus.start(() => "global: {scrape_interval: 1h}\n");
});

after(async () => {
  if (withoutKernel !== false) return;
  await prometheus[Symbol.asyncDispose]();
});

interface TraceLine {
  readonly args: { readonly q: { readonly q: string } };
  readonly durationNs: number;
  readonly outcome: string;
}

const linesOf = (stdout: string): readonly TraceLine[] =>
  stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as TraceLine);

/** By query, as hist's series have it: the first 64 bytes. */
function queriesOf(lines: readonly TraceLine[]): Record<string, number> {
  const counted = new Map<string, number>();
  for (const { args } of lines) counted.set(args.q.q, (counted.get(args.q.q) ?? 0) + 1);
  return Object.fromEntries([...counted].sort());
}

const command = (name: string, ...args: readonly string[]): readonly string[] => [
  name,
  ...["-p", String(prometheus.pid), EXECUTE, "--sig", SIGNATURE, ...args],
];

interface Selected {
  readonly lines: readonly TraceLine[];
  readonly hist: Hist & { readonly balance: { readonly filtered?: number } };
}

/** The same calls, seen by `trace` and by `hist` at once. */
async function select(where: string): Promise<Selected> {
  await using trace = await Run.start(...command("trace", "--json", "--where", where));
  await using hist = await Run.start(...command("hist", "--json", "--by", "q.q", "--where", where));
  await prometheus.askAll();
  const [traced, counted] = [await trace.stop(), await hist.stop()];
  return { lines: linesOf(traced.stdout), hist: JSON.parse(counted.stdout) as Selected["hist"] };
}

const asked = (matches: (query: string) => boolean): Record<string, number> =>
  Object.fromEntries(Object.entries(QUERIES).filter(([query]) => matches(query)));

const CONDITIONS: readonly (readonly [where: string, matches: (query: string) => boolean])[] = [
  ['q.q == "up"', (query) => query === "up"],
  ['hasPrefix(q.q, "sum by") || q.q == "1 + 1"', (query) => query !== "up"],
  ['ret2 == nil && $duration > 1us && !hasPrefix(q.q, "up")', (query) => query !== "up"],
  ["len(q.q) > 5 && $duration < 1h", (query) => query.startsWith("sum")],
  ['$duration > 1h || q.q == "nothing"', () => false],
];

for (const [where, matches] of CONDITIONS) {
  test(`trace and hist, where ${where}`, options, async () => {
    const { lines, hist } = await select(where);
    const expected = asked(matches);
    assert.deepEqual(queriesOf(lines), expected);
    assert.deepEqual(
      counts(
        hist.series.filter(({ count }) => count > 0),
        "q.q",
      ),
      Object.fromEntries(Object.entries(expected).map(([query, times]) => [cut(query), times])),
    );
    assert.deepEqual(new Set(lines.map(({ outcome }) => outcome)), new Set(lines.length === 0 ? [] : ["return"]));
    assert.equal(hist.balance.entries, ASKED);
    const selected = Object.values(expected).reduce((sum, times) => sum + times, 0);
    assert.equal(hist.balance.filtered, ASKED - selected);
  });
}

test("a bound on the duration parts the calls: what is left out is counted", options, async () => {
  const durations = (await select("$duration > 0")).lines.map(({ durationNs }) => durationNs).sort((a, b) => a - b);
  assert.equal(durations.length, ASKED);
  const bound = durations[Math.floor(ASKED / 2)] ?? 0;
  const { lines, hist } = await select(`$duration > ${bound}ns`);
  for (const { durationNs } of lines) assert.ok(durationNs > bound, `${durationNs} ns`);
  const counted = hist.series.reduce((sum, { count }) => sum + count, 0);
  assert.equal(counted + (hist.balance.filtered ?? 0), ASKED);
  for (const { count, min } of hist.series as readonly (Hist["series"][number] & { readonly min: number })[]) {
    assert.ok(count === 0 || min > bound);
  }
});

test("a condition that can't be evaluated is refused before anything is attached", options, async () => {
  const refused = await gospect(command("trace", "--where", "q.nothing == 1"));
  assert.equal(refused.status, 3, refused.stderr);
  assert.match(refused.stderr, /^error: .*nothing.*\nhint: /m);
  assert.doesNotMatch(refused.stderr, /^measuring/m);
});

/** Somebody without any right, in a folder of theirs. */
const NOBODY = 65_534;

test("a recorded run is replayed byte for byte, by somebody without any right", options, async () => {
  const file = join(prometheus.folder, "run.gospect");
  {
    await using run = await Run.start(...command("trace", "--stack", "--where", 'q.q == "up"', "-o", file));
    await prometheus.askAll();
    await run.stop();
  }
  chmodSync(file, 0o644);
  const replay = (...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ["build/src/cli/main.js", "replay", ...args], {
      encoding: "utf8",
      ...(args.includes("--json") ? { uid: NOBODY, gid: NOBODY } : {}),
    });
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const json = replay(file, "--json");
  assert.deepEqual(
    queriesOf(linesOf(json)),
    asked((query) => query === "up"),
  );
  assert.equal(replay(file, "--json"), json);
  const text = replay(file);
  assert.equal(text.match(/^\d\d:\d\d:\d\d\.\d{6} {2}g\d+/gm)?.length, 5);
  assert.match(text, /q="up"|q: "up"/);
  const output = join(prometheus.folder, "replayed.txt");
  replay(file, "-o", output);
  assert.equal(readFileSync(output, "utf8"), text);
});
