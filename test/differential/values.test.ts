/** Decoded values against what Go itself writes of the same bits and bytes. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  type CapturedPart,
  type CaptureOutcome,
  decodeCaptured,
  formatValueText,
  type Shape,
} from "../../src/aggregate/index.js";
import { checkout, goCommand } from "../fixture.js";

interface Line {
  readonly Kind: string;
  readonly Words: readonly string[] | null;
  readonly Bytes: string | null;
  readonly Text: string;
}

const SHAPES: Readonly<Record<string, Shape>> = {
  float64: { kind: "float", slot: 0, size: 8 },
  float32: { kind: "float", slot: 0, size: 4 },
  complex128: { kind: "complex", real: 0, imaginary: 1, size: 8 },
  duration: { kind: "duration", slot: 0 },
  time: { kind: "time", wall: 0, ext: 1 },
  string: { kind: "string", slot: 0 },
  errno: { kind: "errno", slot: 0 },
};

const names = { typeName: () => undefined, functionName: () => undefined };

function partOf({ Words, Bytes }: Line): CapturedPart {
  const tail = Buffer.from(Bytes ?? "", "base64");
  const words = Words?.map(BigInt) ?? [BigInt(tail.length) << 32n, BigInt(tail.length)];
  return { words, outcomes: words.map((): CaptureOutcome => "read"), tail };
}

/** Errors are in quotes. One text of the C library changed between the releases. */
const expected = ({ Kind, Text }: Line): string =>
  Kind === "errno" ? JSON.stringify(Text.replace("stale NFS file handle", "stale file handle")) : Text;

for (const version of ["1.19", "1.27"] as const) {
  test(`values of every kind are written as Go ${version} writes them`, () => {
    const env = { ...process.env, GOPROXY: "off", CGO_ENABLED: "0", GOTOOLCHAIN: "local", GOFLAGS: "-buildvcs=false" };
    const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "gospect", "go-build");
    const printed = execFileSync(goCommand(version), ["run", "."], {
      cwd: join(checkout, "test/differential/values-go"),
      env: { ...env, GOCACHE: cache },
      encoding: "utf8",
      maxBuffer: 2 ** 26,
    });
    const lines = printed
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Line);
    assert.ok(lines.length > 25_000);
    const wrong = lines.flatMap((line) => {
      const shape = SHAPES[line.Kind];
      assert.ok(shape !== undefined, line.Kind);
      const text = formatValueText(decodeCaptured(shape, { part: partOf(line), bias: 0n, names }));
      return text === expected(line) ? [] : [{ ...line, text }];
    });
    assert.deepEqual(wrong, []);
  });
}
