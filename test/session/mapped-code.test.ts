import assert from "node:assert/strict";
import { test } from "node:test";
import { fileOffset, virtualAddress } from "../../src/base/index.js";
import { parseMappings } from "../../src/process/index.js";
import { requireMapped } from "../../src/session/mapped-code.js";

/** Two instructions of a program with one segment of code, at 0x401000. */
const SITES = [0x1010, 0x1ff0].map((offset) => ({
  address: virtualAddress(0x400000 + offset),
  offset: fileOffset(offset),
  bytes: Buffer.from([0x76, 0x10]),
}));

const check = (...maps: string[]): void =>
  requireMapped(
    "/srv/store",
    SITES,
    parseMappings(maps.map((line) => `${line} 00:1f 7 /srv/store\n`).join("")),
    "process 7",
  );

test("code that runs from its file is accepted, wherever it is and in however many pieces", () => {
  check("00401000-00403000 r-xp 00001000");
  check("00400000-00401000 r--p 00000000", "7f0000001000-7f0000002000 r-xp 00001000");
  check("00401000-00401800 r-xp 00001000", "00401800-00403000 r-xp 00001800");
});

test("code that runs from elsewhere is refused, though it be a part of it", () => {
  const refusal = (address: string) => ({
    code: "code-not-mapped",
    kind: "unmeasurable",
    message: `process 7: the code at ${address} does not run from /srv/store`,
    hint: "a program that moves its code, as to huge pages, can't be probed: start it without that",
  });
  assert.throws(() => check(), refusal("0x401010"));
  assert.throws(() => check("00401000-00403000 r--p 00001000"), refusal("0x401010"));
  assert.throws(() => check("00401000-00403000 rwxp 00001000"), refusal("0x401010"));
  assert.throws(() => check("00401000-00401800 r-xp 00001000"), refusal("0x401ff0"));
});
