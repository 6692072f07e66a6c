/**
 * What a latency script does to a Go program: bpftrace's uprobe + uretprobe on a function of fixtures/torture, a process
 * that is there to be thrown away, and gospect's hist on the same function of another one.
 */
import { spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Fixture, fixturePath, startFixture } from "../fixture.js";
import { endTool } from "./attachments.js";

const gospect = fileURLToPath(new URL("../../bundle/cli/main.js", import.meta.url));

const FUNCTION = "main.Grow";

/** LIMIT: how long a target is given to die. */
const PATIENCE_MS = 20_000;

const script = (path: string): string =>
  `uprobe:${path}:"${FUNCTION}" { @start[tid] = nsecs; } ` +
  `uretprobe:${path}:"${FUNCTION}" /@start[tid]/ { @ns = hist(nsecs - @start[tid]); delete(@start[tid]); }`;

/** The first thing the runtime said, without its own punctuation. */
const complaintOf = (stderr: string): string => /(?:fatal error|runtime|panic|SIG\w+): ?.*/.exec(stderr)?.[0] ?? "";

/** Attaches `command`, waits until the target has ended or the time is over, and tells which in one sentence. */
async function fate(what: string, command: (pid: number, path: string) => readonly string[]): Promise<string> {
  const path = fixturePath("torture", "1.27", "plain");
  using target: Fixture = await startFixture(path);
  const [program = "", ...args] = command(target.pid, path);
  const tool = spawn(program, args, { stdio: "ignore" });
  const start = Date.now();
  while (!target.hasEnded && tool.exitCode === null && Date.now() - start < PATIENCE_MS) await delay(100);
  const seconds = ((Date.now() - start) / 1000).toFixed(1);
  const died = target.hasEnded;
  await endTool(tool);
  if (died) return `${what}: the target died after ${seconds} s: ${complaintOf(target.stderr)}`;
  await target.stop();
  return `${what}: the target lived for ${seconds} s, and all it computed was right`;
}

/** One sentence for each tool. Needs root and bpftrace. */
export async function tryLatencyScripts(survivalSeconds: number): Promise<readonly string[]> {
  return [
    await fate(`bpftrace's latency script (uprobe + uretprobe) on ${FUNCTION}`, (pid, path) => [
      "bpftrace",
      "-p",
      `${pid}`,
      "-e",
      script(path),
    ]),
    await fate(`gospect hist on ${FUNCTION}`, (pid) => [
      process.execPath,
      gospect,
      "hist",
      ...["--max-overhead", "100%"],
      "-p",
      `${pid}`,
      FUNCTION,
      "-d",
      `${survivalSeconds}s`,
    ]),
  ];
}
