/** A stated number of mutations of every base, always the same ones: a value or a ProfilerError, within the limits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BASE_NAMES, GO_BASE_NAMES } from "./bases.js";
import { runCampaign } from "./campaign.js";

/** Mutations of each base. `make fuzz` makes as many as wanted. */
const RUNS = 12;
const SEED = 20_240_229;

test(`${RUNS} mutations of each of ${BASE_NAMES.length} binaries`, async () => {
  const summary = await runCampaign(BASE_NAMES, RUNS, SEED, 2);
  assert.deepEqual(
    summary.complaints.map(({ text, reason }) => `# ${reason}\n${text}`),
    [],
  );
  assert.equal(summary.runs, RUNS * BASE_NAMES.length);
  // Damage that readers always refuse at once would test nothing behind the door.
  assert.ok(summary.planned >= (RUNS * GO_BASE_NAMES.length) / 3, `${summary.planned} runs had plans`);
  assert.ok((summary.answers.get("open=bad-format") ?? 0) > 0);
  assert.ok((summary.answers.get("functions=bad-format") ?? 0) > 0);
});
