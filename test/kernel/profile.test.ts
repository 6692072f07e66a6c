/**
 * Profiles of a live program, as `go tool pprof` reads them. `callers` says through its own runtime from where each call
 * came; what the reports show of that is the same for every Go version.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type FixtureMode, fixturePath, type GoVersion, goCommand, goVersions, startFixture } from "../fixture.js";
import { assertGolden } from "../golden/golden.js";
import { withoutKernel } from "./measuring.js";
import { pprof, profile } from "./programs.js";

const folder = mkdtempSync(join(tmpdir(), "gospect-profile-"));
after(() => rmSync(folder, { recursive: true }));

/** What `callers` saw. */
interface Answer {
  /** Spent in all calls, as they measured it themselves. */
  readonly innerNs: number;
  /** Spent by all goroutines that make the calls, and little else. */
  readonly outerNs: number;
  readonly stacks: readonly {
    readonly tenant: string;
    readonly size: number;
    readonly calls: number;
    readonly frames: readonly { readonly function: string; readonly file: string; readonly line: number }[];
  }[];
}

/** Profiles a round of `callers` by its arguments. */
async function profileCallers(version: GoVersion, mode: FixtureMode, file: string): Promise<Answer> {
  using fixture = await startFixture(fixturePath("callers", version, mode));
  const signature = mode.endsWith("stripped") ? ["--sig", "main.Work=func(tenant string, size int) int"] : [];
  let answer: Answer = { innerNs: 0, outerNs: 0, stacks: [] };
  await profile(fixture.pid, file, ["main.Work", "--by", "tenant", "--by", "size", ...signature], async () => {
    fixture.send("go");
    answer = await fixture.nextMessage<Answer>();
  });
  await fixture.stop();
  return answer;
}

/** The order of samples is that of their latencies: here that of their text. */
const sortTraces = (report: string): string => {
  const rule = /^-+\+-+\n/m;
  const traces = report.split(rule).filter((trace) => trace.trim() !== "");
  const [head = "", ...rest] = report.startsWith("-") ? ["", ...traces] : traces;
  return [head, ...rest.sort()].join(`${"-".repeat(11)}\n`);
};

/** Of `-raw`: samples as `CALLS LABELS: ID…` and locations by id, with the lines of their frames. */
function parseRaw(report: string) {
  const [, samples = "", locations = "", mappings = ""] =
    /^Samples:\n[^\n]*\n(.*)^Locations\n(.*)^Mappings\n(.*)$/ms.exec(report) ?? [];
  const lines = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of locations.trimEnd().split("\n")) {
    const [, id, first] = /^ +(\d+): 0x[0-9a-f]+ M=1 (.*)$/.exec(line) ?? [];
    if (id !== undefined) {
      current = [];
      lines.set(id, current);
    }
    current.push(first ?? line.trim());
  }
  const parsed = [...samples.matchAll(/^ +(\d+) +(\d+): ([\d ]+)\n +tenant:\[(.*)\]\n +size:\[(\S+) count\]$/gm)];
  return {
    samples: parsed.map(([, calls, latency, ids = "", tenant, size]) => ({
      calls: Number(calls),
      latencyNs: Number(latency),
      tenant: tenant ?? "",
      size: Number(size),
      frames: ids
        .trim()
        .split(" ")
        .flatMap((id) => lines.get(id) ?? [`no location ${id}`]),
    })),
    mappings: mappings.trimEnd(),
  };
}

/** `NAME FILE:LINE`, without what newer versions add: the column, and where the function begins. */
const placeOf = (line: string): string => line.replace(/(:\d+)(?::\d+)? s=\d+$/, "$1");

/** The executable segment and the build id, as the tools of the machine read them, in the words of `-raw`. */
function mappingOf(path: string, version: GoVersion): string {
  const readelf = (option: string): string => execFileSync("readelf", [option, path], { encoding: "utf8" });
  const [, offset, address, size] = /^ +LOAD +0x(\w+) 0x(\w+) 0x\w+ 0x\w+ 0x(\w+) R E /m.exec(readelf("-lW")) ?? [];
  const start = BigInt(`0x${address}`);
  const limit = start + BigInt(`0x${size}`);
  const gnu = /Build ID: (\w+)/.exec(readelf("-n"))?.[1];
  const buildId = gnu ?? execFileSync(goCommand(version), ["tool", "buildid", path], { encoding: "utf8" }).trim();
  const numbers = [start, limit, BigInt(`0x${offset}`)].map((number) => `0x${number.toString(16)}`).join("/");
  return `1: ${numbers} ${path} ${buildId} [FN][FL][LN][IN]`;
}

/** Where the fixture's source declares a function. */
function declarationLine(name: string): number {
  const source = readFileSync("fixtures/callers/main.go", "utf8").split("\n");
  const [, receiver, method = ""] = /^main\.(?:(\w+)\.)?(\w+)(?:\[\.\.\.\])?$/.exec(name) ?? [];
  const declaration = receiver === undefined ? `^func ${method}[(\\[]` : `^func \\(\\w+ ${receiver}\\) ${method}\\(`;
  return source.findIndex((line) => new RegExp(declaration).test(line)) + 1;
}

const REPORTS: readonly (readonly string[])[] = [
  ["-top"],
  ["-peek=main.Work"],
  ["-traces"],
  ["-tags"],
  ["-top", "-tagfocus=tenant=acme"],
  ["-top", "-tagfocus=size=2:3"],
  ["-traces", "-tagroot=tenant"],
  ["-top", "-tagroot=tenant,size"],
];

for (const version of goVersions) {
  for (const mode of ["plain", "pie-stripped"] as const) {
    test(`profile: go tool pprof on a Go ${version} program, ${mode}`, { skip: withoutKernel }, async () => {
      const path = realpathSync(fixturePath("callers", version, mode));
      const file = join(folder, `${version}-${mode}.pb.gz`);
      const answer = await profileCallers(version, mode, file);

      const { samples, mappings } = parseRaw(pprof("1.27", file, "-raw"));
      assert.equal(mappings, mappingOf(path, version));
      const told = (calls: number, tenant: string, size: number, frames: readonly string[]): string =>
        [`${calls} calls, tenant=${tenant} size=${size}`, ...frames].join("\n");
      assert.deepEqual(
        samples.map((one) => told(one.calls, one.tenant, one.size, one.frames.slice(1).map(placeOf))).sort(),
        answer.stacks
          .map(({ calls, tenant, size, frames }) =>
            told(
              calls,
              tenant,
              size,
              frames.map((frame) => `${frame.function} ${frame.file}:${frame.line}`),
            ),
          )
          .sort(),
        "stacks as the program's own runtime sees them",
      );
      const latencyNs = samples.reduce((sum, one) => sum + one.latencyNs, 0);
      const { innerNs, outerNs } = answer;
      assert.ok(latencyNs >= innerNs && latencyNs <= outerNs, `inside ${innerNs}, ${latencyNs}, outside ${outerNs} ns`);

      // The binary holds where functions begin since Go 1.20.
      const starts = new Map(
        samples
          .flatMap(({ frames }) => frames)
          .filter((line) => line.startsWith("main.") && !/\.func\d/.test(line))
          .map((line): [string, number] => [line.split(" ")[0] ?? "", Number(/ s=(\d+)$/.exec(line)?.[1])]),
      );
      assert.equal(starts.size, 8);
      for (const [name, line] of starts) assert.equal(line, version === "1.19" ? 0 : declarationLine(name), name);

      for (const reader of ["1.19", "1.27"] as const) {
        const reports = REPORTS.map((options) => {
          const text = pprof(reader, file, ...options, "-sample_index=calls", "-nodefraction=0", "-edgefraction=0");
          return `== ${options.join(" ")}\n${options[0] === "-traces" ? sortTraces(text) : text}`;
        });
        assertGolden(`profile-pprof-${reader}.txt`, reports.join("\n"));
      }
    });
  }
}
