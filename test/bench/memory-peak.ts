/**
 * Loaded into a Node process before its program (`node --import`): at the end it writes the largest resident set this
 * process has had, in KiB, to descriptor 3. getrusage would not do: its maximum is inherited from whoever started us.
 */
import { readFileSync, writeSync } from "node:fs";

process.on("exit", () => {
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "";
  writeSync(3, peak);
});
