import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { Profile } from "pprof-format";
import { encodeProfile } from "../../src/export/index.js";
import { RESULTS } from "./example.js";

/** Names of the sample types, the default last. */
function typesOf(name: string): string[] {
  const bytes = encodeProfile({
    results: { ...RESULTS, measure: { kind: "value", name, signed: true, unit: "value" } },
    mapping: { start: 0x401000, limit: 0x500000, fileOffset: 0x1000, path: "/usr/bin/store", buildId: undefined },
    symbolize: () => [],
    commandLine: "gospect",
    integerLabels: "numbers",
  });
  const profile = Profile.decode(gunzipSync(bytes));
  const text = (at: number | bigint): string => profile.stringTable.strings[Number(at)] ?? "";
  return [...profile.sampleType.map(({ type }) => text(type)), text(profile.defaultSampleType)];
}

test("a measured value is called as it was asked for, unless viewers take that for something else", () => {
  assert.deepEqual(typesOf("len(key)"), ["calls", "len(key)", "len(key)"]);
  for (const name of ["calls", "contentions", "delay", "samples"]) {
    assert.deepEqual(typesOf(name), ["calls", `${name}_value`, `${name}_value`]);
  }
});
