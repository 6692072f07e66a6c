/** What people type, damaged: every parser gives a value or a UsageError (a ProfilerError), and takes no time over it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ProfilerError } from "../../src/base/index.js";
import { memorySource, openGoSource } from "../../src/binary/index.js";
import { parseDuration } from "../../src/cli/duration.js";
import { formatExpression, parseExpression, parseGivenSignature, resolveSelector } from "../../src/probes/index.js";
import { openSymbolTable } from "../../src/symbols/index.js";
import { basePath } from "./bases.js";
import { Random } from "./random.js";

const EXPRESSIONS = [
  "tenant",
  "s.tenant.next.quota",
  "*p.next",
  "len(req.Body)",
  "lin(n, 0, 100, 10)",
  "(a[3]).b != nil",
  "log2(cap(x))",
  "$goid",
  'tenant == "acme\\n" && (n >= 0x1f || $duration > 1.5s) && !hasPrefix(key, `a/`)',
  'm["key"].x[-3] != 1e3 || type(err) == "*fs.PathError" || letter <= \'\\u00e9\'',
  "value(r.ctx, *example.org/auth-v2.key) == nil && p.x < q.y",
];
const SIGNATURES = [
  "main.f=func(a int, b string) (err error)",
  "main.(*Store).Get=func(key []byte, opts struct{ a, b int8; c [4]*int }) (map[string]any, bool)",
  "x.y=func(f func(int) error, c <-chan struct{}, more ...interface{ String() string })",
];
const SELECTORS = ["main.(*store).lookup", "main.*", "/^runtime\\.g[a-z]+$/", "main.largest[...]", "runtime/...", "*"];
const DURATIONS = ["500ms", "1m30s", "1.5h", "24h"];
const PIECES = [
  ..."()[]{}*.,$=!<>-\\/|+?^ \t\n\0\u00b7\u00e9\u{1f600}0123456789ms",
  "...",
  "nil",
  "func",
  "struct",
  "0x",
  "[...]",
  "1e9",
];

/** LIMIT: characters of a text; a shell passes more, but nobody types them. */
const MAX_LENGTH = 10_000;

/** `text` with some of its parts removed, doubled, swapped for others, or nested deeply. */
function damage(random: Random, text: string, others: readonly string[]): string {
  let damaged = text;
  for (let edits = 1 + random.below(4); edits > 0 && damaged.length < MAX_LENGTH; edits--) {
    const at = random.below(damaged.length + 1);
    const end = at + random.below(6);
    switch (random.below(6)) {
      case 0:
        damaged = damaged.slice(0, at) + damaged.slice(end);
        break;
      case 1:
        damaged = damaged.slice(0, at) + random.pick(PIECES) + damaged.slice(at);
        break;
      case 2:
        damaged =
          damaged.slice(0, at) + damaged.slice(at, end).repeat(random.pick([2, 3, 70, 2000])) + damaged.slice(end);
        break;
      case 3:
        damaged = damaged.slice(0, at) + random.pick(PIECES).repeat(random.pick([1, 65, 5000])) + damaged.slice(end);
        break;
      case 4:
        damaged = damaged.slice(0, at) + random.pick(others).slice(random.below(8));
        break;
      default:
        damaged = String.fromCharCode(random.below(0xffff)) + damaged.slice(at) + damaged.slice(0, at);
    }
  }
  return damaged.slice(0, MAX_LENGTH);
}

/** LIMIT: CPU time for one text; most take microseconds. */
const CPU_LIMIT_MS = 1_000;

/** Runs `parse` on `runs` damaged texts; returns how many it accepted. */
function fuzz(seed: number, runs: number, texts: readonly string[], parse: (text: string) => void): number {
  const random = new Random(seed);
  let accepted = 0;
  for (let run = 0; run < runs; run++) {
    const text = damage(random, random.pick(texts), texts);
    const before = process.cpuUsage();
    try {
      parse(text);
      accepted++;
    } catch (error) {
      if (!(error instanceof ProfilerError)) throw new Error(`parsing ${JSON.stringify(text)}`, { cause: error });
      assert.ok(error.message !== "");
    }
    const { user, system } = process.cpuUsage(before);
    assert.ok((user + system) / 1000 < CPU_LIMIT_MS, `${JSON.stringify(text)} took ${(user + system) / 1000} ms`);
  }
  return accepted;
}

test("5000 expressions: parsed or refused; what is parsed is the same when written out and parsed again", () => {
  const accepted = fuzz(1, 5_000, EXPRESSIONS, (text) => {
    const expression = parseExpression(text);
    assert.deepEqual(parseExpression(formatExpression(expression)), expression);
  });
  assert.ok(accepted > 0 && accepted < 5_000);
});

test("5000 signatures", () => {
  const accepted = fuzz(2, 5_000, SIGNATURES, (text) => {
    for (const { type } of parseGivenSignature(text).signature.parameters) assert.ok(type.size >= 0, type.name);
  });
  assert.ok(accepted > 0 && accepted < 5_000);
});

test("5000 durations: whole milliseconds that a timer can wait for", () => {
  const accepted = fuzz(3, 5_000, DURATIONS, (text) => {
    const value = parseDuration(text);
    assert.ok(Number.isInteger(value) && value >= 1 && value < 2 ** 31, `${text}: ${value}`);
  });
  assert.ok(accepted > 0 && accepted < 5_000);
});

test("300 selectors against the functions of a real binary: at least one, or a reason", async () => {
  const symbols = openSymbolTable(await openGoSource(memorySource("base", readFileSync(basePath("go1.27-stripped")))));
  const accepted = fuzz(4, 300, SELECTORS, (text) => {
    // Whoever writes a regular expression that takes forever asked for it.
    if (text.endsWith("/") && /[+*}]/.test(text.replaceAll("[a-z]+", ""))) return;
    assert.ok(resolveSelector(text, symbols).length > 0);
  });
  assert.ok(accepted > 0 && accepted < 300);
});
