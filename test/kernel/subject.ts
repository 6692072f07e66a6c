/**
 * Programs of folders beside this file, or of a source made by a test, built by a Go version of the fixtures; that of subject
 * started, and told what to do.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Aggregate } from "../../src/aggregate/index.js";
import { EMPTY_BATCH } from "../aggregate/recording.js";
import { type Fixture, type GoVersion, goCommand, startFixture } from "../fixture.js";

/** The checkout: this file runs as build/test/kernel/subject.js. */
const checkout = fileURLToPath(new URL("../../../", import.meta.url));
const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "gospect", "go-build");

/** A subject that is position-independent, and one that is not; of the oldest and the newest Go. */
export const SUBJECTS = { plain: { go: "1.27", mode: "exe" }, pie: { go: "1.19", mode: "pie" } } as const;
export type SubjectKind = keyof typeof SUBJECTS;

/** Builds it where it is not up to date; its path. */
export function subjectPath(kind: SubjectKind): string {
  return buildProgram("subject", { ...SUBJECTS[kind], name: kind });
}

interface Build {
  readonly go: GoVersion;
  readonly flags: readonly string[];
  readonly name: string;
}

/** Builds the program of a folder next to this file where it is not up to date; its path. `name` tells builds apart. */
export function buildProgram(
  folder: string,
  { go, mode, name }: { readonly go: GoVersion; readonly mode: string; readonly name: string },
): string {
  return build(join(checkout, "test", "kernel", folder), { go, flags: [`-buildmode=${mode}`], name });
}

/** Builds a program of one file that has no folder yet; its path. */
export function buildSource(source: string, how: Build): string {
  const folder = join(checkout, "build", "subject", `${how.name}.source`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "go.mod"), "module subject\n\ngo 1.19\n");
  writeFileSync(join(folder, "main.go"), source);
  return build(folder, how);
}

function build(folder: string, { go, flags, name }: Build): string {
  const path = join(checkout, "build", "subject", name);
  execFileSync(goCommand(go), ["build", "-trimpath", "-buildvcs=false", ...flags, "-o", path, "."], {
    cwd: folder,
    env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=mod", GOTOOLCHAIN: "local", GOWORK: "off", GOCACHE: cache },
  });
  return path;
}

export const startSubject = (kind: SubjectKind): Promise<Fixture> => startFixture(subjectPath(kind));

/** Has the subject do what the words say; calls of each function it made for that. */
export async function tell(subject: Fixture, words: string): Promise<Readonly<Record<string, number>>> {
  subject.send(words);
  return await subject.nextMessage();
}

/** Calls of each series, by its `--by` values as JSON; the series of all other values as `other`. */
export const countsOf = ({ series }: Aggregate): Record<string, number> =>
  Object.fromEntries(
    series
      .map(({ by, histogram }): [string, number] => [
        by === undefined ? "other" : JSON.stringify(by.map(({ json }) => json)),
        Number(histogram.count),
      ])
      .sort(),
  );

const { entries: _, ...NO_CALLS } = EMPTY_BATCH.balance;
const NOTHING = { ...NO_CALLS, discrepancy: 0n };

/** A balance of these counts, everything else being 0; it has as many entries as calls have ended or are open. */
export function balance(counts: Partial<typeof NOTHING>): Aggregate["balance"] {
  const all = { ...NOTHING, ...counts };
  return { ...all, entries: all.returns + all.panics + all.goexits + all.open + all.lost };
}
