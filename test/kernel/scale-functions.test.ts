/**
 * Every function of a large program at once: the compiler of Go, which has 20,000. What it makes tells whether it still does
 * what it did, and holds how many functions it compiled.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { goCommand } from "../fixture.js";
import { MAIN } from "./cli.js";
import { Measuring, planner, withoutKernel } from "./measuring.js";

const options = { skip: withoutKernel };

/** LIMIT: what this program may take for a run on so many functions, the JSON of its results included. README.md says so. */
const PEAK_BYTES = 400e6;
/** What there is to be measured of the compiler; the rest is refused: functions that don't return, mostly. */
const FUNCTIONS = 19_500;

const SOURCE = `package p

type T struct{ a, b int }

func A(x int) int        { return x + 1 }
func B(x int) int        { return A(x) * 2 }
func (t *T) Sum() int    { return t.a + t.b }
func C(xs []int) (s int) {
	for _, x := range xs {
		s += B(x)
	}
	return
}
`;

const memoryPeak = fileURLToPath(new URL("../bench/memory-peak.cjs", import.meta.url));
const go = goCommand("1.27");
const compiler = join(execFileSync(go, ["env", "GOTOOLDIR"], { encoding: "utf8" }).trim(), "compile");
const folder = mkdtempSync(join(tmpdir(), "gospect-scale-"));
after(() => rmSync(folder, { recursive: true }));

const compiling = (source: string, object: string): readonly string[] => [
  ...[compiler, "-c=1", "-p", "p", "-trimpath", folder],
  ...["-o", join(folder, object), join(folder, source)],
];

/** An unmeasured compiler's object of the source, which its own text tells nothing of but the name. */
function compiled(source: string): Buffer {
  writeFileSync(join(folder, source), SOURCE);
  const [command = "", ...args] = compiling(source, "plain.o");
  execFileSync(command, args);
  return readFileSync(join(folder, "plain.o"));
}

interface Hist {
  readonly probes: readonly unknown[];
  readonly balance: Readonly<Record<string, number>>;
  readonly series: readonly { readonly function: string; readonly count: number }[];
}

test("20,000 functions of a program, from its first instruction to its last", options, async (t) => {
  const expected = compiled("whole.go");
  const measuring = ["hist", "*", "--json", "--quiet", "--max-overhead", "100%", "-o", join(folder, "hist.json")];
  const args = ["--require", memoryPeak, MAIN, ...measuring, "--", ...compiling("whole.go", "probed.o")];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit", "pipe"] });
  t.after(() => child.kill());
  let peak = "";
  child.stdio[3]?.on("data", (bytes: Buffer) => {
    peak += bytes.toString();
  });
  const [status] = await once(child, "close");
  assert.equal(status, 0);
  assert.deepEqual(readFileSync(join(folder, "probed.o")), expected, "the compiler makes what it always made");

  const { probes, balance, series }: Hist = JSON.parse(readFileSync(join(folder, "hist.json"), "utf8"));
  assert.ok(probes.length > FUNCTIONS, `${probes.length} functions`);
  const { entries, returns, panics = 0, goexits = 0, open = 0, lost = 0 } = balance;
  assert.equal(entries, (returns ?? 0) + panics + goexits + open + lost);
  assert.equal(
    series.reduce((sum, { count }) => sum + count, 0),
    returns,
  );
  // The compiler compiles each function that the object defines, and no other.
  const symbols = execFileSync(go, ["tool", "nm", join(folder, "probed.o")], { encoding: "utf8" });
  const defined = symbols.match(/ T /g)?.length;
  assert.equal(series.find((each) => each.function === "cmd/compile/internal/ssa.Compile")?.count, defined);
  const bytes = Number(peak) * 1024;
  assert.ok(bytes > 0 && bytes < PEAK_BYTES, `${bytes} bytes`);
  t.diagnostic(`${probes.length} functions, ${entries} calls, ${Math.round(bytes / 1e6)} MB`);
});

/** How many sites of the process hold a probe, an int3; its image is where the file says. */
function probesOn(pid: number, addresses: readonly number[]): number {
  const memory = openSync(`/proc/${pid}/mem`, "r");
  try {
    const byte = Buffer.alloc(1);
    return addresses.filter((address) => readSync(memory, byte, 0, 1, address) === 1 && byte[0] === 0xcc).length;
  } finally {
    closeSync(memory);
  }
}

test("20,000 functions of a running program, whose probes all come and go", options, async (t) => {
  const expected = compiled("late.go");
  // Until somebody writes there, the compiler waits for its source.
  rmSync(join(folder, "late.go"));
  execFileSync("mkfifo", [join(folder, "late.go")]);
  const [command = "", ...args] = compiling("late.go", "late.o");
  const child = spawn(command, args, { stdio: "inherit" });
  t.after(() => child.kill());
  const ended = once(child, "close");
  const target = { kind: "pid", pid: child.pid ?? 0 } as const;
  const plan = (await planner(target))({ probes: ["*"] });
  assert.ok(!plan.target.positionIndependent && plan.probes.length > FUNCTIONS);
  const sites = plan.probes.flatMap(({ entry, exits }) => [entry, ...exits]);
  const addresses = [...new Set([...sites, ...plan.runtimeSites].map(({ address }) => address))];
  {
    using measuring = await Measuring.start(plan, target);
    assert.equal(probesOn(target.pid, addresses), addresses.length);
    const before = performance.now();
    measuring.session.stop();
    t.diagnostic(`${addresses.length} sites: stopped and read in ${Math.round(performance.now() - before)} ms`);
    assert.equal(probesOn(target.pid, addresses), 0);
  }
  writeFileSync(join(folder, "late.go"), SOURCE);
  assert.deepEqual(await ended, [0, null]);
  assert.deepEqual(readFileSync(join(folder, "late.o")), expected, "the compiler makes what it always made");
});
