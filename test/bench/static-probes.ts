/**
 * A static probe in pure Go (fixtures/usdtgo): what it costs a loop while nobody wants it, and while its hits are counted.
 * CPU time, as the program itself reads it.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Fixture, fixturePath, startFixture } from "../fixture.js";
import { MAIN, start } from "../kernel/cli.js";
import { measureInRounds } from "./rounds.js";
import { type Row, rowOf } from "./table.js";

export interface StaticProbeRounds {
  /** Of the loop, while nobody wants the probe. */
  readonly passes: number;
  /** While hits are counted. */
  readonly hits: number;
  readonly rounds: number;
}

async function nsPerPass(fixture: Fixture, loop: "loop" | "probe", passes: number): Promise<number> {
  fixture.send(`${loop} ${passes}`);
  const { ns } = await fixture.nextMessage<{ ns: number }>();
  return ns / passes;
}

async function nsPerHit(fixture: Fixture, hits: number): Promise<number> {
  const counting = start(["hist", "--max-overhead", "100%", "-p", `${fixture.pid}`, "usdt:pure:nothing"]);
  await counting.said(/^measuring /m);
  const ns = await nsPerPass(fixture, "probe", hits);
  counting.child.kill("SIGINT");
  const { status, stderr } = await counting.outcome;
  if (status !== 0) throw new Error(`gospect hist usdt:pure:nothing failed: ${stderr}`);
  return ns;
}

export async function measureStaticProbes({ passes, hits, rounds }: StaticProbeRounds): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), "gospect-bench-"));
  try {
    const path = join(folder, "usdtgo");
    copyFileSync(fixturePath("usdtgo", "1.27", "plain"), path);
    execFileSync(process.execPath, [MAIN, "usdt", "stamp", "-q", path]);
    using fixture = await startFixture(path);
    const taken = await measureInRounds(
      {
        loop: () => nsPerPass(fixture, "loop", passes),
        unused: () => nsPerPass(fixture, "probe", passes),
        counted: () => nsPerHit(fixture, hits),
      },
      rounds,
    );
    const common = {
      group: "a static probe in pure Go, per pass of a loop",
      reference: "no probe",
      unit: "ns",
    } as const;
    return [
      rowOf({ ...common, subject: "nobody wants it" }, taken.unused, taken.loop),
      rowOf({ ...common, subject: "hist counts it" }, taken.counted, taken.loop),
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}
