/** A round of the fixtures `usdt`, `usdtcgo` and `usdtgo`, measured by the program as its users run it. */
import assert from "node:assert/strict";
import { type Fixture, runUsdt, type UsdtTruth } from "../fixture.js";
import { type Outcome, start } from "./cli.js";

export interface Round {
  readonly truth: UsdtTruth;
  readonly outcome: Outcome;
}

/** One round of the fixture's work, measured by the command; the words are those after `-p PID`. */
export async function measureRound(fixture: Fixture, command: string, ...words: readonly string[]): Promise<Round> {
  const running = start([command, "-p", `${fixture.pid}`, "--json", ...words]);
  await running.said(/^measuring /m);
  const truth = await runUsdt(fixture);
  running.child.kill("SIGINT");
  const outcome = await running.outcome;
  assert.equal(outcome.status, 0, outcome.stderr);
  return { truth, outcome };
}
