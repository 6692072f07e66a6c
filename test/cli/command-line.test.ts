import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { formatCommandLine, splitCommandLine } from "../../src/cli/command-line.js";

test("a shell reads the words that were written", () => {
  const words = [
    ["profile", "-p", "4711", "main.(*Store).Lookup", "--by", "len(key) > 3", "--sig=main.F=func(a *int)"],
    ["", " ", "it's", "'", "''", '"$HOME"', "~", "a\nb", "\\", "!", "#x", "=ls", "-", "{a,b}", "ä", "a;b|c&d", "`x`"],
  ].flat();
  const line = formatCommandLine(words).replace(/^gospect /, "printf '%s\\0' ");
  assert.deepEqual(execFileSync("/bin/sh", ["-c", line], { encoding: "utf8" }).split("\0").slice(0, -1), words);
});

test("what needs no quotes has none", () => {
  const words = [
    "profile",
    "-p",
    "4711",
    "/main\\..*/",
    "--by",
    "order.Total",
    "-o",
    "a-b_c.pb.gz",
    "--",
    "./store",
    "-n=1",
  ];
  assert.equal(
    formatCommandLine(words),
    "gospect profile -p 4711 '/main\\..*/' --by order.Total -o a-b_c.pb.gz -- ./store -n=1",
  );
});

test("a command follows the first --, with its own ones", () => {
  const words = ["hist", "x", "--", "a", "--", "b"];
  assert.deepEqual(splitCommandLine(words), { words, own: ["hist", "x"], command: ["a", "--", "b"] });
  assert.deepEqual(splitCommandLine(["hist"]), { words: ["hist"], own: ["hist"], command: undefined });
  assert.deepEqual(splitCommandLine(["--"]).command, []);
});
