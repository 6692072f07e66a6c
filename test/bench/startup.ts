/**
 * First probe on after start: from starting gospect on a running process of a big stripped program until the entry
 * instruction in that process' memory is a breakpoint, against starting and ending an empty Node program.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { LiveInstruction } from "./process-memory.js";
import { memoryRow } from "./reading.js";
import { measureInRounds } from "./rounds.js";
import { type Row, rowOf } from "./table.js";

const gospect = fileURLToPath(new URL("../../bundle/cli/main.js", import.meta.url));
const memoryPeak = fileURLToPath(new URL("memory-peak.cjs", import.meta.url));

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

/** How long it took, and the largest resident set in megabytes, from start to end. */
async function firstProbe(subject: StartupSubject): Promise<{ readonly ms: number; readonly megabytes: number }> {
  using entry = new LiveInstruction(subject.pid, subject.entryAddress);
  if (entry.hasProbe()) throw new Error(`${subject.name}: something else sits on ${subject.function}`);
  const start = process.hrtime.bigint();
  const args = ["--require", memoryPeak, gospect, "hist", "-p", `${subject.pid}`, subject.function];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe", "pipe"] });
  let complaint = "";
  let kibibytes = "";
  child.stdio[3]?.on("data", (bytes: Buffer) => {
    kibibytes += bytes.toString();
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  const ended = once(child, "close");
  while (!entry.hasProbe()) {
    if (child.exitCode !== null || elapsedMs(start) > PATIENCE_MS) {
      child.kill("SIGKILL");
      throw new Error(`gospect hist ${subject.function} did not attach: ${complaint}`);
    }
    await delay(1);
  }
  const ms = elapsedMs(start);
  child.kill("SIGINT");
  await ended;
  return { ms, megabytes: (Number(kibibytes) * 1024) / 1e6 };
}

export async function measureStartup(subject: StartupSubject, rounds: number): Promise<readonly Row[]> {
  const peaks: number[] = [];
  const first = async (): Promise<number> => {
    const { ms, megabytes } = await firstProbe(subject);
    peaks.push(megabytes);
    return ms;
  };
  const taken = await measureInRounds({ empty: emptyProgram, first }, rounds);
  const group = `gospect hist -p PID of ${subject.name}`;
  return [
    rowOf({ group, subject: "first probe on", reference: "node -e 0", unit: "ms", goal: 2 }, taken.first, taken.empty),
    memoryRow(group, "peak memory", peaks),
  ];
}

/** `gospect --help` loads little, so that it is there as soon as Node is. */
export async function measureHelp(rounds: number): Promise<readonly Row[]> {
  const help = async (): Promise<number> => {
    const start = process.hrtime.bigint();
    await once(spawn(process.execPath, [gospect, "--help"], { stdio: "ignore" }), "exit");
    return elapsedMs(start);
  };
  const taken = await measureInRounds({ empty: emptyProgram, help }, rounds);
  const names = {
    group: "start-up",
    subject: "gospect --help",
    reference: "node -e 0",
    unit: "ms",
    goal: 1.3,
  } as const;
  return [rowOf(names, taken.help, taken.empty)];
}
