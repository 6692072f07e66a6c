/**
 * prometheus as Debian ships it: stripped, Go 1.19, scraping itself while it answers queries. What is measured of it
 * from outside must be what it counts of itself, and what it was asked.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { withoutKernel } from "./measuring.js";
import {
  allReturned,
  counts,
  flatOf,
  type Hist,
  hist,
  type Metrics,
  pprof,
  profile,
  tracesOf,
  until,
} from "./programs.js";
import { ASKED, cut, Prometheus, QUERIES } from "./prometheus.js";

const options = { skip: withoutKernel };

const MODULE = "github.com/prometheus/prometheus";
const NEW_QUERY = `${MODULE}/promql.(*Engine).NewInstantQuery`;
const EXECUTE = `${MODULE}/promql.(*Engine).exec`;
const EVALUATE_STATEMENT = `${MODULE}/promql.(*Engine).execEvalStmt`;
const EVALUATE = `${MODULE}/promql.(*evaluator).Eval`;
const SCRAPE = `${MODULE}/scrape.(*scrapeLoop).scrapeAndReport`;
const APPEND = `${MODULE}/tsdb.(*headAppender).Append`;
const COMMIT = `${MODULE}/tsdb.(*headAppender).Commit`;

/** Long enough for a run to begin between two scrapes; longer where it wasn't. */
let intervalS = 4;
/** LIMIT: a machine on which no run begins within that is not busy, it hangs. */
const LONGEST_INTERVAL_S = 32;

let prometheus: Prometheus;

const configuration = (port: number): string => `global: {scrape_interval: ${intervalS}s}
scrape_configs:
  - job_name: self
    static_configs: [{targets: ["127.0.0.1:${port}"]}]
`;

before(async () => {
  if (withoutKernel !== false) return;
  prometheus = await Prometheus.start(configuration, "--web.enable-lifecycle");
});

after(async () => {
  if (withoutKernel !== false) return;
  await prometheus[Symbol.asyncDispose]();
});

const askAll = (): Promise<void> => prometheus.askAll();

const asked = (metrics: Metrics): number =>
  metrics.get("prometheus_http_requests_total", { handler: "/api/v1/query", code: "200" });

test("hist by query text, from a signature, agrees with what was asked", options, async () => {
  const signature =
    `${NEW_QUERY}=func(queryable any, opts *struct{}, qs string, ts struct{wall uint64; ext int64; loc unsafe.Pointer}) ` +
    "(query any, err error)";
  const before = await prometheus.server.metrics();
  const { series, balance } = await hist(
    prometheus.pid,
    [NEW_QUERY, "--sig", signature, "--by", "qs", "--by", "err != nil"],
    async () => {
      await askAll();
      await assert.rejects(prometheus.ask("up{"), /unexpected end of input/);
    },
  );
  assert.deepEqual(counts(series, "qs", "err != nil"), {
    ...Object.fromEntries(Object.entries(QUERIES).map(([query, times]) => [`${cut(query)} false`, times])),
    "up{ true": 1,
  });
  assert.deepEqual(balance, allReturned(ASKED + 1));
  assert.equal(asked(await prometheus.server.metrics()) - asked(before), ASKED);
});

test(
  "hist by a field behind a pointer, from a signature; sums lie around what prometheus measured",
  options,
  async () => {
    const before = await prometheus.server.metrics();
    const query = "*struct{queryable any; q string}";
    const { series } = await hist(
      prometheus.pid,
      [
        ...[EXECUTE, "--sig", `${EXECUTE}=func(ctx context.Context, q ${query}) (any, []error, error)`],
        ...["--by", "q.q", "--by", "ret2 != nil"],
      ],
      askAll,
    );
    assert.deepEqual(
      counts(series, "q.q", "ret2 != nil"),
      Object.fromEntries(Object.entries(QUERIES).map(([text, times]) => [`${cut(text)} false`, times])),
    );
    const between = await prometheus.server.metrics();
    assert.equal(asked(between) - asked(before), ASKED);

    const sums = await hist(prometheus.pid, [EVALUATE_STATEMENT, EVALUATE], askAll);
    const after = await prometheus.server.metrics();
    const rise = (name: string): number => after.get(name, SLICE) - between.get(name, SLICE);
    const SLICE = { slice: "inner_eval" };
    assert.equal(rise("prometheus_engine_query_duration_seconds_count"), ASKED);
    assert.deepEqual(counts(sums.series), { [EVALUATE_STATEMENT]: ASKED, [EVALUATE]: ASKED });
    const own = rise("prometheus_engine_query_duration_seconds_sum") * 1e9;
    const sum = (name: string): number => sums.series.find((one) => one.function === name)?.sum ?? 0;
    assert.ok(
      sum(EVALUATE) <= own && own <= sum(EVALUATE_STATEMENT),
      `Eval ${sum(EVALUATE)} ns, prometheus says ${own} ns, execEvalStmt ${sum(EVALUATE_STATEMENT)} ns`,
    );
  },
);

const scrapes = (metrics: Metrics): number => metrics.get("prometheus_target_interval_length_seconds_count");
const samples = (metrics: Metrics): number => metrics.get("prometheus_tsdb_head_samples_appended_total");

/** Right after the next scrape, when its samples are in and there is time until the one after it. */
async function nextScrape(): Promise<Metrics> {
  const last = samples(await prometheus.server.metrics());
  return await until("a scrape", async () => {
    const now = await prometheus.server.metrics();
    return samples(now) > last ? now : undefined;
  });
}

/** The metrics of what this test has asked for become series of their own; after these scrapes there are no more. */
async function settle(): Promise<void> {
  for (let n = 0; n < 3; n++) await nextScrape();
}

interface Scraped<T> {
  readonly result: T;
  readonly scrapes: number;
  readonly samples: number;
}

/**
 * Measures while `wanted` scrapes happen. Both ends of the measurement lie between scrapes: what prometheus counted was
 * the same just before and just after each of them. A machine too busy for that has more time between the next ones.
 */
async function whileScraping<T>(
  wanted: number,
  measure: (load: () => Promise<void>) => Promise<T>,
): Promise<Scraped<T>> {
  for (;;) {
    const before = await nextScrape();
    let [attached, detaching] = [before, before];
    const result = await measure(async () => {
      attached = await prometheus.server.metrics();
      for (let n = 0; n < wanted; n++) detaching = await nextScrape();
    });
    const after = await prometheus.server.metrics();
    // One counts as a scrape begins, the other as it ends.
    const quiet = [scrapes, samples].every((count) => count(detaching) === count(after));
    if (scrapes(before) === scrapes(attached) && quiet) {
      return { result, scrapes: scrapes(after) - scrapes(before), samples: samples(after) - samples(before) };
    }
    intervalS *= 2;
    assert.ok(intervalS <= LONGEST_INTERVAL_S, "no measurement began and ended between two scrapes");
    await prometheus.rescrape(intervalS, configuration(prometheus.port));
    await settle();
  }
}

test("hist counts the scrapes and samples that prometheus's own metrics count", options, async () => {
  await prometheus.server.get("/api/v1/series?match[]=up");
  await settle();
  const signature = `${APPEND}=func(ref uint64, lset []struct{name, value string}, t int64, v float64) (uint64, error)`;
  const functions = [SCRAPE, COMMIT];
  const { result, ...counted } = await whileScraping(2, async (load) => {
    let perLabels: Promise<Hist> | undefined;
    const perFunction = await hist(prometheus.pid, functions, async () => {
      perLabels = hist(prometheus.pid, [APPEND, "--sig", signature, "--by", "len(lset)"], load);
      await perLabels;
    });
    return { perFunction, perLabels: await perLabels };
  });
  const { perFunction, perLabels } = result;
  assert.deepEqual(counts(perFunction.series), { [SCRAPE]: counted.scrapes, [COMMIT]: counted.scrapes });
  assert.deepEqual(perLabels?.balance, allReturned(counted.samples));
  // Every scrape appends to every series once. How many labels each has, the HTTP API tells.
  const { data } = JSON.parse(await prometheus.server.get('/api/v1/series?match[]={job="self"}')) as {
    readonly data: readonly Readonly<Record<string, string>>[];
  };
  const expected = data.map((labels) => ({
    function: APPEND,
    by: { "len(lset)": Object.keys(labels).length },
    count: counted.scrapes,
    sum: 0,
  }));
  assert.deepEqual(counts(perLabels?.series ?? [], "len(lset)"), counts(expected, "len(lset)"));
});

test("profile shows who appends: the scrape loop", options, async () => {
  const file = join(prometheus.folder, "scrape.pb.gz");
  const { scrapes: scraped } = await whileScraping(1, (load) => profile(prometheus.pid, file, [SCRAPE, COMMIT], load));
  const loop = [`${MODULE}/scrape.(*scrapeLoop).run`, "runtime.goexit"];
  const traces = [
    { calls: scraped, stack: [SCRAPE, ...loop] },
    {
      calls: scraped,
      stack: [
        COMMIT,
        `${MODULE}/tsdb.dbAppender.Commit`,
        `${MODULE}/storage.(*fanoutAppender).Commit`,
        `${MODULE}/scrape.(*scrapeLoop).scrapeAndReport.func1`,
        SCRAPE,
        ...loop,
      ],
    },
  ];
  for (const version of ["1.19", "1.27"] as const) {
    assert.deepEqual(new Set(tracesOf(pprof(version, file, "-traces", "-sample_index=calls"))), new Set(traces));
    assert.deepEqual(
      new Set(flatOf(pprof(version, file, "-top", "-sample_index=calls", "-nodefraction=0"))),
      new Set([`${scraped} 50.00% ${SCRAPE}`, `${scraped} 50.00% ${COMMIT}`]),
    );
  }
});
