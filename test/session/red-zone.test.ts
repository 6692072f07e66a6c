import assert from "node:assert/strict";
import { test } from "node:test";
import { fileOffset, virtualAddress } from "../../src/base/index.js";
import type { PlannedProbe, Site } from "../../src/probes/index.js";
import { isLongNopOfC } from "../../src/session/red-zone.js";

const isLongNop = (hex: string, goroutine: PlannedProbe["goroutine"]): boolean => {
  const site: Site = {
    kind: "function",
    address: virtualAddress(0x1000),
    offset: fileOffset(0x1000),
    bytes: Buffer.from(hex.replaceAll(" ", ""), "hex"),
    instruction: "",
  };
  const owner: PlannedProbe = {
    name: "c:f",
    function: { name: "f", address: site.address, size: 0, file: undefined, line: undefined, wrapper: false },
    signature: undefined,
    kind: "call",
    file: 0,
    identity: "thread",
    entry: site,
    exits: [],
    goroutine,
    inlinedCopies: 0,
    recipes: [],
    value: undefined,
    notes: [],
  };
  return isLongNopOfC({ site, number: 0, owner });
};

test("every 5-byte instruction that kernels may take for a nop is one, in C code", () => {
  const nops = [
    "0f 1f 44 00 00",
    "66 0f 1f 40 00",
    "2e 0f 1f 40 00",
    "66 66 66 66 90",
    "48 8d 74 26 00",
    "0f 18 64 24 08",
  ];
  for (const bytes of nops) {
    assert.deepEqual(
      [isLongNop(bytes, "none"), isLongNop(bytes, "behind-c"), isLongNop(bytes, "register"), isLongNop(bytes, "tls")],
      [true, true, false, false],
      bytes,
    );
  }
  for (const bytes of [
    "90",
    "66 90",
    "0f 1f 40 00",
    "66 0f 1f 44 00 00",
    "48 8d 74 24 08",
    "48 83 ec 08 90",
    "e8 00 00 00 00",
    "b8 01 00 00 00",
  ]) {
    assert.equal(isLongNop(bytes, "none"), false, bytes);
  }
});
