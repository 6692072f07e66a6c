import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualAddress } from "../../src/base/index.js";
import { openElf, openFileSource, type UsdtNote } from "../../src/binary/index.js";
import { parseUsdtArguments } from "../../src/binary/usdt-arguments.js";
import { NamedPlaces } from "../../src/binary/usdt-sum.js";
import { argumentTypes, usdtScope } from "../../src/probes/native-scope.js";
import { usdtPath } from "../fixture.js";

test("a stack pointer is an argument of the width that the note says, as other registers are", async () => {
  using source = openFileSource(usdtPath("O2"));
  const places = new NamedPlaces(await openElf(source));
  const note: UsdtNote = {
    provider: "a",
    name: "b",
    address: virtualAddress(0x1000),
    semaphore: undefined,
    arguments: parseUsdtArguments("8@%rsp 4@%esp -2@%sp", "amd64", places),
  };
  const scope = usdtScope(note, argumentTypes([note]), "amd64");
  const steps = ["arg0", "arg1", "arg2"].map((name) => {
    const bound = scope.bind(name);
    return bound.ok && bound.value.location.kind === "computed" ? bound.value.location.steps : undefined;
  });
  const stack = { op: "stack", offset: 0 };
  assert.deepEqual(steps, [
    [stack],
    [stack, { op: "truncate", size: 4, signed: false }],
    [stack, { op: "truncate", size: 2, signed: true }],
  ]);
});
