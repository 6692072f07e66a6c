import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { checkout, fixturePath, startFixture } from "../fixture.js";
import { gospect } from "../kernel/cli.js";

const folder = mkdtempSync(join(tmpdir(), "gospect-stamp-"));
after(() => rmSync(folder, { recursive: true }));

const original = fixturePath("usdtgo", "1.27", "plain");
const WARNING = "warning: usdt:pure:float is left out: parameter 1 is of type float64: pass math.Float64bits of it\n";

test("a program takes its own place while it runs, with its mode, and links to it stay links", async () => {
  const path = join(folder, "program");
  copyFileSync(original, path);
  const link = join(folder, "link");
  symlinkSync("program", link);
  using fixture = await startFixture(path);
  const outcome = await gospect(["usdt", "stamp", link]);
  assert.deepEqual(outcome, {
    status: 0,
    signal: null,
    stdout: "",
    stderr: `${WARNING}${link}: 6 probes; gospect list -e ${link} 'usdt:*'\n`,
  });
  assert.deepEqual(readdirSync(folder).sort(), ["link", "program"]);
  assert.equal(statSync(path).mode, statSync(original).mode);
  assert.ok(readFileSync(path).includes(".note.stapsdt"));
  fixture.send("go");
  assert.deepEqual(await fixture.nextMessage(), { probes: {}, spans: {}, callers: {} });
  await fixture.stop();
});

test("--output leaves the program as it is; --json tells the probes", async () => {
  const output = join(folder, "stamped");
  const before = readFileSync(original);
  const outcome = await gospect(["usdt", "stamp", original, "-o", output, "--json", "-q"]);
  assert.deepEqual([outcome.status, outcome.stderr], [0, ""]);
  const told = JSON.parse(outcome.stdout);
  assert.deepEqual(
    told.probes.map((probe: { name: string; function: string }) => [probe.name, probe.function]),
    [
      ["usdt:pure:widths", "main.widths"],
      ["usdt:pure:text", "main.text"],
      ["usdt:pure:pointers", "main.pointers"],
      ["usdt:pure:nothing", "main.nothing"],
      ["usdt:pure:work__begin", "main.workBegin"],
      ["usdt:pure:work__end", "main.workEnd"],
    ],
  );
  assert.deepEqual(told.refused, [
    {
      name: "usdt:pure:float",
      function: "main.float",
      reason: "parameter 1 is of type float64: pass math.Float64bits of it",
    },
  ]);
  assert.ok(readFileSync(original).equals(before));
});

test("what can't be stamped is refused, and nothing is written", async () => {
  const output = join(folder, "never");
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  const cases: readonly (readonly [readonly string[], number, string])[] = [
    [[fixturePath("truth", "1.27", "plain"), "-o", output], 3, "no static probes of package usdt are in it"],
    [["/bin/true", "-o", output], 3, "not a Go program"],
    [[`${checkout}package.json`, "-o", output], 3, "not an ELF file"],
    [[join(folder, "absent"), "-o", output], 3, "no such file"],
    [[original, "-o", "-"], 2, "a stamped program does not go to stdout"],
    [[original, "-o", folder], 2, "is no file: a stamped program would replace it"],
    [[original, "-o", pipe], 2, "is no file: a stamped program would replace it"],
    [[original, "-o", join(folder, "no", "folder")], 1, "cannot write"],
    [[], 2, "missing required argument 'file'"],
  ];
  for (const [args, status, reason] of cases) {
    const outcome = await gospect(["usdt", "stamp", ...args]);
    assert.deepEqual([outcome.status, outcome.stdout], [status, ""], outcome.stderr);
    assert.ok(outcome.stderr.includes(reason), outcome.stderr);
    assert.equal(statSync(output, { throwIfNoEntry: false }), undefined);
  }
  assert.ok(statSync(pipe).isFIFO());
  assert.equal((await gospect(["usdt", "stomp", original])).status, 2);
});
