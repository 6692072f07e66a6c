/**
 * `make fuzz`: damages binaries until somebody finds a bug. RUNS mutations of each base (100), from SEED on (the time, so
 * that no two are alike; printed), of the bases in BASES and the structures that the regular expression KINDS matches. What is found is printed as a seed file; kept in test/fuzz/seeds it is tested from then on.
 */
import { BASE_NAMES, isBaseName } from "./bases.js";
import { runCampaign } from "./campaign.js";

const runs = Number(process.env["RUNS"] ?? 100);
const seed = Number(process.env["SEED"] ?? Math.floor(Date.now() / 1000));
const kinds = new RegExp(process.env["KINDS"] ?? "");
const wanted = (process.env["BASES"] ?? "").split(" ").filter(isBaseName);
const bases = wanted.length > 0 ? wanted : BASE_NAMES;

console.log(`fuzz: ${runs} runs of each of ${bases.length} bases, SEED=${seed}`);
const started = Date.now();
const { complaints, answers, planned, slowestMs, runs: total } = await runCampaign({ bases, runs, seed, kinds });
for (const { text, reason } of complaints) console.log(`\n# ${reason.replaceAll("\n", "\n# ")}\n${text}`);
const counts = [...answers].sort(([a], [b]) => (a < b ? -1 : 1)).map(([answer, count]) => `${answer}: ${count}`);
console.log(`\nfuzz: answers ${counts.join(", ")}`);
console.log(
  `fuzz: ${total} runs in ${Math.round((Date.now() - started) / 1000)} s, ${planned} with plans, ` +
    `the slowest ${Math.round(slowestMs)} ms of CPU; ${complaints.length} bugs`,
);
if (complaints.length > 0) process.exitCode = 1;
