/**
 * First probe on after start: from starting gospect on a running process of a big stripped program until the entry
 * instruction in that process' memory is a breakpoint, against starting and ending an empty Node program.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { LiveInstruction } from "./process-memory.js";
import { measureInRounds } from "./rounds.js";
import { type Row, rowOf } from "./table.js";

const gospect = fileURLToPath(new URL("../../bundle/cli/main.js", import.meta.url));

/** LIMIT: how long a start may take. */
const PATIENCE_MS = 30_000;

const elapsedMs = (since: bigint): number => Number(process.hrtime.bigint() - since) / 1e6;

async function emptyProgram(): Promise<number> {
  const start = process.hrtime.bigint();
  await once(spawn(process.execPath, ["-e", "0"], { stdio: "ignore" }), "exit");
  return elapsedMs(start);
}

export interface StartupSubject {
  /** For people: `etcd, 21 MB, stripped`. */
  readonly name: string;
  readonly pid: number;
  readonly function: string;
  /** Where its entry probe will sit in the process. */
  readonly entryAddress: number;
}

async function firstProbe(subject: StartupSubject): Promise<number> {
  using entry = new LiveInstruction(subject.pid, subject.entryAddress);
  if (entry.hasProbe()) throw new Error(`${subject.name}: something else sits on ${subject.function}`);
  const start = process.hrtime.bigint();
  const child = spawn(process.execPath, [gospect, "hist", "-p", `${subject.pid}`, subject.function], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  const ended = once(child, "exit");
  while (!entry.hasProbe()) {
    if (child.exitCode !== null || elapsedMs(start) > PATIENCE_MS) {
      child.kill("SIGKILL");
      throw new Error(`gospect hist ${subject.function} did not attach: ${complaint}`);
    }
    await delay(1);
  }
  const result = elapsedMs(start);
  child.kill("SIGINT");
  await ended;
  return result;
}

export async function measureStartup(subject: StartupSubject, rounds: number): Promise<Row> {
  const { empty, first } = await measureInRounds({ empty: emptyProgram, first: () => firstProbe(subject) }, rounds);
  return rowOf(
    {
      group: `gospect hist -p PID of ${subject.name}`,
      subject: "first probe on",
      reference: "node -e 0",
      unit: "ms",
      goal: 2,
    },
    first,
    empty,
  );
}
