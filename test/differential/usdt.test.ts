/** The notes of every file on this machine that has any, and of programs compiled here, against readelf and bpftrace. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openElf, openFileSource, readUsdtNotes, type UsdtNote } from "../../src/binary/index.js";
import { run } from "./dwarf-programs.js";
import { readelfNotes, spellNotes } from "./usdt-truth.js";

const folder = mkdtempSync(join(tmpdir(), "gospect-usdt-"));
after(() => rmSync(folder, { recursive: true }));

/** Compares all of a file's notes; the notes are for more. */
async function compare(path: string): Promise<readonly UsdtNote[]> {
  using source = openFileSource(path);
  const elf = await openElf(source);
  const { notes, refused } = readUsdtNotes(elf);
  assert.deepEqual(refused, [], path);
  assert.deepEqual(spellNotes(notes, elf.machine), readelfNotes(path), path);
  return notes;
}

/** What bpftrace lists of a file, in order and each once. Through a link, because it cannot read names with a `+` in them. */
function bpftraceProbes(path: string): readonly string[] {
  const link = join(folder, "subject");
  symlinkSync(path, link);
  const listed = run("bpftrace", ["-l", `usdt:${link}:*`])
    .trimEnd()
    .split("\n");
  rmSync(link);
  return [...new Set(listed.map((line) => line.replace(`usdt:${link}:`, "")))].sort();
}

const probesOf = (notes: readonly UsdtNote[]): readonly string[] =>
  [...new Set(notes.map(({ provider, name }) => `${provider}:${name}`))].sort();

/** Programs and libraries of the system, by what `readelf` says of many of them at once. */
function* systemFiles(): Generator<{ readonly path: string; readonly noted: boolean }> {
  const search = ["/usr/lib", "/usr/bin", "/usr/sbin", "/usr/libexec", "-xdev", "-type", "f", "-size", "+1k"];
  const kinds = ["(", "-perm", "/111", "-o", "-name", "*.so*", ")"];
  const header = [
    "-exec",
    "sh",
    "-c",
    'for f; do head -c4 "$f" | grep -qa "^.ELF" && echo "$f"; done',
    "sh",
    "{}",
    "+",
  ];
  const paths = run("find", [...search, ...kinds, ...header])
    .trimEnd()
    .split("\n");
  for (let from = 0; from < paths.length; from += 200) {
    const some = paths.slice(from, from + 200);
    // Of some files readelf complains, on its other output, and goes on.
    for (const text of run("sh", ["-c", 'readelf -SW -- "$@" 2>/dev/null; true', "sh", ...some]).split(/^File: /m)) {
      const path = text.slice(0, text.indexOf("\n"));
      if (some.includes(path)) yield { path, noted: text.includes(" .note.stapsdt ") };
    }
  }
}

test("every file of the system: the probes that readelf and bpftrace find, no more and no less", async () => {
  const noted: string[] = [];
  for (const { path, noted: has } of systemFiles()) {
    if (!has) continue;
    noted.push(basename(path));
    assert.deepEqual(probesOf(await compare(path)), bpftraceProbes(path), path);
  }
  // Those that come with the compilers that building and testing want.
  for (const name of [/^libstdc\+\+\.so\.6/, /^cc1$/, /^lto-wrapper$/])
    assert.ok(
      noted.some((one) => name.test(one)),
      `${name} is not among ${noted.join(" ")}`,
    );
});

const source = fileURLToPath(new URL("../../../test/differential/usdt-program/probes.c", import.meta.url));
const headers = `/usr/include/${run("gcc", ["-print-multiarch"]).trim()}`;

const BUILDS: Readonly<Record<string, readonly string[]>> = {
  "gcc -O0": ["gcc", "-O0", "-nostartfiles"],
  "gcc -O2": ["gcc", "-O2", "-nostartfiles"],
  "gcc -Os": ["gcc", "-Os", "-nostartfiles"],
  "gcc -O2 -no-pie": ["gcc", "-O2", "-fno-pie", "-no-pie", "-nostartfiles"],
  "gcc -O3 -shared": ["gcc", "-O3", "-shared", "-fPIC", "-nostartfiles"],
  "clang -O1": ["clang-19", "-O1", "-nostartfiles"],
  "clang for arm64 -O0": ["clang-19", "--target=aarch64-linux-gnu", "-O0", "-fuse-ld=lld"],
  "clang for arm64 -O2": ["clang-19", "--target=aarch64-linux-gnu", "-O2", "-fuse-ld=lld"],
};

for (const [name, [compiler = "", ...flags]] of Object.entries(BUILDS))
  test(`${name}: what the compiler wrote is what readelf and bpftrace find`, async () => {
    const path = join(folder, name.replaceAll(" ", ""));
    const freestanding = ["-nostdlib", "-ffreestanding", "-g", "-idirafter", headers];
    run(compiler, [...flags, ...freestanding, "-o", path, source]);
    const notes = await compare(path);
    const probes = ["bare", "constants", "copies", "floats", "memory", "signs", "wide"];
    assert.deepEqual(
      probesOf(notes),
      probes.map((probe) => `forms:${probe}`),
    );
    assert.deepEqual(bpftraceProbes(path), probesOf(notes));
    assert.equal(notes.filter((note) => note.name === "copies").length, 3);
    const unreadable = notes.flatMap((note) => note.arguments.filter(({ location }) => location.kind === "unreadable"));
    assert.deepEqual(
      unreadable.map(({ text }) => /^[48]f@/.test(text)),
      [true, true, true, true],
      unreadable.map(({ text }) => text).join(" "),
    );
  });
