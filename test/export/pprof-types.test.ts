import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { Profile } from "pprof-format";
import { encodeProfile } from "../../src/export/index.js";
import { RESULTS } from "./example.js";

const MAPPING = {
  start: 0x401000,
  limit: 0x500000,
  fileOffset: 0x1000,
  path: "/usr/bin/store",
  buildId: undefined,
  hasLines: true,
};

const REQUEST = {
  mappings: [MAPPING],
  symbolize: () => [],
  commandLine: "gospect",
  where: undefined,
  integerLabels: "numbers",
} as const;

/** The profile, and its texts by their number. */
function decoded(request: Parameters<typeof encodeProfile>[0]) {
  const profile = Profile.decode(gunzipSync(encodeProfile(request)));
  return { profile, text: (at: number | bigint): string => profile.stringTable.strings[Number(at)] ?? "" };
}

/** Names of the sample types, the default last. */
function typesOf(name: string): string[] {
  const measure = { kind: "value", name, signed: true, unit: "value" } as const;
  const { profile, text } = decoded({ ...REQUEST, results: { ...RESULTS, measure } });
  return [...profile.sampleType.map(({ type }) => text(type)), text(profile.defaultSampleType)];
}

test("a measured value is called as it was asked for, unless viewers take that for something else", () => {
  assert.deepEqual(typesOf("len(key)"), ["calls", "len(key)", "len(key)"]);
  for (const name of ["calls", "contentions", "delay", "samples"]) {
    assert.deepEqual(typesOf(name), ["calls", `${name}_value`, `${name}_value`]);
  }
});

test("a profile under a condition says how many calls met it", () => {
  const balance = { ...RESULTS.balance, filtered: 100n, undecided: 5n };
  const { profile, text } = decoded({ ...REQUEST, results: { ...RESULTS, balance }, where: 'tenant == "acme"' });
  assert.deepEqual(profile.comment.map(text).slice(2, 4), [
    '1,200 of 1,305 calls matched tenant == "acme"; 2 did not end, or were lost, and may be among them',
    "5 calls missing: the condition could not be evaluated",
  ]);
});
