/** `list --names` as its users run it: what it says is what the toolchain and the full list say. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fixturePath, goCommand, goVersions } from "../fixture.js";

interface Named {
  readonly kind: string;
  readonly name: string;
  readonly file: string | null;
  readonly line: number | null;
  readonly address: number;
  readonly size: number;
}

const MAX_OUTPUT = 2 ** 27;

const list = (...args: readonly string[]): string =>
  execFileSync(process.execPath, ["build/src/cli/main.js", "list", ...args], {
    encoding: "utf8",
    maxBuffer: MAX_OUTPUT,
  });

const parse = (json: string): readonly Named[] => JSON.parse(json) as readonly Named[];

const namedOf = ({ kind, name, file, line, address, size }: Named): Named => ({
  kind,
  name,
  file,
  line,
  address,
  size,
});

for (const version of goVersions) {
  for (const mode of ["plain", "stripped"] as const) {
    test(`go${version} ${mode}: --names has of every function what the full list has`, () => {
      const path = fixturePath("busy", version, mode);
      const names = parse(list("--names", "--json", "-e", path));
      assert.deepEqual(names, parse(list("--json", "-e", path)).map(namedOf));
      const some = names.filter(({ name }) => name.startsWith("main."));
      assert.deepEqual(parse(list("--names", "--json", "-e", path, "/^main\\./")), some);
      const text = list("--names", "-e", path).split("\n").slice(1, -1);
      assert.deepEqual(
        text.map((line) => line.trim().split(/ {2,}/)),
        names.map(({ address, size, name, file, line }) => [
          `0x${address.toString(16)}`,
          size.toLocaleString("en-US"),
          name,
          ...(file === null ? [] : [`${file}:${line}`]),
        ]),
      );
    });
  }

  test(`go${version}: --names has the addresses that go tool nm has`, () => {
    const path = fixturePath("busy", version, "plain");
    const nm = execFileSync(goCommand(version), ["tool", "nm", path], { encoding: "utf8", maxBuffer: MAX_OUTPUT });
    const told = new Map<string, number[]>();
    for (const { name, address } of parse(list("--names", "--json", "-e", path)))
      told.set(name, [...(told.get(name) ?? []), address]);
    const named = nm.split("\n").flatMap((line) => {
      const [, address = "", name = ""] = /^ *([0-9a-f]+) T (main\..*)$/.exec(line) ?? [];
      return name === "" ? [] : [[name, Number.parseInt(address, 16)] as const];
    });
    assert.ok(named.length > 0);
    for (const [name, address] of named)
      assert.ok(told.get(name.replace(/\.abi\d$/, ""))?.includes(address), `${name} at ${address}`);
  });
}
