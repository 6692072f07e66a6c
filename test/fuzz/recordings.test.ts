/**
 * Recorded runs with damage inside their sections, where checksums do not see it: each is refused with a FormatError or
 * printed, in any of its formats; nothing else is thrown, and none takes long.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FormatError } from "../../src/base/index.js";
import { memorySource } from "../../src/binary/index.js";
import { callLoss, callReport } from "../../src/commands/call-report.js";
import { aggregateOf, histReport, profileReport } from "../../src/commands/count-report.js";
import { Recorder } from "../../src/commands/recorder.js";
import { formatBalanceText } from "../../src/export/index.js";
import { namesOf, type RecordedCommand, readRecordedRun } from "../../src/recording/index.js";
import { seededRandom } from "../aggregate/recording.js";
import { BATCH, describe, EVENT_LOSS, EVENTS, RUN_NAMES } from "../recording/example.js";
import { rebuilt } from "../recording/rebuilt.js";

const STYLE = { colour: false, width: 120, values: "whole" } as const;

function record(command: RecordedCommand): Buffer {
  const pieces: Buffer[] = [];
  const results = {
    style: STYLE,
    append: (data: string | Buffer) => pieces.push(Buffer.from(data)),
    backlog: () => 0,
    finish: () => undefined,
    [Symbol.dispose]: () => undefined,
  };
  const recorder = new Recorder(results, describe(command), RUN_NAMES);
  if (command === "trace" || command === "flow") recorder.take(EVENTS);
  recorder.finish(BATCH, EVENT_LOSS);
  return Buffer.concat(pieces);
}

/** What `replay` does with a file. The number of characters printed. */
function print(bytes: Buffer): number {
  using run = readRecordedRun(memorySource("run.gospect", bytes));
  const { description, batch } = run;
  const names = namesOf(run.names);
  const results = aggregateOf(description, batch);
  let printed = formatBalanceText(description.run, results, STYLE, callLoss(description, run.eventLoss)).length;
  for (const format of ["text", "json"] as const) {
    const options = { format, style: STYLE };
    if (description.command === "profile") printed += profileReport(description, results, names).length;
    else if (description.command === "hist") printed += histReport(description, results, options).length;
    else {
      const stacks = new Map(batch.stacks.map((stack) => [stack.id, stack]));
      const report = callReport(description, names, (key) => stacks.get(key), options);
      for (const events of run.events()) printed += report.take(events).length;
      printed += report.finish().length;
    }
  }
  return printed;
}

/** LIMIT: what stands in for a number, a text, a part of either. */
const TOKENS = [
  '"',
  "0",
  "9",
  "-",
  "1e308",
  "null",
  "{}",
  "[]",
  "18446744073709551615",
  "fault",
  "string",
  "\\u0000",
  "}",
];

for (const command of ["hist", "profile", "trace", "flow"] as const) {
  test(`${command}: whatever a recording holds, it is printed or refused`, () => {
    const random = seededRandom(command.length * 7919);
    const below = (limit: number): number => Math.floor(random() * limit);
    const damage = (content: Buffer): Buffer => {
      if (random() < 0.5) return content;
      const bytes = Buffer.from(content);
      const at = below(bytes.length);
      const kind = random();
      // Digits stay digits half of the time: a number that is wrong gets further than one that is none.
      if (kind < 0.5) {
        for (let count = 0; count < 4; count++) {
          const place = below(bytes.length);
          const byte = bytes[place] ?? 0;
          bytes[place] = byte >= 0x30 && byte <= 0x39 ? 0x30 + below(10) : kind < 0.2 ? below(256) : byte;
        }
        return bytes;
      }
      const token = TOKENS[below(TOKENS.length)] ?? "";
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(token), bytes.subarray(at + below(8))]);
    };
    const whole = record(command);
    assert.ok(print(whole) > 1000);
    let [printed, refused] = [0, 0];
    for (let round = 0; round < 1500; round++) {
      try {
        print(rebuilt(whole, damage));
        printed++;
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        refused++;
      }
    }
    assert.ok(printed > 100 && refused > 100, `${printed} printed, ${refused} refused`);
  });
}
