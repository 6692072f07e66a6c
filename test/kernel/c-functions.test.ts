/** C functions of the fixture `usdt`: each call, its arguments and its result, against what the program says it called. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { startFixture, usdtPath } from "../fixture.js";
import { histOf } from "./cli.js";
import { withoutKernel } from "./measuring.js";
import { measureRound } from "./usdt-rounds.js";

const options = { skip: withoutKernel };

/** What is asked for, as a script would write it, by the function's name in the truth. */
const FUNCTIONS = [
  "fix_ints",
  "fix_many",
  "fix_string",
  "fix_struct",
  "fix_recurse",
  "fix_leave",
  "fix_tail",
  "fix_tail_end",
  "fix_twin",
  "fix_marked",
  "fix_nothing",
  "foo@V1",
  "foo@@V2",
] as const;

/** Functions whose arguments and result are integers of these types, which C symbols don't tell. */
const VALUES = {
  fix_ints: ["int8(arg0)", "uint16(arg1)", "int32(arg2)", "uint32(arg3)", "arg4", "uint64(arg5)", "ret"],
  fix_many: ["int32(arg0)", "int32(arg1)", "int32(arg2)", "int32(arg3)", "int32(arg4)", "int32(arg5)", "int32(ret)"],
  fix_string: ["str(arg0)", "arg1", "str(ret)"],
  fix_recurse: ["arg0", "ret"],
  fix_tail: ["arg0", "ret"],
  fix_twin: ["arg0", "ret"],
  fix_marked: ["arg0", "ret"],
  "foo@V1": ["arg0", "ret"],
  "foo@@V2": ["arg0", "ret"],
} as const;

/** NULL has no text; the truth has null there. */
const withoutText = (value: unknown): unknown =>
  isDeepStrictEqual(value, { unreadable: "nil pointer" }) ? null : value;

/** The two arguments that are on the stack have no expression. */
const ARGUMENTS_IN_REGISTERS = 6;

for (const optimization of ["O0", "O2"] as const) {
  test(`C with -${optimization}: every call ends as it did`, options, async () => {
    using fixture = await startFixture(usdtPath(optimization));
    for (const name of FUNCTIONS) {
      const { truth, outcome } = await measureRound(fixture, "hist", `c:${name}`);
      const calls = truth.functions?.[name] ?? [];
      const left = calls.filter((call) => call.left === true).length;
      const { balance } = histOf(outcome);
      assert.deepEqual(
        {
          entries: balance.entries,
          returns: balance.returns,
          // One that was left by longjmp is open until the next call shows that it is over.
          left: balance.lost + balance.open,
          unmatched: balance.unmatchedReturns,
        },
        { entries: calls.length, returns: calls.length - left, left, unmatched: 0 },
        name,
      );
      assert.notEqual(calls.length, 0, name);
    }
    await fixture.stop();
  });

  test(`C with -${optimization}: arguments and results`, options, async () => {
    using fixture = await startFixture(usdtPath(optimization));
    for (const [name, expressions] of Object.entries(VALUES)) {
      const { truth, outcome } = await measureRound(
        fixture,
        "trace",
        `c:${name}`,
        ...expressions.flatMap((expression) => ["--show", expression]),
      );
      const shown = outcome.stdout
        .split("\n")
        .filter((line) => line !== "")
        .map((line): { show: Record<string, unknown> } => JSON.parse(line))
        .map(({ show }) => JSON.stringify(expressions.map((expression) => withoutText(show[expression]))));
      const calls = (truth.functions?.[name] ?? []).map(({ args, ret }) =>
        JSON.stringify([...args.slice(0, ARGUMENTS_IN_REGISTERS), ret]),
      );
      assert.deepEqual(shown.sort(), calls.sort(), name);
    }
    await fixture.stop();
  });
}
