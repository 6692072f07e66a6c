import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { UnmeasurableError, UnsupportedError } from "../../src/base/index.js";
import { openElf, openFileSource } from "../../src/binary/index.js";
import { findLoadBias, openProcess, parseMappings, readPidNamespace, TargetProcess } from "../../src/process/index.js";
import { parseStat, parseStatus } from "../../src/process/status.js";

let directory: string;
const children: ChildProcess[] = [];
before(() => {
  directory = mkdtempSync(join(tmpdir(), "gospect-process-"));
});
after(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(directory, { recursive: true });
});

/** Starts a program and waits until it has replaced the forked copy of us. */
async function start(path: string, ...parameters: string[]): Promise<number> {
  const child = spawn(path, parameters, { stdio: "ignore" });
  children.push(child);
  await once(child, "spawn");
  assert.ok(child.pid !== undefined);
  return child.pid;
}

function sleepCopy(name: string): string {
  const path = join(directory, name);
  copyFileSync("/bin/sleep", path);
  return path;
}

/** Code and message of what opening a pid throws. */
function refusal(pid: number): string {
  try {
    return `opened ${openProcess(pid).command}`;
  } catch (error) {
    assert.ok(error instanceof UnmeasurableError || error instanceof UnsupportedError, String(error));
    return `${error.code}: ${error.message}`;
  }
}

async function waitFor(condition: () => boolean): Promise<void> {
  // LIMIT: what has not happened by then never will.
  const deadline = Date.now() + 60_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, String(condition));
    await new Promise((done) => setTimeout(done, 10));
  }
}

describe("a running process", () => {
  it("has an executable, an owner and a namespace", async () => {
    const path = sleepCopy("plain");
    const pid = await start(path, "600");
    const target = openProcess(pid);
    assert.deepEqual(target.executable, {
      path: `/proc/${pid}/exe`,
      displayPath: path,
      linkPath: path,
      deleted: false,
      inode: statSync(path, { bigint: true }).ino,
    });
    assert.equal(target.command, "plain");
    assert.equal(target.userId, process.geteuid?.());
    assert.equal(`pid:[${target.namespace.inode}]`, readlinkSync(`/proc/${pid}/ns/pid`));
    assert.deepEqual(target.namespace, readPidNamespace());
    assert.equal(target.namespace.initial, target.namespace.inode === 4026531836n);
    assert.ok(target.isAlive());
  });

  it("is known to have ended, also when its pid is another's", async () => {
    const pid = await start("/bin/sleep", "600");
    const target = openProcess(pid);
    const stat = parseStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
    const status = parseStatus(readFileSync(`/proc/${pid}/status`, "utf8"));
    const earlier = new TargetProcess(pid, { ...stat, startTicks: stat.startTicks - 1 }, status, target.executable);
    assert.equal(earlier.isAlive(), false);
    assert.equal(target.isAlive(), true);
    process.kill(pid, "SIGKILL");
    await waitFor(() => !target.isAlive());
  });

  it("keeps its file when the name is removed or replaced", async () => {
    const names = ["removed", "replaced", "called so (deleted)"];
    const found: unknown[] = [];
    for (const name of names) {
      const path = sleepCopy(name);
      const pid = await start(path, "600");
      if (name === "removed") rmSync(path);
      if (name === "replaced") renameSync(sleepCopy("newer"), path);
      const { executable } = openProcess(pid);
      found.push([executable.displayPath, executable.deleted]);
      assert.deepEqual(readFileSync(executable.path), readFileSync("/bin/sleep"));
    }
    assert.deepEqual(found, [
      [join(directory, "removed"), true],
      [join(directory, "replaced"), true],
      [join(directory, "called so (deleted)"), false],
    ]);
  });
});

describe("mappings", () => {
  const text = (path: string): readonly string[] =>
    readFileSync(path, "latin1")
      .trimEnd()
      .split("\n")
      .filter((line) => !line.endsWith("[vsyscall]"))
      .map((line) =>
        line
          .replace(/^(\S+ ...)[ps]/, "$1")
          .replace(/ +/g, " ")
          .trimEnd(),
      );

  it("are what /proc says, line by line", async () => {
    const pid = await start("/bin/sleep", "600");
    const target = openProcess(pid);
    await waitFor(() => target.readMappings().some((mapping) => mapping.path.includes("libc")));
    process.kill(pid, "SIGSTOP");
    await waitFor(() => parseStat(readFileSync(`/proc/${pid}/stat`, "utf8")).state === "T");
    const digits = (value: number, width: number): string => value.toString(16).padStart(width, "0");
    const lines = target.readMappings().map((mapping) => {
      const flags = `${mapping.readable ? "r" : "-"}${mapping.writable ? "w" : "-"}${mapping.executable ? "x" : "-"}`;
      const range = `${digits(mapping.start, 8)}-${digits(mapping.end, 8)}`;
      return `${range} ${flags} ${digits(mapping.offset, 8)} ${mapping.device} ${mapping.inode} ${mapping.path}`.trimEnd();
    });
    assert.deepEqual(lines, text(`/proc/${pid}/maps`));
  });

  it("with strange paths, and damaged ones", () => {
    const line = "7f0000000000-7f0000001000 r-xs 00001000 00:1f 12345678901                  /a  b\\012c (deleted)";
    assert.deepEqual(parseMappings(`${line}\n`), [
      {
        start: 0x7f0000000000,
        end: 0x7f0000001000,
        readable: true,
        writable: false,
        executable: true,
        offset: 0x1000,
        device: "00:1f",
        inode: 12345678901n,
        path: "/a  b\nc (deleted)",
      },
    ]);
    assert.throws(() => parseMappings("7f0000000000-7f0000001000 r-xs\n"), { code: "bad-format" });
  });

  it("give the load bias that the auxiliary vector implies", async () => {
    const biases: number[] = [];
    // sleep is position-independent; node is not everywhere, but the same must hold for it.
    for (const [path, parameters] of [
      ["/bin/sleep", ["600"]],
      [process.execPath, ["-e", "setTimeout(() => {}, 600_000)"]],
    ] as const) {
      const target = openProcess(await start(path, ...parameters));
      using source = openFileSource(target.executable.path, target.executable.displayPath);
      const elf = await openElf(source);
      const bias = findLoadBias(target.readExecutableMappings(), elf.loads);
      const entry = Number(source.read(0x18, 8).readBigUInt64LE());
      assert.equal(bias, entryInMemory(target.pid) - entry, path);
      biases.push(bias ?? -1);
    }
    assert.ok((biases[0] ?? 0) > 0x1000);
  });

  it("without the program's code give no load bias", () => {
    const loads = [{ virtualAddress: 0x401000, fileOffset: 0x1000, fileSize: 0x1000, executable: true }];
    const moved = "00401000-00402000 r-xp 00000000 00:00 0 \n00402000-00403000 r--p 00001000 00:1f 7 /program\n";
    assert.equal(findLoadBias(parseMappings(moved), loads), undefined);
  });
});

/** AT_ENTRY: where the kernel began to run the program. */
function entryInMemory(pid: number): number {
  const vector = readFileSync(`/proc/${pid}/auxv`);
  for (let at = 0; at < vector.length; at += 16)
    if (vector.readBigUInt64LE(at) === 9n) return Number(vector.readBigUInt64LE(at + 8));
  return assert.fail("no AT_ENTRY");
}

describe("what is no process to measure", () => {
  it("nobody, threads and zombies are told apart", async () => {
    assert.equal(refusal(2 ** 22 + 1), "no-such-process: process 4194305: no such process");
    const thread = readdirSync("/proc/self/task")
      .map(Number)
      .find((id) => id !== process.pid);
    assert.ok(thread !== undefined);
    assert.equal(refusal(thread), `not-a-process: ${thread} is a thread of process ${process.pid}`);

    // exec keeps the child, which sleep does not know and never waits for when it ends.
    const parent = spawn("/bin/sh", ["-c", "/bin/sleep 0.2 & echo $!; exec /bin/sleep 600"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    children.push(parent);
    const [line] = await once(parent.stdout, "data");
    const zombie = Number(String(line));
    const status = (): string => readFileSync(`/proc/${zombie}/stat`, "utf8");
    await waitFor(() => parseStat(status()).state === "Z");
    assert.equal(refusal(zombie), `no-such-process: process ${zombie}: no such process`);
  });

  it("a process of another user is not permitted", async () => {
    const root = process.geteuid?.() === 0;
    const pid = root ? await start("/bin/sleep", "600") : 1;
    if (root) process.seteuid?.(65534);
    try {
      assert.equal(refusal(pid), `not-permitted: process ${pid}: not permitted to read /proc/${pid}/exe`);
    } finally {
      if (root) process.seteuid?.(0);
    }
  });
});

describe("status files", () => {
  const stat =
    "42 (a) R (b) S 1 42 42 0 -1 4194560 100 0 0 0 7 5 0 0 20 0 3 0 161642 1 1 1 1 2 3 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0\n";

  it("of processes with strange names", () => {
    assert.deepEqual(parseStat(stat), {
      command: "a) R (b",
      state: "S",
      threads: 3,
      startTicks: 161642,
      stackStart: 3,
      codeStart: 1,
    });
    assert.throws(() => parseStat("42 (cut) S 1 42"), { code: "bad-format" });
    assert.throws(() => parseStat(""), { code: "bad-format" });
  });

  it("with nested pid namespaces", () => {
    const lines = ["Name:\tx", "Tgid:\t42", "Uid:\t1000\t1001\t1000\t1000", "NSpid:\t42\t7"];
    assert.deepEqual(parseStatus(lines.join("\n")), {
      processId: 42,
      userId: 1001,
      namespacePid: 7,
    });
    assert.deepEqual(parseStatus("Tgid:\t42\nUid:\t0\t0\t0\t0\n"), {
      processId: 42,
      userId: 0,
      namespacePid: 42,
    });
    assert.throws(() => parseStatus("Name:\tx\n"), { code: "bad-format" });
  });
});
