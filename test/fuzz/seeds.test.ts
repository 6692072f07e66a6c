/** What once went wrong, or is worth keeping: each seed must give exactly the answers it states. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Judge } from "./campaign.js";
import { parseSeed } from "./mutation.js";
import { type Job, runJobs } from "./pool.js";

const folder = fileURLToPath(new URL("../../../test/fuzz/seeds/", import.meta.url));

test("every seed is answered as it says", async () => {
  const names = readdirSync(folder).sort();
  const seeds = names.map((name) => ({ name, text: readFileSync(`${folder}${name}`, "utf8") }));
  const judge = new Judge();
  const answers = new Map<Job, string>();
  const jobs = seeds.map(({ text }): Job => ({ base: parseSeed(text).base, text }));
  await judge.prepare(jobs.map(({ base }) => base));
  await runJobs(jobs, 2, (job, verdict) => {
    judge.hear(job, verdict);
    answers.set(job, verdict.kind === "answered" ? verdict.answers : verdict.reason);
  });
  assert.deepEqual(judge.complaints, []);
  assert.deepEqual(
    Object.fromEntries(seeds.map(({ name }, index) => [name, jobs[index] && answers.get(jobs[index])])),
    Object.fromEntries(seeds.map(({ name, text }) => [name, parseSeed(text).expected])),
  );
  assert.ok(names.length > 0);
});
