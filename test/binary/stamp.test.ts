import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { memorySource, openElf, openGoBinary, readGoProbes, stampNotes } from "../../src/binary/index.js";
import { type FixtureMode, fixturePath, type GoVersion, goCommand, startFixture } from "../fixture.js";

const folder = mkdtempSync(join(tmpdir(), "gospect-stamp-"));
after(() => rmSync(folder, { recursive: true }));

const BUILDS: readonly (readonly [GoVersion, FixtureMode])[] = [
  ["1.19", "plain"],
  ["1.19", "pie"],
  ["1.27", "plain"],
  ["1.27", "pie"],
  ["1.27", "stripped"],
  ["1.27", "external"],
];

/** Written to a file of its own, that runs. */
function keep(name: string, bytes: Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  chmodSync(path, 0o755);
  return path;
}

async function stampFile(path: string): Promise<Buffer> {
  using binary = await openGoBinary(path);
  return stampNotes(binary.elf, readGoProbes(binary)?.probes ?? []);
}

/** What a program prints; anything on stderr is a complaint. */
function quietly(command: string, ...args: readonly string[]): string {
  const script =
    '"$@" 2>"$COMPLAINTS"; status=$?; cat "$COMPLAINTS" >&2; test ! -s "$COMPLAINTS" && exit $status; exit 99';
  return execFileSync("/bin/bash", ["-c", script, "bash", command, ...args], {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C", COMPLAINTS: join(folder, "complaints") },
    maxBuffer: 2 ** 28,
  });
}

/** Provider, name and arguments of the notes, as binutils read them. */
const notesOf = (path: string): readonly string[] =>
  [
    ...quietly("readelf", "-nW", path).matchAll(
      /Provider: (\S+)\n\s+Name: (\S+)\n\s+Location: .*\n\s+Arguments:(.*)\n/g,
    ),
  ].map(([, provider, name, args = ""]) => `${provider}:${name} ${args.trim()}`.trim());

/** As a Go compiler lays out ABI0 arguments of these functions (fixtures/usdtgo/probes.go). */
const NOTES = [
  "pure:widths -1@8(%rsp) 1@9(%rsp) -2@10(%rsp) 2@12(%rsp) -4@16(%rsp) 4@20(%rsp) -8@24(%rsp) 8@32(%rsp) 1@40(%rsp)",
  "pure:text -8@8(%rsp) 8@16(%rsp) -8@24(%rsp) 8@32(%rsp) -8@40(%rsp)",
  "pure:pointers 8@8(%rsp) 8@16(%rsp) 8@24(%rsp) 8@32(%rsp) 8@40(%rsp)",
  "pure:nothing",
  "pure:work__begin -8@8(%rsp)",
  "pure:work__end -8@8(%rsp) -4@16(%rsp)",
];

for (const [version, mode] of BUILDS) {
  test(`${version} ${mode}: readelf reads the notes, and nothing else has changed`, async () => {
    const original = fixturePath("usdtgo", version, mode);
    const path = keep(`${version}-${mode}`, await stampFile(original));
    assert.deepEqual(notesOf(path), NOTES);
    assert.notEqual(quietly("readelf", "-aW", path), "");

    using before = await openGoBinary(original);
    using behind = await openGoBinary(path);
    const contents = ({ elf }: typeof before): ReadonlyMap<string, Buffer> =>
      new Map(
        elf.sections
          .filter(
            ({ type, name }) => type !== 8 && name !== ".note.stapsdt" && name !== ".probes" && name !== ".shstrtab",
          )
          .map((section) => [section.name, elf.source.read(section.fileOffset, section.size)]),
      );
    assert.deepEqual(contents(behind), contents(before));
    assert.deepEqual(behind.elf.segments, before.elf.segments);
    const go = goCommand(version);
    for (const args of [
      ["tool", "buildid"],
      ["tool", "nm"],
    ]) {
      if (args[1] === "nm" && mode === "stripped") continue;
      assert.equal(quietly(go, ...args, path), quietly(go, ...args, original));
    }
    const versionOf = (file: string): string => quietly(go, "version", "-m", file).replace(file, "");
    assert.equal(versionOf(path), versionOf(original));
  });

  test(`${version} ${mode}: stamping again changes nothing, strip keeps the notes, and the program runs`, async () => {
    const once = await stampFile(fixturePath("usdtgo", version, mode));
    const path = keep(`${version}-${mode}-again`, once);
    assert.ok((await stampFile(path)).equals(once));
    const stripped = `${path}-stripped`;
    quietly("strip", "-o", stripped, path);
    assert.deepEqual(notesOf(stripped), NOTES);
    assert.deepEqual(notesOf(keep("stamped-later", await stampFile(stripped))), NOTES);
    using fixture = await startFixture(stripped);
    fixture.send("go");
    assert.deepEqual(await fixture.nextMessage(), { probes: {}, spans: {}, callers: {} });
    await fixture.stop();
  });
}

test("semaphores are in the file, and hold nothing", async () => {
  using binary = await openGoBinary(fixturePath("usdtgo", "1.27", "pie"));
  const { probes = [] } = readGoProbes(binary) ?? {};
  const symbols = new Map(
    quietly("nm", binary.path)
      .split("\n")
      .map((line): [string, number] => [line.slice(19), Number.parseInt(line, 16)]),
  );
  assert.deepEqual(
    probes.map(({ name, address, semaphore }) => [name, address, semaphore]),
    ["widths", "text", "pointers", "nothing", "workBegin", "workEnd"].map((each) => [
      each.replace("workBegin", "work__begin").replace("workEnd", "work__end"),
      symbols.get(`main.${each}.abi0`),
      symbols.get(`main.${each}Probe`),
    ]),
  );
  for (const { semaphore } of probes) assert.equal(binary.elf.readVirtual(semaphore, 4).readUInt32LE(), 0);
});

test("arm64 has its own operands and instructions", async () => {
  const path = keep("arm64", await stampFile(fixturePath("usdtgo", "1.27", "arm64")));
  assert.deepEqual(
    notesOf(path),
    NOTES.map((note) => note.replaceAll(/(\d+)\(%rsp\)/g, "[sp, $1]")),
  );
});

test("what no note can tell is refused with what would do", async () => {
  using binary = await openGoBinary(fixturePath("usdtgo", "1.27", "plain"));
  assert.deepEqual(readGoProbes(binary)?.refused, [
    {
      provider: "pure",
      name: "float",
      function: "main.float",
      reason: "parameter 1 is of type float64: pass math.Float64bits of it",
    },
  ]);
});

test("the notes of C code stay", async () => {
  const path = fixturePath("usdtcgo", "1.27", "external");
  using binary = await openGoBinary(path);
  const probe = {
    provider: "more",
    name: "probe",
    function: "main.main",
    address: binary.moduledata.text,
    semaphore: binary.moduledata.data,
    arguments: "8@8(%rsp)",
  };
  const stamped = keep("with-c", stampNotes(binary.elf, [probe]));
  assert.deepEqual(notesOf(stamped), [...notesOf(path), "more:probe 8@8(%rsp)"]);
  using again = await openGoBinary(stamped);
  assert.deepEqual(notesOf(keep("with-c-again", stampNotes(again.elf, []))), notesOf(stamped));
});

test("a file without names of sections is refused", async () => {
  using binary = await openGoBinary(fixturePath("usdtgo", "1.27", "plain"));
  const bytes = Buffer.from(binary.elf.source.read(0, binary.elf.source.size));
  bytes.writeUInt16LE(0, 0x3e);
  const elf = await openElf(memorySource("nameless", bytes));
  assert.throws(() => stampNotes(elf, readGoProbes(binary)?.probes ?? []), {
    code: "bad-format",
    message: "ELF header at offset 0x3e: the file has no table of section names",
  });
});
