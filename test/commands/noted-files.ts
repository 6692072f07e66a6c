/** Files of this machine and of the fixtures that have USDT probes, and what `list` says of them. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { usdtPath } from "../fixture.js";

/** Where Debian's packages have programs and libraries with probes; glibc's other machines have theirs elsewhere. */
const INSTALLED = [
  "/usr/lib/x86_64-linux-gnu/*.so*",
  "/usr/lib/postgresql/*/bin/postgres",
  "/usr/bin/python3*",
  "/usr/sbin/mariadbd",
];

/** Those that the machine has, each once, and the fixtures. */
export function notedFiles(): readonly string[] {
  const installed = new Set(INSTALLED.flatMap((pattern) => globPaths(pattern)).map((path) => realpathSync(path)));
  // grep ends with 1 where no file has it.
  const noted = spawnSync("grep", ["-lF", ".note.stapsdt", "--", ...installed], { encoding: "utf8" }).stdout;
  const fixtures = [usdtPath("O0"), usdtPath("O2"), usdtPath("O2", "libfix.so"), usdtPath("O2", "libmemory.so")];
  return [...fixtures, ...noted.split("\n").filter((path) => path !== "" && hasNotes(path))];
}

/** Programs that read such notes have the section's name too. */
const hasNotes = (path: string): boolean =>
  / \.note\.stapsdt /.test(execFileSync("readelf", ["-SW", path], { encoding: "utf8" }));

const globPaths = (pattern: string): readonly string[] =>
  execFileSync("/bin/sh", ["-c", `ls -d ${pattern} 2>/dev/null || true`], { encoding: "utf8" })
    .split("\n")
    .filter((path) => path !== "" && existsSync(path));

export interface ListedPlace {
  readonly address: number;
  readonly params: readonly { readonly name: string; readonly type: string; readonly location: string }[];
  readonly semaphore: number | null;
  readonly refused: { readonly code: string } | null;
}

export interface ListedProbe {
  readonly kind: string;
  readonly name: string;
  readonly file: string;
  readonly provider: string;
  readonly probe: string;
  readonly places: readonly ListedPlace[];
}

/** The USDT probes of a file itself, without those of the libraries that it is linked to. */
export const ownProbes = (path: string): readonly ListedProbe[] =>
  listJson("-e", path, "usdt:*").filter(({ file }) => file === path);

/** LIMIT: of what a program prints; a list of all that a large one has is below. */
const MAX_OUTPUT = 2 ** 27;

export const listJson = (...args: readonly string[]): readonly ListedProbe[] =>
  JSON.parse(listed("--json", ...args)) as readonly ListedProbe[];

export const listed = (...args: readonly string[]): string =>
  execFileSync(process.execPath, ["build/src/cli/main.js", "list", ...args], {
    encoding: "utf8",
    maxBuffer: MAX_OUTPUT,
  });
