/**
 * The cost that a run states against what the program counted itself and against its CPU clock, read by this test around and
 * inside the run: the time that the stated share is of lies between the two, however busy the machine is.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { findProcessCpuTime } from "../../src/kernel/index.js";
import { type Fixture, startFixture } from "../fixture.js";
import { MAIN } from "./cli.js";
import { withoutKernel } from "./measuring.js";
import { Run } from "./programs.js";
import { buildSource } from "./subject.js";

/** On each line it calls Leaf, which no stack check begins twice, between loops that take much longer than two hits. */
const source = `package main

import (
	"bufio"
	"fmt"
	"os"
)

//go:noinline
func Leaf(n int) int { return n & 15 }

//go:noinline
func work(n int) (sum int) {
	for i := 0; i < 100_000; i++ {
		sum += i ^ n
	}
	return sum
}

func main() {
	fmt.Println("{\\"ready\\":true}")
	lines, sum := bufio.NewScanner(os.Stdin), 0
	for lines.Scan() && lines.Text() != "quit" {
		calls := 0
		for ; calls < 10_000; calls++ {
			sum += work(Leaf(calls))
		}
		fmt.Printf("{\\"calls\\":%d,\\"sum\\":%d}\\n", calls, sum)
	}
}
`;
const program = buildSource(source, { go: "1.27", flags: [], name: "cost" });
const CALLS = 10_000;
const options = { skip: withoutKernel };

interface CostJson {
  readonly cost: { readonly hits: number; readonly nsPerHit: number; readonly shareOfTarget: number | null };
}

/** Has it do its round. */
async function work(fixture: Fixture): Promise<void> {
  fixture.send("go");
  const { calls } = JSON.parse(await fixture.nextLine()) as { readonly calls: number };
  assert.equal(calls, CALLS);
}

function cpuOf(pid: number): number {
  const used = findProcessCpuTime(pid);
  assert.ok(used !== undefined);
  return Number(used);
}

/** Of every call both hits, and a share of CPU time between these, ns. */
function compare({ cost }: CostJson, least: number, most: number): void {
  assert.deepEqual(Object.keys(cost), ["hits", "nsPerHit", "shareOfTarget"]);
  const { hits, nsPerHit, shareOfTarget } = cost;
  assert.equal(hits, 2 * CALLS);
  assert.ok(Number.isInteger(nsPerHit) && nsPerHit > 0, `${nsPerHit} ns`);
  assert.ok(shareOfTarget !== null && shareOfTarget > 0 && shareOfTarget <= 1, `${shareOfTarget}`);
  // The price is printed in whole nanoseconds.
  const [low, high] = [nsPerHit - 0.5, nsPerHit + 0.5].map((price) => (hits * price) / shareOfTarget);
  assert.ok(low !== undefined && high !== undefined && high >= least && low <= most, `${least} ${low} ${high} ${most}`);
}

test("of a process that goes on: the CPU time it used during the run", options, async () => {
  using fixture = await startFixture(program);
  const before = cpuOf(fixture.pid);
  await using run = await Run.start("hist", "-p", `${fixture.pid}`, "--json", "main.Leaf");
  const least = cpuOf(fixture.pid);
  await work(fixture);
  const used = cpuOf(fixture.pid) - least;
  const { stdout } = await run.stop();
  compare(JSON.parse(stdout) as CostJson, used, cpuOf(fixture.pid) - before);
});

/** The one child of a process. */
const childOf = (pid: number): number => Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim());

for (const overhead of ["100%", "99%"]) {
  test(`of a command that has ended, with --max-overhead ${overhead}: all it used`, options, async () => {
    const words = ["hist", "--json", "--quiet", "--max-overhead", overhead, "main.Leaf", "--", program];
    using gospect = await startFixture(process.execPath, [MAIN, ...words]);
    await work(gospect);
    const used = cpuOf(childOf(gospect.pid));
    gospect.send("quit");
    // What it takes to end is little against its work; what had been used unseen may be a twentieth.
    compare(JSON.parse(await gospect.nextLine()) as CostJson, used * 0.95, used * 1.05);
  });
}

test("of every process of a file: no share, and the text says so", options, async () => {
  using fixture = await startFixture(program);
  for (const json of [["--json"], []]) {
    await using run = await Run.start("hist", "-e", program, ...json, "main.Leaf");
    await work(fixture);
    const { stdout, stderr } = await run.stop();
    if (json.length === 0) {
      assert.match(
        stderr,
        /^cost: 20,000 probe hits of \S+ .s each, .* altogether: \S+% of one CPU, an unknown share of the target's CPU time$/m,
      );
      continue;
    }
    const { cost } = JSON.parse(stdout) as CostJson;
    assert.ok(cost.nsPerHit > 0);
    assert.deepEqual(cost, { hits: 2 * CALLS, nsPerHit: cost.nsPerHit, shareOfTarget: null });
  }
});

for (const mode of ["profile", "trace", "flow"]) {
  test(`${mode} says what hist says`, options, async () => {
    using fixture = await startFixture(program);
    const output = mode === "profile" ? ["-o", "/dev/null"] : [];
    await using run = await Run.start(mode, "-p", `${fixture.pid}`, ...output, "main.Leaf");
    await work(fixture);
    const { stderr } = await run.stop();
    assert.match(
      stderr,
      /^cost: 20,000 probe hits of \S+ .s each, .* altogether: \S+% of one CPU, \S+% of the target's CPU time$/m,
    );
  });
}
