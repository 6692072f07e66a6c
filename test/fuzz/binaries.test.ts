/** A stated number of mutations of every base, always the same ones: a value or a ProfilerError, within the limits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BASE_NAMES, type BaseName, GO_BASE_NAMES, SYMBOL_FILE_BASE_NAMES } from "./bases.js";
import { runCampaign, type Summary } from "./campaign.js";

const SEED = 20_240_229;

async function fuzz(bases: readonly BaseName[], runs: number, kinds: RegExp): Promise<Summary> {
  const summary = await runCampaign({ bases, runs, seed: SEED, kinds });
  assert.deepEqual(
    summary.complaints.map(({ text, reason }) => `# ${reason}\n${text}`),
    [],
  );
  assert.equal(summary.runs, runs * bases.length);
  return summary;
}

/** Of each base; `make fuzz` does as many as wanted. */
const RUNS = 12;

test(`${RUNS} mutations of each of ${BASE_NAMES.length} files, wherever`, async () => {
  const { planned, answers } = await fuzz(BASE_NAMES, RUNS, /./);
  // Damage that readers always refuse at once would test nothing behind the door.
  assert.ok(planned >= (RUNS * GO_BASE_NAMES.length) / 3, `${planned} runs had plans`);
  assert.ok((answers.get("open=bad-format") ?? 0) > 0);
  assert.ok((answers.get("functions=bad-format") ?? 0) > 0);
});

test("60 mutations of what says where functions are: no probe where no instruction begins", async () => {
  const { planned } = await fuzz(["go1.22-stripped", "go1.27-pie-stripped"], 30, /^(function|pc-value|code|program)/);
  assert.ok(planned >= 30, `${planned} runs had plans`);
});

test("80 mutations of what the runtime knows of types: every question is answered or refused", async () => {
  const { answers } = await fuzz(["go1.19", "go1.22-stripped", "go1.27-stripped", "go1.27-pie"], 20, /^(type|itabs)/);
  assert.ok((answers.get("types=value") ?? 0) > 0);
  assert.ok((answers.get("types=bad-format") ?? 0) > 0);
});

test("40 mutations of symbol files: every question is answered or refused", async () => {
  const { answers } = await fuzz(SYMBOL_FILE_BASE_NAMES, 20, /./);
  for (const question of ["open", "functions", "lines", "types", "arguments"])
    for (const answer of ["value", "bad-format"])
      assert.ok((answers.get(`${question}=${answer}`) ?? 0) > 0, `${question}=${answer}`);
});
