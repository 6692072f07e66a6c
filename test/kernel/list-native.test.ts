/** `list` of USDT probes beside bpftrace, which lists them for root alone. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { notedFiles, ownProbes } from "../commands/noted-files.js";
import { withoutKernel } from "./measuring.js";

const scratch = mkdtempSync(join(tmpdir(), "gospect-list-"));
after(() => rmSync(scratch, { recursive: true }));

/** `PROVIDER:NAME` of each. Its parser takes no `+` in a path, as libstdc++ has; and what it can't read it complains of. */
function listedByBpftrace(path: string): readonly string[] {
  const link = join(scratch, "file");
  symlinkSync(path, link);
  try {
    const listed = execFileSync("bpftrace", ["-l", `usdt:${link}:*`], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return listed.split("\n").flatMap((line) => (line === "" ? [] : [line.slice(`usdt:${link}:`.length)]));
  } finally {
    rmSync(link);
  }
}

test("bpftrace lists the USDT probes that list has, of each file on the machine that has any", {
  skip: withoutKernel,
}, () => {
  for (const path of notedFiles()) {
    assert.deepEqual(
      ownProbes(path).map(({ provider, probe }) => `${provider}:${probe}`),
      [...new Set(listedByBpftrace(path))].sort(),
      path,
    );
  }
});
