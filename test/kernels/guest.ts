/**
 * Another kernel than this machine's, with this build in it: Debian's, emulated by qemu, on a file system of node, what node
 * needs, the compiled program and tests, and the fixtures asked for, each where it is here. It runs one file of `guest/`, which prints JSON.
 *
 * Emulated time is not time: such a run tells counts, and what costs more than what. Its CPUs are emulated by software
 * everywhere, so that it is the same on machines that could do better; one after the other: see ACCELERATOR.
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkout } from "../fixture.js";
import { Initramfs } from "./initramfs.js";

/** Debian's suites whose kernels are tried: 6.1, 6.12, and the newest that there is. */
export type KernelSuite = "bookworm" | "bookworm-backports" | "trixie-backports";

export interface GuestRun {
  readonly suite: KernelSuite;
  /** A file of guest/, without its extension. */
  readonly program: string;
  readonly args?: readonly string[];
  /** Paths of files that it needs, beside the build. */
  readonly files: readonly string[];
}

const QEMU = "/usr/bin/qemu-system-x86_64";
const BUSYBOX = "/bin/busybox";
const LIBBPF = "/usr/lib/x86_64-linux-gnu/libbpf.so.1";
/** What the program needs at run time, and its tests. */
const PACKAGES = ["@jridgewell", "@koromix", "commander", "elfinfo", "iced-x86", "koffi", "pprof-format"];

/** What init tells the console first. */
const BEGUN = "init: begun";

/** LIMIT: a guest that has not ended by then hangs, however busy the machine is, and is ended. */
const PATIENCE_MS = 900_000;
const MEMORY_MB = 1536;
const CPUS = 2;

/**
 * The CPUs take turns on one thread of qemu's, which may switch between any two of its blocks. In parallel, qemu 7.2 now and then
 * executes what was in a page of code before it was written: the kernel writes each instruction that it steps through into
 * a slot of such a page. Four threads calling functions with plain uprobes on their first instruction and their return, without
 * BPF, died 29 times in 851,400 calls on kernel 7.3 and 10 times in 790,800 on 6.12, by a jump that was the step of another slot's
 * former instruction; never in 1,131,000 calls in turns, in 961,200 on one CPU, and in 645,000 in parallel on qemu 10.0.
 */
const ACCELERATOR = "tcg,thread=single";

/** Why no guest can be started here, as a test's skip option; see withoutKernel. */
export const withoutGuests: string | false = [QEMU, BUSYBOX].every((path) => existsSync(path))
  ? false
  : "needs qemu-system-x86 and busybox-static: make setup";

/** Libraries that a program or library is linked to, all of them. */
const librariesOf = (path: string): readonly string[] =>
  [...execFileSync("ldd", [path], { encoding: "utf8" }).matchAll(/(\/\S+) \(0x/g)].flatMap(
    ([, library]) => library ?? [],
  );

const filesIn = (folder: string, wanted: RegExp = /./): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && wanted.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));

function fileSystem({ program, args = [], files }: GuestRun): Initramfs {
  const main = fileURLToPath(new URL(`guest/${program}.js`, import.meta.url));
  const command = [process.execPath, main, ...args].map((word) => `'${word}'`).join(" ");
  const system = new Initramfs()
    .file(`${checkout}test/kernels/init`, "/init")
    .file(BUSYBOX)
    .text("/command", `cd '${checkout}'; exec ${command}\n`)
    .file(`${checkout}package.json`);
  for (const folder of ["/proc", "/sys", "/dev", "/tmp", "/root"]) system.folder(folder);
  for (const path of [process.execPath, LIBBPF]) for (const file of [path, ...librariesOf(path)]) system.file(file);
  const build = [filesIn(`${checkout}build/src`, /\.js$/), filesIn(`${checkout}build/test`, /\.js$/)].flat();
  const objects = filesIn(`${checkout}build/bpf`);
  const packages = PACKAGES.flatMap((name) => filesIn(`${checkout}node_modules/${name}`));
  for (const file of [...build, ...objects, ...packages, ...files]) system.file(file);
  return system;
}

/** What the program printed, parsed. Rejects with all that the guest said when it did not end well. */
export async function runInGuest<T>(run: GuestRun): Promise<T> {
  const kernel = execFileSync(`${checkout}test/kernels/kernel.sh`, [run.suite], { encoding: "utf8" }).trim();
  const folder = mkdtempSync(join(tmpdir(), "gospect-guest-"));
  const [archive, log, output] = ["initramfs", "console", "output"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  try {
    fileSystem(run).write(archive);
    await boot(kernel, archive, log, output);
    // Seen once, on 6.12: emulated, the kernel oopsed while it unpacked its files, before anything of ours ran.
    if (!readFileSync(log, "utf8").includes(BEGUN)) await boot(kernel, archive, log, output);
    const text = readFileSync(output, "utf8");
    const [, printed, status] = /^(.*?)status (\d+)\s*$/s.exec(text) ?? [];
    if (printed === undefined || status !== "0") {
      throw new Error(`guest of ${run.suite}, ${run.program}:\n${text}\n${readFileSync(log, "utf8")}`);
    }
    const answer: T = JSON.parse(printed);
    return answer;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Resolves when the machine has ended, or was. */
async function boot(kernel: string, archive: string, log: string, output: string): Promise<void> {
  const machine = spawn(
    QEMU,
    [
      // cmpxchg16b leaves wrong flags now and then (qemu 7.2); kernels that don't see it do without.
      ...["-machine", "pc", "-accel", ACCELERATOR, "-cpu", "max,-cx16", "-smp", `${CPUS}`, "-m", `${MEMORY_MB}`],
      ...["-nodefaults", "-display", "none", "-no-reboot"],
      ...["-serial", `file:${log}`, "-serial", `file:${output}`],
      ...["-kernel", kernel, "-initrd", archive],
      // A panic ends the machine, as its init does: by a reboot that is not to be.
      ...["-append", "console=ttyS0 quiet panic=-1 oops=panic mitigations=off"],
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  const deadline = setTimeout(() => machine.kill("SIGKILL"), PATIENCE_MS);
  try {
    await new Promise<void>((resolve, reject) => {
      machine.on("error", reject);
      machine.on("exit", () => resolve());
    });
  } finally {
    clearTimeout(deadline);
  }
}
