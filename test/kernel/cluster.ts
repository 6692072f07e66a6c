/**
 * A PostgreSQL of Debian's with its data and its socket in a folder of its own, reached by that socket alone, as the user
 * that the package made. Its program is a copy, which nobody else runs. Nothing in it does transactions that nobody asked for:
 * no vacuum, no replication, no parallel workers.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { output, until } from "./programs.js";

const BIN = "/usr/lib/postgresql/15/bin";

/** LIMIT: how long it may take to end: a hang, however busy the machine is. */
const PATIENCE_MS = 180_000;

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: "",
  autovacuum: "off",
  max_logical_replication_workers: "0",
  max_parallel_workers_per_gather: "0",
  fsync: "off",
  shared_preload_libraries: "pg_stat_statements",
};

export class Cluster implements AsyncDisposable {
  /** Of the postmaster, which forks a process for every connection. */
  readonly pid: number;
  /** The file that all its processes run. */
  readonly program: string;
  private readonly folder: string;
  private readonly postmaster: ChildProcess;
  private readonly ended: Promise<unknown>;

  private constructor(folder: string, program: string, postmaster: ChildProcess) {
    this.folder = folder;
    this.program = program;
    this.postmaster = postmaster;
    this.pid = postmaster.pid ?? 0;
    this.ended = once(postmaster, "close");
  }

  /** Made and started; it takes connections. */
  static async start(): Promise<Cluster> {
    const folder = mkdtempSync(join(tmpdir(), "gospect-postgresql-"));
    const [uid, gid] = ["-u", "-g"].map((what) => Number(execFileSync("id", [what, "postgres"], { encoding: "utf8" })));
    assert.ok(uid !== undefined && gid !== undefined);
    const user = { uid, gid, cwd: folder };
    chownSync(folder, uid, gid);
    const data = join(folder, "data");
    execFileSync(
      join(BIN, "initdb"),
      ["-D", data, "--auth=trust", "--no-locale", "--encoding=UTF8", "--no-sync"],
      user,
    );
    const program = join(folder, "postgres");
    copyFileSync(join(BIN, "postgres"), program);
    const settings = Object.entries({ ...SETTINGS, unix_socket_directories: folder });
    const postmaster = spawn(
      program,
      ["-D", data, ...settings.flatMap(([name, value]) => ["-c", `${name}=${value}`])],
      { ...user, stdio: ["ignore", "ignore", "pipe"] },
    );
    let log = "";
    postmaster.stderr.setEncoding("utf8").on("data", (text: string) => {
      log += text;
    });
    const cluster = new Cluster(folder, program, postmaster);
    try {
      await until("PostgreSQL takes connections", () => {
        if (postmaster.exitCode !== null) throw new Error(`PostgreSQL has ended:\n${log}`);
        // Its last line is "ready" from then on.
        return lockFile(data).endsWith("ready") ? true : undefined;
      });
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** How a client is started that talks to a database: file and arguments. */
  client(program: "psql" | "pgbench" | "createdb", ...args: readonly string[]): readonly [string, ...string[]] {
    const quiet = program === "psql" ? ["-X", "-A", "-t", "-q"] : [];
    return [join(BIN, program), "-h", this.folder, "-U", "postgres", ...quiet, ...args];
  }

  /** What the client has printed by its end. Rejects unless it succeeds. */
  async run(...command: Parameters<Cluster["client"]>): Promise<string> {
    const [file, ...args] = this.client(...command);
    return await output(file, ...args);
  }

  /** The rows of a query to the database that nothing else is done in; values as text. */
  async query(sql: string): Promise<readonly (readonly string[])[]> {
    const rows = (await this.run("psql", "-d", "postgres", "-c", sql)).trimEnd();
    return rows === "" ? [] : rows.split("\n").map((row) => row.split("|"));
  }

  /** Processes of connections to a database. */
  async backends(database: string): Promise<readonly number[]> {
    return (await this.query(`SELECT pid FROM pg_stat_activity WHERE datname = '${database}'`)).map(([pid]) =>
      Number(pid),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Fast shutdown: connections are ended first.
    this.postmaster.kill("SIGINT");
    const killing = setTimeout(() => this.postmaster.kill("SIGKILL"), PATIENCE_MS);
    await this.ended;
    clearTimeout(killing);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function lockFile(data: string): string {
  try {
    return readFileSync(join(data, "postmaster.pid"), "utf8").trimEnd();
  } catch {
    return "";
  }
}
