/** `gospect list` of a whole program with debug data, against `go tool nm` of it: time, and our memory. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { goCommand } from "../fixture.js";
import { measureInRounds, median } from "./rounds.js";
import { type Row, rowOf } from "./table.js";

const gospect = fileURLToPath(new URL("../../bundle/cli/main.js", import.meta.url));
const memoryPeak = new URL("memory-peak.js", import.meta.url).href;

const GOAL_TIME = 3;
const GOAL_MEGABYTES = 200;
const KIB = 1024;
const MEGABYTE = 1e6;

/** Runs to its end, output thrown away. Answers the wall time and what it wrote on descriptor 3. */
async function run(command: string, args: readonly string[]): Promise<{ readonly ms: number; readonly note: string }> {
  const start = process.hrtime.bigint();
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit", "pipe"] });
  let note = "";
  child.stdio[3]?.on("data", (bytes: Buffer) => {
    note += bytes.toString();
  });
  const exited = once(child, "exit").then(() => Number(process.hrtime.bigint() - start) / 1e6);
  await once(child, "close");
  if (child.exitCode !== 0) throw new Error(`${command} ${args.join(" ")}: ${child.signalCode ?? child.exitCode}`);
  return { ms: await exited, note };
}

export async function measureListing(path: string, name: string, rounds: number): Promise<readonly Row[]> {
  const go = goCommand("1.27");
  const peaks: number[] = [];
  const { list, nm } = await measureInRounds(
    {
      list: async () => {
        const { ms, note } = await run(process.execPath, ["--import", memoryPeak, gospect, "list", "-e", path]);
        peaks.push((Number(note) * KIB) / MEGABYTE);
        return ms;
      },
      nm: async () => (await run(go, ["tool", "nm", path])).ms,
    },
    rounds,
  );
  const megabytes = (statSync(path).size / MEGABYTE).toFixed(0);
  const group = `gospect list -e of ${name}, ${megabytes} MB with DWARF`;
  const peak = median(peaks);
  return [
    rowOf({ group, subject: "wall time", reference: "go tool nm", unit: "ms", goal: GOAL_TIME }, list, nm),
    {
      group,
      subject: "peak memory",
      cost: peak,
      reference: "allowance",
      referenceCost: GOAL_MEGABYTES,
      unit: "MB",
      ratio: peak / GOAL_MEGABYTES,
      goal: 1,
    },
  ];
}
