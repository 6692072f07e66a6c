/** Returns of Go functions done by the programs, on a kernel where they may. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { measureReturns } from "../bench/returns.js";
import { withoutGuests } from "./guest.js";

test("what that is worth can be measured; how much is the bench's to say", { skip: withoutGuests }, async () => {
  const [row] = await measureReturns({ callsPerRound: 500, rounds: 1 });
  assert.ok(row !== undefined && row.cost > 0 && row.referenceCost > 0);
});
