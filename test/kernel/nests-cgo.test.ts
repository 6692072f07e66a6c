/**
 * Probes in C code that Go calls: each hit's goroutine and Go stack are those that the program knows it was, whichever thread
 * and file the C code ran in.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixturePath, runUsdt, startFixture, type UsdtTruth, usdtPath } from "../fixture.js";
import { withoutKernel } from "./measuring.js";
import { Run } from "./programs.js";

/** What this suite reads of a line of `trace --json`. */
interface Line {
  readonly goid: number;
  readonly args: Readonly<Record<string, number>>;
  readonly results: Readonly<Record<string, number>>;
  readonly stack: readonly { readonly function: string | null }[];
}

/** Between the C code and the function that called it: what cgo made. */
const isCgo = (name: string | null): boolean =>
  name !== null && /^(runtime\.(asm)?cgocall|main\._Cfunc_.*)$/.test(name);

async function trace(probe: string, version: "1.19" | "1.27"): Promise<{ lines: Line[]; truth: UsdtTruth }> {
  using fixture = await startFixture(fixturePath("usdtcgo", version, "external"), [
    "-library",
    usdtPath("O2", "libmemory.so"),
  ]);
  await using run = await Run.start("trace", "-p", String(fixture.pid), "--json", "--stack", probe);
  const truth = await runUsdt(fixture);
  const { stdout } = await run.stop();
  await fixture.stop();
  return {
    lines: stdout
      .trimEnd()
      .split("\n")
      .map((line): Line => JSON.parse(line)),
    truth,
  };
}

const goStack = ({ stack }: Line): (string | null)[] =>
  stack.map((frame) => frame.function).filter((name) => !isCgo(name));

for (const version of ["1.19", "1.27"] as const) {
  for (const probe of ["cgo:lookup", "memory:fired"]) {
    test(`goroutine and Go stack at usdt:${probe}: Go ${version}`, { skip: withoutKernel }, async () => {
      const { lines, truth } = await trace(`usdt:${probe}`, version);
      const measured = lines.map((line) => JSON.stringify([line.goid, line.args["arg0"], goStack(line)]));
      const expected = truth.callers?.[probe]?.map(({ goid, args, stack }) => JSON.stringify([goid, args[0], stack]));
      assert.ok(expected !== undefined && expected.length > 0, "the program says who called");
      assert.deepEqual(measured.sort(), expected.sort());
    });
  }

  test(`spans of goroutines that move between threads: Go ${version}`, { skip: withoutKernel }, async () => {
    const { lines, truth } = await trace("usdt:cgo:work__begin..usdt:cgo:work__end", version);
    const measured = lines.map(({ goid, args, results }) =>
      JSON.stringify([goid, Object.values(args), Object.values(results)]),
    );
    const expected = truth.spans["cgo:work__begin..cgo:work__end"]?.map(({ goid, begin, end }) =>
      JSON.stringify([goid, begin, end]),
    );
    assert.ok(expected !== undefined && expected.length > 0, "the program has spans");
    assert.deepEqual(measured.sort(), expected.sort());
  });
}
