/** A recorded run, replayed by the command line, against what the run itself would have printed. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { run } from "../../src/cli/index.js";
import { callLoss, callReport } from "../../src/commands/call-report.js";
import { aggregateOf, histReport, profileReport } from "../../src/commands/count-report.js";
import type { TextOutput } from "../../src/commands/index.js";
import { Recorder } from "../../src/commands/recorder.js";
import { openResults } from "../../src/commands/results.js";
import { formatBalanceText } from "../../src/export/index.js";
import type { RecordedCommand } from "../../src/recording/index.js";
import { BATCH, describe, EVENT_LOSS, EVENTS, RUN_NAMES, STACKS } from "../recording/example.js";

const folder = mkdtempSync(join(tmpdir(), "gospect-replay-"));
after(() => rmSync(folder, { recursive: true }));

const PLAIN = { colour: false, width: 120, values: "whole" } as const;

interface Outcome {
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

async function gospect(...args: string[]): Promise<Outcome> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const output = (to: Buffer[]): TextOutput => ({
    isTerminal: false,
    color: false,
    size: () => undefined,
    backlog: () => 0,
    write: (data) => to.push(Buffer.from(data)),
  });
  const streams = { out: output(out), err: output(err), interruption: () => new AbortController().signal };
  const status = await run(args, { ...streams, failure: () => undefined });
  return { status, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() };
}

const NOWHERE: TextOutput = {
  isTerminal: false,
  color: false,
  size: () => undefined,
  backlog: () => 0,
  write: () => undefined,
};

/** The file that a run of this command would have left. */
function record(command: RecordedCommand): string {
  const path = join(folder, `${command}.gospect`);
  const streams = { out: NOWHERE, err: NOWHERE, interruption: () => new AbortController().signal };
  using results = openResults(path, streams);
  const recorder = new Recorder(results, describe(command), RUN_NAMES);
  // As they come while a run lasts.
  if (command === "trace" || command === "flow") for (const event of EVENTS) recorder.take([event]);
  recorder.finish(BATCH, EVENT_LOSS);
  return path;
}

const stack = (key: bigint) => STACKS.find(({ id }) => id === key);

/** What the run itself would have printed. */
function printed(command: RecordedCommand, format: "text" | "json"): string | Buffer {
  const description = describe(command);
  const results = aggregateOf(description, BATCH);
  if (command === "hist") return histReport(description, results, { format, style: PLAIN });
  if (command === "profile") return profileReport(description, results, RUN_NAMES);
  const report = callReport(description, RUN_NAMES, stack, { format, style: PLAIN });
  return report.take(EVENTS) + report.finish();
}

for (const command of ["hist", "profile", "trace", "flow"] as const) {
  test(`${command}: the same bytes, as text, as JSON and into a file`, async () => {
    const path = record(command);
    const results = aggregateOf(describe(command), BATCH);
    const balance = formatBalanceText(describe(command).run, results, PLAIN, callLoss(describe(command), EVENT_LOSS));
    const formats = command === "profile" ? (["text"] as const) : (["text", "json"] as const);
    for (const format of formats) {
      const expected = Buffer.from(printed(command, format));
      const options = [...(format === "json" ? ["--json"] : []), ...(command === "profile" ? ["-o", "-"] : [])];
      const replayed = await gospect("replay", path, ...options);
      assert.deepEqual([replayed.status, replayed.stderr], [0, balance]);
      assert.ok(replayed.stdout.equals(expected), replayed.stdout.toString());
      const copy = join(folder, "copy");
      const quiet = await gospect("replay", path, "-q", ...options.filter((option) => option === "--json"), "-o", copy);
      assert.deepEqual([quiet.status, quiet.stderr, quiet.stdout.length], [0, "", 0]);
      assert.ok(readFileSync(copy).equals(expected));
    }
  });
}

test("a recording does not overwrite itself", async () => {
  const path = record("trace");
  const before = readFileSync(path);
  const { status, stderr } = await gospect("replay", path, "-o", `${folder}/./trace.gospect`);
  assert.equal(status, 2);
  assert.match(stderr, /is the recording itself, and would be overwritten/);
  assert.ok(readFileSync(path).equals(before));
});

test("nothing is written that only looks like what was asked for", async () => {
  const profile = join(folder, "out.pb.gz");
  const text = await gospect("replay", record("trace"), "-o", profile);
  assert.deepEqual([text.status, existsSync(profile)], [2, false]);
  assert.match(text.stderr, /out\.pb\.gz is a profile's name, and these results are text/);
  const json = await gospect("replay", record("profile"), "--json", "-o", profile);
  assert.deepEqual([json.status, existsSync(profile)], [2, false]);
  assert.match(json.stderr, /is the recording of a profile, which is no JSON/);
});

test("a replayed profile overwrites nothing that was not named", async () => {
  const before = process.cwd();
  const path = record("profile");
  process.chdir(mkdtempSync(join(folder, "cwd-")));
  try {
    const first = await gospect("replay", path, "-q");
    assert.deepEqual([first.status, first.stderr, existsSync("gospect.pb.gz")], [0, "", true]);
    writeFileSync("gospect.pb.gz", "another one");
    const second = await gospect("replay", path, "-q");
    assert.equal(second.status, 2);
    assert.match(second.stderr, /there is a gospect\.pb\.gz already/);
    assert.equal(readFileSync("gospect.pb.gz", "utf8"), "another one");
  } finally {
    process.chdir(before);
  }
});

test("what is no recorded run is refused", async () => {
  const path = join(folder, "other.gospect");
  writeFileSync(path, "something else");
  const { status, stdout, stderr } = await gospect("replay", path);
  assert.deepEqual([status, stdout.length], [3, 0]);
  assert.match(stderr, /^error: .*other\.gospect at offset 0x0: not a recorded run\n$/);
  const missing = await gospect("replay", join(folder, "missing.gospect"), "--json");
  assert.notEqual(missing.status, 0);
  assert.match(missing.stderr, /^\{"error":/);
});
