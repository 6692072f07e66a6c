/**
 * Each recipe, asked of a program that counts for itself what it does, with its symbols and without, and of servers of
 * Debian's, which are stripped: their metrics and their clients know.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { type Fixture, fixturePath, type GoVersion, startFixture } from "../fixture.js";
import { withoutKernel } from "./measuring.js";
import { counts, type Hist, pprof, Run } from "./programs.js";

const options = { skip: withoutKernel };

const folder = mkdtempSync(join(tmpdir(), "gospect-recipes-"));
after(() => rmSync(folder, { recursive: true }));

type Counts = Readonly<Record<string, number>>;

/** What everyday says of a round. */
interface Round {
  readonly opens: Counts;
  readonly lookups: Counts;
  readonly requests: Counts;
  readonly host: string;
  readonly posted: number;
  readonly queries: Counts;
  readonly allocations: Readonly<Record<string, { readonly count: number; readonly bytes: number }>>;
  readonly goroutines: Counts;
  readonly mutexWaits: Counts;
  readonly channelWaits: Counts;
  readonly pauses: readonly number[];
}

/** Asks a recipe during one round. */
async function askDuringRound(
  fixture: Fixture,
  ...recipe: readonly string[]
): Promise<{ round: Round; stdout: string }> {
  await using run = await Run.start("recipe", "-p", String(fixture.pid), ...recipe);
  fixture.send("go");
  const round = await fixture.nextMessage<Round>();
  return { round, stdout: (await run.stop()).stdout };
}

interface Extremes {
  readonly series: readonly { readonly min: number; readonly max: number }[];
}

async function histDuringRound(fixture: Fixture, recipe: string): Promise<{ round: Round; result: Hist & Extremes }> {
  const { round, stdout } = await askDuringRound(fixture, recipe, "--json");
  return { round, result: JSON.parse(stdout) as Hist & Extremes };
}

/** Sums of what has the same key. */
function regroup(counted: Counts, keyOf: (name: string) => string): Counts {
  const grouped: Record<string, number> = {};
  for (const [name, count] of Object.entries(counted)) grouped[keyOf(name)] = (grouped[keyOf(name)] ?? 0) + count;
  return Object.fromEntries(Object.entries(grouped).sort());
}

const sorted = (counted: Counts): Counts => regroup(counted, (name) => name);

const counted = (names: readonly string[]): Counts => {
  const result: Record<string, number> = {};
  for (const name of names) result[name] = (result[name] ?? 0) + 1;
  return result;
};

/** A line of `http-slow`. */
interface Slow {
  readonly durationNs: number;
  readonly show: { readonly method: string; readonly path: string };
}

/** Those that the round knows of: the runtime and the library do some more. */
const ofRound = (counted: Counts, known: Counts): Counts =>
  Object.fromEntries(Object.entries(counted).filter(([name]) => name in known));

/** How much of a profile lies below each function of everyday's own. */
function below(version: GoVersion, file: string, sampleType: string): Counts {
  const report = pprof(
    version,
    file,
    "-top",
    "-cum",
    "-nodefraction=0",
    "-unit=minimum",
    `-sample_index=${sampleType}`,
  );
  const rows = [...report.matchAll(/^ *\S+ +\S+% +\S+% +(\d+)\S* +\S+% {2}(main\.\S+)$/gm)];
  return Object.fromEntries(rows.map(([, amount, name = ""]) => [name, Number(amount)]));
}

/** Recipes of hist and trace. */
const COUNTED: Readonly<Record<string, (fixture: Fixture, build: string) => Promise<void>>> = {
  opens: async (fixture) => {
    const { round, result } = await histDuringRound(fixture, "opens");
    // A key holds 64 bytes, and so do these names.
    const failing = (name: string): string => `${name} ${name.endsWith("/missing")}`;
    const expected = regroup(round.opens, failing);
    assert.deepEqual(ofRound(counts(result.series, "file", "failed"), expected), expected);
  },
  dns: async (fixture) => {
    const { round, result } = await histDuringRound(fixture, "dns");
    assert.deepEqual(ofRound(counts(result.series, "host", "failed"), round.lookups), sorted(round.lookups));
  },
  "http-server": async (fixture) => {
    const { round, result } = await histDuringRound(fixture, "http-server");
    assert.deepEqual(
      counts(result.series, "method", "path"),
      regroup(round.requests, (request) => request.replace(/ \d+$/, "")),
    );
  },
  "http-status": async (fixture) => {
    const { round, result } = await histDuringRound(fixture, "http-status");
    const byStatus = regroup(round.requests, (request) => request.replace(/ \S+ /, " "));
    assert.deepEqual(counts(result.series, "method", "status"), byStatus);
    const bytes = result.series.reduce((sum, series) => sum + series.sum, 0);
    assert.equal(bytes, round.posted * (byStatus["POST 201"] ?? 0));
  },
  "http-client": async (fixture) => {
    const { round, result } = await histDuringRound(fixture, "http-client");
    const byStatus = regroup(round.requests, (request) => `${round.host} ${request.replace(/.* /, "")}`);
    assert.deepEqual(counts(result.series, "host", "status"), byStatus);
  },
  "http-slow": async (fixture) => {
    const { round, stdout } = await askDuringRound(fixture, "http-slow", "--json");
    const shown = stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line): Slow => JSON.parse(line));
    assert.ok(shown.every(({ durationNs }) => durationNs > 100e6));
    const requests = counted(shown.map(({ show }) => `${show.method} ${show.path}`));
    const made = regroup(round.requests, (request) => request.replace(/ \d+$/, ""));
    assert.ok((made["GET /slow"] ?? 0) > 0);
    assert.equal(requests["GET /slow"], made["GET /slow"]);
    // On a busy machine any other may take as long.
    for (const [request, times] of Object.entries(requests)) assert.ok(times <= (made[request] ?? 0), request);
  },
  sql: async (fixture) => {
    const { round, result } = await histDuringRound(fixture, "sql");
    assert.deepEqual(counts(result.series, "query"), sorted(round.queries));
  },
  gc: async (fixture, build) => {
    const { round, result } = await histDuringRound(fixture, "gc");
    const [all] = result.series;
    assert.deepEqual([result.series.length, all?.count], [1, round.pauses.length]);
    if (build === "plain") {
      const total = round.pauses.reduce((sum, pause) => sum + pause, 0);
      assert.deepEqual([all?.sum, all?.min, all?.max], [total, Math.min(...round.pauses), Math.max(...round.pauses)]);
    }
  },
};

/** What the profile of a recipe has to say of a round, for each sample type. */
const PROFILES: Readonly<Record<string, (round: Round) => Readonly<Record<string, Counts>>>> = {
  allocations: ({ allocations }) => {
    const each = Object.entries(allocations);
    return {
      calls: Object.fromEntries(each.map(([name, { count }]) => [name, count])),
      bytes: Object.fromEntries(each.map(([name, { count, bytes }]) => [name, count * bytes])),
    };
  },
  goroutines: ({ goroutines }) => ({ calls: goroutines }),
  mutexes: ({ mutexWaits }) => ({ calls: mutexWaits }),
  channels: ({ channelWaits }) => ({ calls: channelWaits }),
};

async function compareProfile(fixture: Fixture, recipe: string, version: GoVersion): Promise<void> {
  const file = join(folder, `${recipe}.pb.gz`);
  const { round } = await askDuringRound(fixture, recipe, "-o", file);
  for (const [sampleType, expected] of Object.entries(PROFILES[recipe]?.(round) ?? {})) {
    assert.deepEqual(sorted(ofRound(below(version, file, sampleType), expected)), sorted(expected), sampleType);
  }
}

const BUILDS = [
  ["1.19", "plain"],
  ["1.19", "stripped"],
  ["1.22", "stripped"],
  ["1.27", "plain"],
  ["1.27", "stripped"],
] as const;

for (const [version, mode] of BUILDS) {
  test(`what everyday did, by recipe: Go ${version} ${mode}`, options, async (t: TestContext) => {
    using fixture = await startFixture(fixturePath("everyday", version, mode));
    for (const [recipe, compare] of Object.entries(COUNTED)) await t.test(recipe, () => compare(fixture, mode));
    for (const recipe of Object.keys(PROFILES)) await t.test(recipe, () => compareProfile(fixture, recipe, version));
    await fixture.stop();
  });
}
