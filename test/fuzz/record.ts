/** Writes into each seed file what readers answer now; `git diff` then shows a person what changed. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseSeed } from "./mutation.js";
import { type Job, runJobs } from "./pool.js";

const folder = fileURLToPath(new URL("../../../test/fuzz/seeds/", import.meta.url));
const jobs = new Map<Job, string>();
for (const name of readdirSync(folder).sort()) {
  const text = readFileSync(`${folder}${name}`, "utf8");
  jobs.set({ base: parseSeed(text).base, text }, `${folder}${name}`);
}
await runJobs(jobs.keys(), 2, (job, verdict) => {
  if (verdict.kind === "failed") throw new Error(`${jobs.get(job)}: ${verdict.reason}`);
  const lines = job.text.split("\n").filter((line) => line !== "" && !line.startsWith("expect "));
  writeFileSync(jobs.get(job) ?? "", [...lines, `expect ${verdict.answers}`, ""].join("\n"));
});
