/**
 * PostgreSQL under load: its processes are forked by the one that was there when the measurement began. What is measured of
 * the probes that its package carries must be what pgbench did, and what PostgreSQL counts of itself.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Fixture } from "../fixture.js";
import { Cluster } from "./cluster.js";
import { withoutKernel } from "./measuring.js";
import { allPassed, allReturned, counts, type Hist, histOf, Run, until } from "./programs.js";
import { SemaphoreReader } from "./semaphores.js";
import type { TraceLine } from "./tracing.js";

const options = { skip: withoutKernel };

/** What pgbench and the tests talk to. Statistics are asked for in another one, so that asking does not change them. */
const DATABASE = "bench";
const CLIENTS = 4;
const TRANSACTIONS = 50;
const ALL = CLIENTS * TRANSACTIONS;

const span = (name: string): string => `usdt:postgresql:${name}__start..usdt:postgresql:${name}__done`;
const QUERY = span("query");
const [COMMIT, ABORT] = ["usdt:postgresql:transaction__commit", "usdt:postgresql:transaction__abort"] as const;

let postgresql: Cluster;

before(async () => {
  if (withoutKernel !== false) return;
  postgresql = await Cluster.start();
  await postgresql.run("createdb", DATABASE);
  await postgresql.run("pgbench", "-i", "-s", "1", "-q", DATABASE);
  await postgresql.query("CREATE EXTENSION pg_stat_statements");
});

after(async () => {
  if (withoutKernel !== false) return;
  await postgresql[Symbol.asyncDispose]();
});

/** In every process of PostgreSQL, those that are forked meanwhile included. */
const measure = (args: readonly string[], load: () => Promise<unknown>): Promise<Hist> =>
  histOf(["-e", postgresql.program], args, load);

/** The transactions of TPC-B, a fixed number by each of several clients. */
const pgbench = (...more: readonly string[]): Promise<string> =>
  postgresql.run("pgbench", "-n", "-c", `${CLIENTS}`, "-t", `${TRANSACTIONS}`, "-M", "simple", ...more, DATABASE);

/** Queries one after the other over one connection; errors are survived. */
const psql = (...queries: readonly string[]): Promise<string> =>
  postgresql.run("psql", "-d", DATABASE, ...queries.flatMap((query) => ["-c", query]));

/** Of all queries since the last time, by their first word: how many, and how long PostgreSQL was busy with each. */
async function statements(): Promise<ReadonlyMap<string, { readonly calls: number; readonly ns: number }>> {
  const rows = await postgresql.query(
    `SELECT substring(query FROM '\\w+'), sum(calls), sum(total_exec_time)
     FROM pg_stat_statements JOIN pg_database ON oid = dbid WHERE datname = '${DATABASE}' GROUP BY 1`,
  );
  return new Map(rows.map(([word = "", calls, ms]) => [word, { calls: Number(calls), ns: Number(ms) * 1e6 }]));
}

const forgetStatements = (): Promise<unknown> => postgresql.query("SELECT pg_stat_statements_reset()");

/** Transactions of the database since it was made; a process reports its last ones when it ends. */
async function outcomes(): Promise<{ readonly commits: number; readonly rollbacks: number }> {
  await until("connections have ended", async () =>
    (await postgresql.backends(DATABASE)).length === 0 ? true : undefined,
  );
  const [[commits, rollbacks] = []] = await postgresql.query(
    `SELECT xact_commit, xact_rollback FROM pg_stat_database WHERE datname = '${DATABASE}'`,
  );
  return { commits: Number(commits), rollbacks: Number(rollbacks) };
}

test("queries by their first word: what pgbench did, and as PostgreSQL counts and times them", options, async () => {
  await forgetStatements();
  const { series, balance } = await measure([QUERY, "--by", "word(str(arg0))"], pgbench);
  // In small letters what pgbench itself wants to know before it begins.
  assert.deepEqual(counts(series, "word(str(arg0))"), {
    BEGIN: ALL,
    END: ALL,
    INSERT: ALL,
    SELECT: ALL,
    UPDATE: 3 * ALL,
    select: 2,
  });
  assert.deepEqual(balance, allReturned(7 * ALL + 2));
  const own = await statements();
  assert.deepEqual(
    counts(series, "word(str(arg0))"),
    Object.fromEntries([...own].map(([word, { calls }]) => [word, calls] as const).sort()),
  );
  for (const { by, sum } of series) {
    const { ns = Number.NaN } = own.get(String(by["word(str(arg0))"])) ?? {};
    assert.ok(sum >= ns, `${by["word(str(arg0))"]}: ${sum} ns, of which PostgreSQL spent ${ns} on execution`);
  }
});

test("only queries that a condition is about, and one line for each", options, async () => {
  const update = "UPDATE pgbench_branches SET bbalance = bbalance WHERE bid = ";
  const queries = ["SELECT 1", `${update}1`, `${update}0`, "UPDATE pgbench_tellers SET filler = ''"];
  const asked = [QUERY, "--where", 'hasPrefix(str(arg0), "UPDATE pgbench_branches")'];
  const { series, balance } = await measure([...asked, "--by", "str(arg0)"], () => psql(...queries));
  assert.deepEqual(counts(series, "str(arg0)"), { [`${update}0`]: 1, [`${update}1`]: 1 });
  assert.deepEqual(balance, { ...allReturned(4), filtered: 2, undecided: 0 });

  await using run = await Run.start("trace", "-e", postgresql.program, ...asked, "--show", "str(arg0)", "--json");
  await psql(...queries);
  const lines = (await run.stop()).stdout.trimEnd().split("\n");
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as TraceLine).show["str(arg0)"]),
    [`${update}1`, `${update}0`],
  );
});

test("phases of a query: each within it, planning of those that have a plan", options, async () => {
  const phases = ["query__parse", "query__rewrite", "query__plan"].map(span);
  const [parse = "", rewrite = "", plan = ""] = phases;
  const execute = span("query__execute");
  const { series, balance } = await measure([QUERY, ...phases, execute], pgbench);
  const queries = 7 * ALL + 2;
  const expected = {
    [QUERY]: queries,
    [parse]: queries,
    [rewrite]: queries,
    [plan]: 5 * ALL + 2,
    // What writes is executed by an execution of its own within the query's.
    [execute]: queries + 4 * ALL,
  };
  assert.deepEqual(counts(series), Object.fromEntries(Object.entries(expected).sort()));
  assert.deepEqual(balance, allReturned(Object.values(expected).reduce((sum, count) => sum + count)));
  const sum = (name: string): number => series.find((one) => one.function === name)?.sum ?? Number.NaN;
  const within = phases.reduce((total, name) => total + sum(name), 0);
  assert.ok(within <= sum(QUERY), `phases ${within} ns, whole queries ${sum(QUERY)} ns`);
});

test("transactions by outcome, as PostgreSQL counts them", options, async () => {
  const earlier = await outcomes();
  const { series, balance } = await measure([COMMIT, ABORT], async () => {
    await pgbench();
    await psql(
      ...["BEGIN", "DELETE FROM pgbench_history", "ROLLBACK"],
      ...["BEGIN", "SELECT 1 / 0", "SELECT 1", "COMMIT"],
      "SELECT 1 / 0",
      // That is caught: a transaction within a transaction is none.
      "DO $$ BEGIN PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN NULL; END $$",
    );
  });
  const later = await outcomes();
  const commits = later.commits - earlier.commits;
  assert.deepEqual(counts(series), { [ABORT]: 3, [COMMIT]: commits });
  assert.equal(later.rollbacks - earlier.rollbacks, 3);
  // Making a connection is one too; pgbench has one more than clients, and both of its own queries.
  assert.equal(commits, ALL + 2 + (CLIENTS + 1) + 1 + 1);
  assert.deepEqual(balance, allPassed(commits + 3));
});

test("a query that fails has no end: it stays open, and the next ones are what they are", options, async () => {
  const failing = ["SELECT 1 / 0", "SELECT no_such_column", "no such statement"];
  const queries = failing.flatMap((query, n) => [`SELECT ${n}`, query, `SELECT -${n}`]);
  const { series, balance } = await measure([QUERY, "--by", "str(arg0)"], () => psql(...queries, "SELECT 'end'"));
  const good = [...queries.filter((query) => !failing.includes(query)), "SELECT 'end'"];
  assert.deepEqual(
    counts(series, "str(arg0)"),
    Object.fromEntries(good.map((query): [string, number] => [query, 1]).sort()),
  );
  assert.deepEqual(balance, {
    ...allReturned(good.length),
    entries: good.length + failing.length,
    open: failing.length,
  });
});

test(
  "a connection with hundreds of failing queries: nothing is told of a query that is another's",
  options,
  async () => {
    const queries = Array.from({ length: 300 }, (_, n) => (n % 3 === 2 ? `SELECT ${n}` : `SELECT ${n} / 0`));
    const { series, balance } = await measure([QUERY, "--by", "str(arg0)"], () => psql(...queries));
    for (const { by, count } of series) {
      assert.equal(count, 1);
      assert.doesNotMatch(String(by["str(arg0)"]), /\/ 0$/, "it failed");
    }
    const { entries, returns, open, lost } = balance;
    assert.deepEqual([entries, series.length], [queries.length, returns]);
    assert.equal(entries, returns + open + lost);
  },
);

test(
  "semaphores are raised in the processes that were forked before and after, and lowered in all",
  options,
  async () => {
    const read = new SemaphoreReader(postgresql.program, "postgresql");
    const connect = (): Fixture => {
      const [file, ...args] = postgresql.client("psql", "-d", DATABASE);
      return new Fixture(file, args);
    };
    const backend = async (client: Fixture): Promise<number> => {
      client.send("SELECT pg_backend_pid();");
      return Number(await client.nextLine());
    };
    using older = connect();
    const processes = [postgresql.pid, await backend(older)];
    const semaphores = (): unknown => processes.map((pid) => read.of(pid));
    assert.deepEqual(
      semaphores(),
      processes.map(() => ({})),
    );
    await using run = await Run.start("hist", "-e", postgresql.program, QUERY);
    using younger = connect();
    processes.push(await backend(younger));
    assert.deepEqual(
      semaphores(),
      processes.map(() => ({ query__done: 1, query__start: 1 })),
    );
    await run.stop();
    assert.deepEqual(
      semaphores(),
      processes.map(() => ({})),
    );
    for (const client of [older, younger]) {
      client.send("\\q");
      await client.waitForEnd();
    }
  },
);
