/**
 * Loaded into a Node process before its program (`node --require`; the loader of ES modules, which gospect does without, takes
 * time): at the end it writes the largest resident set this process has had, in KiB, to descriptor 3. getrusage would not do:
 * its maximum is inherited from whoever started us.
 */
import fs = require("node:fs");

process.on("exit", () => {
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(fs.readFileSync("/proc/self/status", "utf8"))?.[1] ?? "";
  fs.writeSync(3, peak);
});
