/**
 * prometheus as Debian ships it, stripped and built by Go 1.19, and what it is asked: as many queries of each text as these
 * say, all at once.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, Server } from "./programs.js";

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
