/** The evaluation machine on the real kernel: every step, with codes made by hand on values that the subject passes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CodeStep } from "../../src/probes/index.js";
import { capture, coded, slotsOf } from "./coded.js";
import { withoutKernel } from "./measuring.js";
import { startSubject } from "./subject.js";

const options = { skip: withoutKernel };
const argument: CodeStep = { op: "register", register: "ax" };

test("a call's argument and result, one event each", options, async () => {
  using subject = await startSubject("plain");
  const entry = capture(1, [argument, { op: "keep", slot: 0 }]);
  const { events, results, loss } = await coded(subject, { "main.Step": { entry, return: entry } }, ["step 20 10"]);
  assert.deepEqual(
    events.map((event) => [event.outcome, ...slotsOf(event.entry), ...slotsOf(event.return)]),
    Array.from({ length: 20 }, (_, n) => ["return", BigInt(n % 10), BigInt(((n % 10) & 7) + 1)]),
  );
  assert.deepEqual(loss, { dropped: 0n, captures: 0n });
  assert.equal(results.balance.returns, 20n);
  await subject.stop();
});
