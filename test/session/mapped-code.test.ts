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

const mapped = (maps: readonly string[]): ReturnType<typeof parseMappings> =>
  parseMappings(maps.map((line) => `${line} 00:1f 7 /srv/store\n`).join(""));

const check = (...maps: string[]): void => requireMapped("/srv/store", SITES, mapped(maps), "process 7");

/** The same, with the second site's bytes in memory at 0x401ff0 moved by `bias`. */
const checkMemory = (bias: number, bytes: Buffer | undefined): void =>
  requireMapped(
    "/srv/store",
    SITES,
    mapped([`${(0x401000 + bias).toString(16)}-${(0x403000 + bias).toString(16)} r-xp 00001000`]),
    "process 7",
    {
      readInto: (address, into) => {
        for (const [at, held] of [
          [0x401010, SITES[0]?.bytes],
          [0x401ff0, bytes],
        ] as const) {
          const place = at + bias - address;
          if (place < 0 || place >= into.length) continue;
          if (held === undefined) return false;
          held.copy(into, place);
        }
        return true;
      },
    },
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

test("code that was patched in memory is refused; a probe of another run is not, nor memory that can't be read", () => {
  const refusal = {
    code: "code-patched",
    kind: "unmeasurable",
    message: "process 7: the code at 0x401ff0 in its memory is not that of /srv/store",
    hint: "a program whose code is patched while it runs can't be probed there",
  };
  for (const bias of [0, 0x5500000000]) {
    for (const bytes of ["7610", "cc10"]) checkMemory(bias, Buffer.from(bytes, "hex"));
    checkMemory(bias, undefined);
    for (const bytes of ["7410", "7611", "cc11", "9090"]) {
      assert.throws(() => checkMemory(bias, Buffer.from(bytes, "hex")), refusal);
    }
  }
});
