/** Arguments that are not what their types say, as a bug in unsafe code leaves them: told apart from every value. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Measuring, planner, withoutKernel } from "./measuring.js";
import { balance, countsOf, startSubject, tell } from "./subject.js";

const options = { skip: withoutKernel };

const FAULT = { unreadable: "fault" };
const NIL = { unreadable: "nil pointer" };

/** Keys as countsOf names them. */
const keys = (counts: readonly (readonly [key: unknown, count: number])[]): Record<string, number> =>
  Object.fromEntries(counts.map(([key, count]): [string, number] => [JSON.stringify([key]), count]).sort());

for (const kind of ["plain", "pie"] as const) {
  test(`what cannot be read is never a zero or an empty string: ${kind}`, options, async () => {
    using subject = await startSubject(kind);
    const target = { kind: "pid", pid: subject.pid } as const;
    const plan = await planner(target);
    const expected: [by: string, probe: string, counts: Record<string, number>][] = [
      // Three at addresses that are not mapped, one nil, two of impossible lengths; an empty string has no bytes to read.
      [
        "s",
        "main.Text",
        keys([
          ["good", 1],
          ["", 1],
          [FAULT, 6],
        ]),
      ],
      [
        "len(s)",
        "main.Text",
        keys([
          [5, 4],
          ["4611686018427387904", 1],
          [-1, 1],
          [0, 1],
          [4, 1],
        ]),
      ],
      [
        "n.value",
        "main.Follow",
        keys([
          [NIL, 1],
          [FAULT, 3],
          [0, 4],
        ]),
      ],
      [
        "n.next.value",
        "main.Follow",
        keys([
          [NIL, 2],
          [FAULT, 4],
          [7, 2],
        ]),
      ],
      [
        "n.next.text",
        "main.Follow",
        keys([
          [NIL, 2],
          [FAULT, 5],
          ["seven", 1],
        ]),
      ],
    ];
    for (const [by, probe, counts] of expected) {
      using measuring = await Measuring.start(plan({ probes: [probe], by: [by] }), target);
      const calls = await tell(subject, "hostile");
      const results = measuring.stop();
      assert.deepEqual(results.balance, balance({ returns: BigInt(calls[probe] ?? 0) }), by);
      assert.deepEqual(countsOf(results), counts, by);
    }
    await subject.stop();
  });
}
