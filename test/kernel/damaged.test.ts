/**
 * A file that is damaged, and code that is not its file's: refused for every kind of target, with nothing attached and no
 * command let go; or measured, where the sites bear out what was planned.
 */
import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openElf, openFileSource, openGoBinary } from "../../src/binary/index.js";
import type { ProbePlan } from "../../src/probes/index.js";
import { findLoadBias, openProcess } from "../../src/process/index.js";
import { startFixture } from "../fixture.js";
import { gospect } from "./cli.js";
import { Measuring, planner, withoutKernel } from "./measuring.js";
import { balance, type SubjectKind, subjectPath, tell } from "./subject.js";

const options = { skip: withoutKernel };
const KINDS = ["plain", "pie"] as const;

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "gospect-damaged-"));
});
after(() => rmSync(folder, { recursive: true }));

/** The function that is damaged. Nothing that the tests have the subject do calls it. */
const VICTIM = "main.Hold";

const target = (kind: SubjectKind) => ({ kind: "exe", path: subjectPath(kind) }) as const;

const planOf = async (kind: SubjectKind, probe: string): Promise<ProbePlan> =>
  (await planner(target(kind)))({ probes: [probe] });

interface Damage {
  readonly what: string;
  readonly code: string;
  apply(bytes: Buffer, kind: SubjectKind): Promise<Buffer>;
}

const changed = (bytes: Buffer, offset: number, change: (byte: number) => number): Buffer => {
  bytes[offset] = change(bytes[offset] ?? 0);
  return bytes;
};

/** Where pclntab says at which address the function begins, counted from the text's start: 4 bytes, little-endian. */
async function offsetInFunctionTable(kind: SubjectKind, bytes: Buffer): Promise<number> {
  using binary = await openGoBinary(subjectPath(kind));
  const [index = -1] = binary.pclntab.findIndexesByName(VICTIM);
  const fromText = Buffer.alloc(4);
  fromText.writeUInt32LE(binary.pclntab.entryOf(index) - binary.moduledata.text);
  const next = Buffer.alloc(4);
  next.writeUInt32LE(binary.pclntab.entryOf(index + 1) - binary.moduledata.text);
  // A row is the function's offset and that of its data; the next row begins with the next function's.
  for (let at = bytes.indexOf(fromText); at !== -1; at = bytes.indexOf(fromText, at + 1)) {
    if (bytes.subarray(at + 8, at + 12).equals(next)) return at;
  }
  return assert.fail("the function table has a row for it");
}

const DAMAGES: readonly Damage[] = [
  {
    what: "a first byte that begins no instruction",
    code: "undecodable",
    apply: async (bytes, kind) => {
      const { probes } = await planOf(kind, VICTIM);
      const { entry, function: fn } = probes[0] ?? assert.fail("it is planned");
      return changed(bytes, entry.offset - (entry.address - fn.address), () => 0x06);
    },
  },
  {
    what: "a stack check that jumps into the middle of an instruction",
    code: "undecodable",
    apply: async (bytes, kind) => {
      const { probes } = await planOf(kind, VICTIM);
      const { entry } = probes[0] ?? assert.fail("it is planned");
      assert.equal(entry.placement, "stack-check");
      return changed(bytes, entry.offset + entry.bytes.length - (entry.bytes.length === 2 ? 1 : 4), (byte) => byte + 1);
    },
  },
  {
    what: "a function table that puts it elsewhere",
    code: "misplaced",
    apply: async (bytes, kind) => changed(bytes, await offsetInFunctionTable(kind, bytes), (byte) => byte + 1),
  },
];

const programOf = async (kind: SubjectKind, name: string, damage: Damage): Promise<string> => {
  const path = join(folder, `${name}-${kind}`);
  writeFileSync(path, await damage.apply(readFileSync(subjectPath(kind)), kind), { mode: 0o755 });
  return path;
};

/** All executable memory of a process that comes from its file, against the file. */
async function assertUntouched(pid: number, path: string): Promise<void> {
  const bytes = readFileSync(path);
  const memory = openSync(`/proc/${pid}/mem`, "r");
  try {
    for (const { start, end, offset, executable } of openProcess(pid).readExecutableMappings()) {
      if (!executable) continue;
      const inFile = bytes.subarray(offset, Math.min(bytes.length, offset + (end - start)));
      const inMemory = Buffer.alloc(inFile.length);
      readSync(memory, inMemory, 0, inMemory.length, start);
      assert.ok(inMemory.equals(inFile), "there is no breakpoint in its code");
    }
  } finally {
    closeSync(memory);
  }
}

for (const kind of KINDS) {
  for (const [index, damage] of DAMAGES.entries()) {
    test(`${damage.what} is refused for a process, a file and a command: ${kind}`, options, async () => {
      const path = await programOf(kind, `damage-${index}`, damage);
      using subject = await startFixture(path);
      for (const where of [
        ["-p", String(subject.pid)],
        ["-e", path],
        ["--", path, "once"],
      ]) {
        const { status, stdout, stderr } = await gospect(["hist", VICTIM, "--json", "-d", "1s", ...where]);
        assert.equal(status, 3, stderr);
        assert.equal(stdout, "", "a command would have said what it did");
        const { error }: { error: { code: string } } = JSON.parse(stderr);
        assert.equal(error.code, damage.code);
        await assertUntouched(subject.pid, path);
      }
      // What is not damaged is measured: its own bytes were verified.
      const plan = (await planner({ kind: "pid", pid: subject.pid }))({ probes: ["main.Step"] });
      using measuring = await Measuring.start(plan, { kind: "pid", pid: subject.pid });
      await tell(subject, "step 100 10");
      assert.deepEqual(measuring.stop().balance, balance({ returns: 100n }));
      await subject.stop();
    });
  }

  test(`a truncated file is refused, also when it still runs: ${kind}`, options, async () => {
    const whole = readFileSync(subjectPath(kind));
    const { probes } = await planOf(kind, "main.Step");
    const { entry } = probes[0] ?? assert.fail("it is planned");
    using source = openFileSource(subjectPath(kind));
    const { loads } = await openElf(source);
    const loaded = Math.max(...loads.map(({ fileOffset, fileSize }) => fileOffset + fileSize));
    const path = join(folder, `cut-${kind}`);
    const assertRefused = async (...where: readonly string[]): Promise<void> => {
      const { status, stdout, stderr } = await gospect(["hist", "main.Step", "-d", "1s", "--json", ...where]);
      assert.deepEqual([status, stdout], [3, ""], stderr);
      assert.doesNotMatch(stderr, /\n\s+at |bug/);
    };
    for (const length of [0, 3, 64, 4096, entry.offset + 1, Math.floor(loaded / 2), loaded - 1]) {
      writeFileSync(path, whole.subarray(0, length), { mode: 0o755 });
      await assertRefused("-e", path);
      await assertRefused("--", path, "once");
    }
    // Symbols and debug data are behind all that is loaded: the program runs without them.
    writeFileSync(path, whole.subarray(0, loaded), { mode: 0o755 });
    using subject = await startFixture(path);
    await assertRefused("-p", String(subject.pid));
    await assertRefused("-e", path);
    await assertRefused("--", path, "once");
    await assertUntouched(subject.pid, path);
    await subject.stop();
  });

  test(`a process whose code is not its file's is refused at those sites: ${kind}`, options, async () => {
    using subject = await startFixture(subjectPath(kind));
    const process = { kind: "pid", pid: subject.pid } as const;
    const plan = await planner(process);
    const victim = plan({ probes: [VICTIM] });
    using source = openFileSource(subjectPath(kind));
    const bias = findLoadBias(openProcess(subject.pid).readExecutableMappings(), (await openElf(source)).loads);
    const { entry, exits } = victim.probes[0] ?? assert.fail("it is planned");
    const memory = openSync(`/proc/${subject.pid}/mem`, "r+");
    try {
      for (const { address, bytes } of [entry, ...exits]) {
        const at = address + (bias ?? assert.fail("it is mapped"));
        writeSync(memory, Buffer.from([(bytes[0] ?? 0) ^ 1]), 0, 1, at);
        await assert.rejects(Measuring.start(victim, process), { code: "code-patched", kind: "unmeasurable" });
        writeSync(memory, bytes, 0, 1, at);
      }
    } finally {
      closeSync(memory);
    }
    await assertUntouched(subject.pid, subjectPath(kind));
    using measuring = await Measuring.start(plan({ probes: [VICTIM, "main.Step"] }), process);
    await tell(subject, "step 100 10");
    assert.deepEqual(measuring.stop().balance, balance({ returns: 100n }));
    await subject.stop();
  });
}
