/**
 * Which builds of the matrix are compared: GOSPECT_MATRIX=full, which `make matrix` sets, all of them; without it the part
 * that a usual run has time for, every Go version in it.
 */
import { existsSync } from "node:fs";
import { everyGoVersion, type FixtureMode, type FixtureProgram, fixturePath, type GoVersion } from "../fixture.js";

export interface Build {
  readonly program: FixtureProgram;
  readonly version: GoVersion;
  readonly mode: FixtureMode;
  readonly path: string;
  /** As tests are named. */
  readonly title: string;
}

export const isFull = process.env["GOSPECT_MATRIX"] === "full";

const USUAL_MODES = ["plain", "pie-stripped"] as const;
const NATIVE_MODES = [...USUAL_MODES, "pie", "stripped", "external", "static", "unoptimized", "uncompressed"] as const;

export const isStripped = (mode: FixtureMode): boolean => mode === "stripped" || mode === "pie-stripped";

const build = (program: FixtureProgram, version: GoVersion, mode: FixtureMode): Build => ({
  program,
  version,
  mode,
  path: fixturePath(program, version, mode),
  title: `${program}, Go ${version}, ${mode}`,
});

/** Programs of this machine's architecture, which can be run. */
export const nativeBuilds = (program: FixtureProgram): readonly Build[] =>
  everyGoVersion.flatMap((version) =>
    (isFull ? NATIVE_MODES : USUAL_MODES).map((mode) => build(program, version, mode)),
  );

/** Programs that are only read. */
export const foreignBuilds = (program: FixtureProgram): readonly Build[] =>
  (isFull ? everyGoVersion : (["1.27"] as const)).map((version) => build(program, version, "arm64"));

export const readableBuilds = (program: FixtureProgram): readonly Build[] => [
  ...nativeBuilds(program),
  ...foreignBuilds(program),
];

/** Builds of programs that exist in one mode each: the newest version, or all. */
export const specialBuilds = (program: "cgo" | "library", ...modes: readonly FixtureMode[]): readonly Build[] =>
  (isFull ? everyGoVersion : (["1.27"] as const)).flatMap((version) =>
    (isFull ? modes : modes.slice(0, 1)).map((mode) => build(program, version, mode)),
  );

/** The build of the same program with its symbols. */
export function twinOf({ program, version, mode }: Build): string {
  if (mode === "stripped") return fixturePath(program, version, "plain");
  const pie = fixturePath(program, version, "pie");
  if (!existsSync(pie)) throw new Error(`${pie} is not built`);
  return pie;
}
