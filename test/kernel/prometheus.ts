/**
 * prometheus as Debian ships it, stripped and built by Go 1.19, and what it is asked: as many queries of each text as these
 * say, all at once.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, Server, until } from "./programs.js";

export const QUERIES: Readonly<Record<string, number>> = {
  "1 + 1": 2,
  'sum by (code) (rate(prometheus_http_requests_total{job="self"}[1m])) > 0': 4,
  up: 5,
};
export const ASKED = Object.values(QUERIES).reduce((sum, times) => sum + times, 0);

/** What a run keeps of a string: 64 bytes. */
export const cut = (text: string): string => (text.length > 64 ? `${text.slice(0, 64)}…` : text);

/** A running prometheus, and a folder that anyone may read in, which are removed with it. */
export class Prometheus implements AsyncDisposable {
  readonly server: Server;
  readonly port: number;
  readonly folder: string;
  /** Read again when prometheus is told to. */
  readonly configuration: string;

  private constructor(server: Server, port: number, folder: string, configuration: string) {
    this.server = server;
    this.port = port;
    this.folder = folder;
    this.configuration = configuration;
  }

  /** `configure` gets the port that it listens at. */
  static async start(configure: (port: number) => string, ...options: readonly string[]): Promise<Prometheus> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), "gospect-prometheus-"));
    chmodSync(folder, 0o755);
    const configuration = join(folder, "prometheus.yml");
    writeFileSync(configuration, configure(port));
    try {
      const server = await Server.start("/usr/bin/prometheus", port, (own) => [
        `--config.file=${configuration}`,
        `--storage.tsdb.path=${join(own, "data")}`,
        `--web.listen-address=127.0.0.1:${port}`,
        ...options,
      ]);
      return new Prometheus(server, port, folder, configuration);
    } catch (error) {
      rmSync(folder, { recursive: true });
      throw error;
    }
  }

  get pid(): number {
    return this.server.pid;
  }

  ask(query: string): Promise<string> {
    return this.server.get(`/api/v1/query?query=${encodeURIComponent(query)}`);
  }

  /** Asks all QUERIES. */
  async askAll(): Promise<void> {
    const all = Object.entries(QUERIES).flatMap(([query, times]) => Array.from({ length: times }, () => query));
    await Promise.all(all.map((query) => this.ask(query)));
  }

  /**
   * Has it read a configuration with another interval of scrapes, which it was started with `--web.enable-lifecycle` for.
   * That takes effect seconds later, by targets that take the place of others: resolves when these are scraped.
   */
  async rescrape(intervalS: number, configuration: string): Promise<void> {
    writeFileSync(this.configuration, configuration);
    const response = await fetch(`http://127.0.0.1:${this.port}/-/reload`, { method: "POST" });
    assert.equal(response.status, 200, await response.text());
    const interval = `${intervalS}s`;
    await until(`scrapes each ${interval}`, async () =>
      (await this.server.metrics()).get("prometheus_target_interval_length_seconds_count", { interval }) > 0
        ? true
        : undefined,
    );
  }

  /** It must end well. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.server.stop();
    } finally {
      await this.server[Symbol.asyncDispose]();
      rmSync(this.folder, { recursive: true });
    }
  }
}
