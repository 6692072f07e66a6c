/**
 * Values of every kind, as `trace` shows them and as conditions test them, on the Go versions whose runtimes differ, with
 * and without optimisation. What has to be shown, text and JSON, the program says itself, by Go's own formatting.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Fixture, fixturePath, startFixture } from "../fixture.js";
import { withoutKernel } from "./measuring.js";
import { type TraceLine, Tracer } from "./tracing.js";

const options = { skip: withoutKernel };

interface Variable {
  readonly name: string;
  readonly text: string;
  readonly json: unknown;
}

/** What the fixture `values` says of a call. */
interface Called {
  readonly function: string;
  readonly args: readonly Variable[];
  readonly results: readonly Variable[];
  readonly show: readonly Variable[];
  readonly where: readonly { readonly condition: string; readonly holds: boolean }[];
}

async function make(fixture: Fixture, word: string): Promise<readonly Called[]> {
  fixture.send(word);
  return (await fixture.nextMessage<{ calls: readonly Called[] }>()).calls;
}

async function makeOne(fixture: Fixture, index: number): Promise<Called> {
  const [only] = await make(fixture, String(index));
  assert.ok(only !== undefined);
  return only;
}

const named = ({ name, text }: Variable): string => `${name}=${text}`;

/** The line of a call without its times. */
function textOf({ function: name, args, results, show }: Called): string {
  const returned = results.map((result) => (/^ret\d*$/.test(result.name) ? result.text : named(result))).join(", ");
  const shown = show.map((value) => `  ${named(value)}`).join("");
  return `${name}(${args.map(named).join(", ")})${returned === "" ? "" : ` → ${returned}`}${shown}`;
}

const byName = (variables: readonly Variable[]): Record<string, unknown> =>
  Object.fromEntries(variables.map(({ name, json }) => [name, json]));

const jsonOf = ({ function: name, args, results, show }: Called): TraceLine => ({
  function: name,
  args: byName(args),
  results: byName(results),
  show: byName(show),
  outcome: "return",
});

const compared = ({ function: name, args, results, show, outcome }: TraceLine): TraceLine => ({
  function: name,
  args,
  results,
  show,
  outcome,
});

const withoutShows = (call: Called): Called => ({ ...call, show: [] });

const BUILDS = (["1.19", "1.22", "1.25", "1.27"] as const).flatMap((version) =>
  (["plain", "unoptimized"] as const).map((mode) => ({ version, mode })),
);

/** Where conditions are tested too, each by a run of its own. */
const CONDITIONS: ReadonlySet<string> = new Set(["1.19 plain", "1.22 unoptimized", "1.27 plain"]);

/** Contexts are shown by what is asked of them: which types they are made of is the library's own affair. */
const CONTEXTS = "main.Contexts";

for (const { version, mode } of BUILDS) {
  test(`values of every type: Go ${version} ${mode}`, options, async (t: TestContext) => {
    using fixture = await startFixture(fixturePath("values", version, mode));
    using tracer = await Tracer.open(fixture);
    const all = await make(fixture, "go");

    await t.test("arguments and results of all calls, in one run", async () => {
      const functions = [...new Set(all.map((call) => call.function))].filter((name) => name !== CONTEXTS);
      let calls: readonly Called[] = [];
      const traced = await tracer.trace({ probes: functions }, async () => {
        calls = (await make(fixture, "go")).filter((call) => call.function !== CONTEXTS).map(withoutShows);
      });
      assert.deepEqual(traced.texts, calls.map(textOf));
      assert.deepEqual(traced.lines.map(compared), calls.map(jsonOf));
      assert.deepEqual(traced.loss, { dropped: 0n, captures: 0n });
    });

    for (const [index, { function: name, show }] of all.entries()) {
      if (show.length === 0) continue;
      await t.test(`${name}: ${show.map((value) => value.name).join(", ")}`, async () => {
        let call: Called | undefined;
        const { texts, lines } = await tracer.trace(
          { probes: [name], show: show.map((value) => value.name) },
          async () => {
            call = await makeOne(fixture, index);
          },
        );
        assert.ok(call !== undefined);
        if (name === CONTEXTS) {
          assert.deepEqual(
            lines.map((line) => line.show),
            [byName(call.show)],
          );
          return;
        }
        assert.deepEqual(texts, [textOf(call)]);
        assert.deepEqual(lines.map(compared), [jsonOf(call)]);
      });
    }

    if (!CONDITIONS.has(`${version} ${mode}`)) return await fixture.stop();
    for (const [index, { function: name, where }] of all.entries()) {
      for (const { condition, holds } of where) {
        await t.test(`${name}: ${holds ? "where" : "not where"} ${condition}`, async () => {
          const { events, balance } = await tracer.trace({ probes: [name], where: condition }, () =>
            makeOne(fixture, index),
          );
          assert.deepEqual(
            {
              events: events.length,
              entries: balance.entries,
              returns: balance.returns,
              filtered: balance.filtered,
              undecided: balance.undecided,
            },
            { events: holds ? 1 : 0, entries: 1n, returns: 1n, filtered: holds ? 0n : 1n, undecided: 0n },
          );
        });
      }
    }
    await fixture.stop();
  });
}
