/**
 * Recipes on a server as Debian ships it: prometheus, stripped, Go 1.19. Who asked it knows what it answered, and it
 * counts for itself what it did beside that.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { withoutKernel } from "./measuring.js";
import { counts, freePort, type Hist, type Metrics, Run, until } from "./programs.js";
import { Prometheus } from "./prometheus.js";

const options = { skip: withoutKernel };

/** Scraped every few seconds, and never there: each time a name is looked up and a request fails. */
const JOB = "absent";

/** Long enough for a run to begin between two scrapes; longer where it wasn't. */
let intervalS = 3;
/** LIMIT: a machine on which no run begins within that is not busy, it hangs. */
const LONGEST_INTERVAL_S = 48;

let absentPort = 0;
let prometheus: Prometheus;

const configuration = (): string => `global: {scrape_interval: ${intervalS}s}
scrape_configs: [{job_name: ${JOB}, static_configs: [{targets: ["localhost:${absentPort}"]}]}]
`;

before(async () => {
  if (withoutKernel !== false) return;
  absentPort = await freePort();
  prometheus = await Prometheus.start(configuration, "--web.enable-lifecycle");
});

after(async () => {
  if (withoutKernel !== false) return;
  await prometheus[Symbol.asyncDispose]();
});

async function ask(recipe: string, load: () => Promise<unknown>): Promise<Hist> {
  await using run = await Run.start("recipe", recipe, "-p", String(prometheus.pid), "--json");
  await load();
  return JSON.parse((await run.stop()).stdout) as Hist;
}

const attempts = (metrics: Metrics): number =>
  metrics.get("net_conntrack_dialer_conn_attempted_total", { dialer_name: JOB });

/** How often prometheus says it went to the absent host while both recipes were asked. */
async function whileScraping(recipe: string): Promise<{ readonly result: Hist; readonly attempts: number }> {
  for (;;) {
    const first = attempts(await prometheus.server.metrics());
    // Right after a scrape there is time until the next.
    const begin = await until("a scrape", async () => {
      const now = attempts(await prometheus.server.metrics());
      return now > first ? now : undefined;
    });
    let [attached, end] = [0, 0];
    const result = await ask(recipe, async () => {
      attached = attempts(await prometheus.server.metrics());
      end = await until("two scrapes", async () => {
        const now = attempts(await prometheus.server.metrics());
        return now >= attached + 2 ? now : undefined;
      });
    });
    if (begin === attached && end === attempts(await prometheus.server.metrics()))
      return { result, attempts: end - begin };
    // A machine too busy for that has more time between the next ones.
    intervalS *= 2;
    assert.ok(intervalS <= LONGEST_INTERVAL_S, "no measurement began and ended between two scrapes");
    await prometheus.rescrape(intervalS, configuration());
  }
}

test("dns: the name of a host that is scraped", options, async () => {
  const scraped = await whileScraping("dns");
  assert.deepEqual(counts(scraped.result.series, "host", "failed"), { "localhost false": scraped.attempts });
});

test("http-client: requests that failed have a host and no status", options, async () => {
  const scraped = await whileScraping("http-client");
  const [only] = scraped.result.series;
  assert.deepEqual(
    [scraped.result.series.length, only?.by, only?.count],
    [1, { host: `localhost:${absentPort}`, status: { unreadable: "nil pointer" } }, scraped.attempts],
  );
});

const PATHS: readonly (readonly [method: string, path: string, status: number, times: number])[] = [
  ["GET", "/-/healthy", 200, 6],
  ["GET", "/no/such/page", 404, 3],
  ["GET", "/api/v1/query?query=up{", 400, 2],
  ["POST", "/api/v1/query?query=1", 200, 4],
  ["GET", "/", 302, 5],
];

async function visit(): Promise<void> {
  for (const [method, path, status, times] of PATHS) {
    for (let n = 0; n < times; n++) {
      const response = await fetch(`http://127.0.0.1:${prometheus.port}${path}`, { method, redirect: "manual" });
      await response.arrayBuffer();
      assert.equal(response.status, status, path);
    }
  }
}

const visits = (keyOf: (method: string, path: string, status: number) => string): Record<string, number> => {
  const expected = new Map<string, number>();
  for (const [method, path, status, times] of PATHS) {
    const key = keyOf(method, path, status);
    expected.set(key, (expected.get(key) ?? 0) + times);
  }
  return Object.fromEntries([...expected].sort());
};

test("http-status and http-server: what a client was answered", options, async () => {
  let byPath: Hist | undefined;
  const byStatus = await ask("http-status", async () => {
    byPath = await ask("http-server", visit);
  });
  assert.deepEqual(
    counts(byStatus.series, "method", "status"),
    visits((method, _path, status) => `${method} ${status}`),
  );
  assert.deepEqual(
    counts(byPath?.series ?? [], "method", "path"),
    visits((method, path) => `${method} ${path.replace(/\?.*/, "")}`),
  );
});

test("opens: the configuration, each time it is read again", options, async () => {
  const { series } = await ask("opens", async () => {
    for (let n = 0; n < 3; n++) {
      const response = await fetch(`http://127.0.0.1:${prometheus.port}/-/reload`, { method: "POST" });
      assert.equal(response.status, 200, await response.text());
    }
  });
  assert.equal(counts(series, "file", "failed")[`${prometheus.configuration} false`], 3);
});

test("gc: as many collections as the runtime counts", options, async () => {
  const collections = async (): Promise<number> =>
    (await prometheus.server.metrics()).get("go_gc_duration_seconds_count");
  for (let tries = 0; tries < 5; tries++) {
    const before = await collections();
    let [begin, end] = [0, 0];
    const { series } = await ask("gc", async () => {
      begin = await collections();
      for (let n = 0; n < 4; n++) await prometheus.server.get("/debug/pprof/heap?gc=1");
      end = await collections();
    });
    if (before !== begin || (await collections()) !== end) continue;
    assert.ok(end - begin >= 4);
    assert.equal(counts(series)["runtime.gcMarkTermination"], end - begin);
    return;
  }
  assert.fail("a collection at each end of every measurement");
});
