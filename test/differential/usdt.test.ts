/** The notes of every file on this machine that has any, and of programs compiled here, against readelf and bpftrace. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openElf, openFileSource, readUsdtNotes, type UsdtNote } from "../../src/binary/index.js";
import { fixturePath, usdtPath } from "../fixture.js";
import { withoutKernel } from "../kernel/measuring.js";
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

const probesOf = (notes: readonly UsdtNote[]): readonly string[] =>
  [...new Set(notes.map(({ provider, name }) => `${provider}:${name}`))].sort();

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

/** Programs and libraries of the system that have notes, as `readelf` says; of files that are neither it complains elsewhere. */
function filesWithNotes(): readonly string[] {
  const places = ["/usr/lib", "/usr/bin", "/usr/sbin", "/usr/libexec"];
  const files = ["-xdev", "-type", "f", "-size", "+1k", "(", "-perm", "/111", "-o", "-name", "*.so*", ")"];
  const listing = ["-exec", "sh", "-c", 'readelf -SW -- "$@" 2>/dev/null; true', "sh", "{}", "+"];
  const noted = run("find", [...places, ...files, ...listing])
    .split(/^File: /m)
    .filter((text) => text.includes(" .note.stapsdt "));
  return noted.map((text) => text.slice(0, text.indexOf("\n")));
}

/** The probes of each file that was compared with readelf. */
const compared = new Map<string, readonly string[]>();

test("every file of the system that has notes: what readelf finds, no more and no less", async () => {
  const paths = filesWithNotes();
  for (const path of paths) compared.set(path, probesOf(await compare(path)));
  // Those that come with the compilers that building and testing want.
  for (const name of [/\/libstdc\+\+\.so\.6[^/]*$/, /\/cc1$/, /\/lto-wrapper$/])
    assert.ok(
      paths.some((path) => name.test(path)),
      `${name} is not among ${paths.join(" ")}`,
    );
});

test("fixtures in C and with cgo: what readelf finds", async () => {
  const paths = [
    ...(["O0", "O2"] as const).flatMap((optimization) =>
      (["usdt", "libfix.so", "libmemory.so"] as const).map((file) => usdtPath(optimization, file)),
    ),
    ...(["1.19", "1.27"] as const).map((version) => fixturePath("usdtcgo", version, "external")),
  ];
  for (const path of paths) {
    const notes = await compare(path);
    assert.ok(notes.length > 0, path);
    compared.set(path, probesOf(notes));
  }
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
  test(`${name}: what the compiler wrote is what readelf finds`, async () => {
    const path = join(folder, name.replaceAll(" ", ""));
    const freestanding = ["-nostdlib", "-ffreestanding", "-g", "-idirafter", headers];
    run(compiler, [...flags, ...freestanding, "-o", path, source]);
    const notes = await compare(path);
    const probes = ["bare", "constants", "copies", "floats", "memory", "signs", "wide"];
    assert.deepEqual(
      probesOf(notes),
      probes.map((probe) => `forms:${probe}`),
    );
    compared.set(path, probesOf(notes));
    assert.equal(notes.filter((note) => note.name === "copies").length, 3);
    const unreadable = notes.flatMap((note) => note.arguments.filter(({ location }) => location.kind === "unreadable"));
    assert.deepEqual(
      unreadable.map(({ text }) => /^[48]f@/.test(text)),
      [true, true, true, true],
      unreadable.map(({ text }) => text).join(" "),
    );
  });

test("bpftrace lists the same probes of all of these files", { skip: withoutKernel }, () => {
  assert.ok(compared.size > Object.keys(BUILDS).length);
  for (const [path, probes] of compared) assert.deepEqual(bpftraceProbes(path), probes, path);
});
