/** Programs for the DWARF tests, built by the Go versions the fixtures are built with, and what their sources declare. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type GoVersion, goCommand } from "../fixture.js";

/** The Go sources, in the checkout: this file runs as build/test/differential/dwarf-programs.js. */
const sources = fileURLToPath(new URL("../../../test/differential/dwarf-go/", import.meta.url));

export interface DeclaredVariable {
  readonly name: string;
  readonly type: string;
}

export interface DeclaredFunction {
  /** As the symbol is named, without type arguments. */
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly generic: boolean;
  readonly hasReceiver: boolean;
  readonly parameters: readonly DeclaredVariable[];
  readonly results: readonly DeclaredVariable[];
}

/** A type as Go's reflection describes it. */
export interface ReflectedType {
  readonly kind: string;
  readonly size: number;
  readonly length?: number;
  readonly signed?: boolean;
  readonly empty?: boolean;
  readonly key?: ReflectedType;
  readonly element?: ReflectedType;
  readonly fields?: readonly { name: string; offset: number; embedded: boolean; type: ReflectedType }[];
}

export interface DwarfProgram {
  /** As `go build` leaves it: debug sections compressed. */
  readonly compressed: string;
  /** The same with debug sections as they are. */
  readonly plain: string;
  readonly layouts: Readonly<Record<string, ReflectedType>>;
  readonly declared: readonly DeclaredFunction[];
}

/** Runs a tool of the independent side and returns what it prints. */
export const run = (command: string, args: readonly string[], input?: string): string =>
  execFileSync(command, args, {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C.UTF-8" },
    maxBuffer: 2 ** 30,
    stdio: ["pipe", "pipe", "ignore"],
    ...(input === undefined ? {} : { input }),
  });

const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "gospect", "go-build");

/** The folder that all programs of this process are built into; removed when the process ends. */
const output = mkdtempSync(join(tmpdir(), "gospect-dwarf-"));
process.on("exit", () => rmSync(output, { recursive: true, force: true }));

const rootOf = (version: GoVersion): string =>
  execFileSync(goCommand(version), ["env", "GOROOT"], { encoding: "utf8" }).trim();

const goRunner = (version: GoVersion) => {
  const go = goCommand(version);
  const root = rootOf(version);
  const env = {
    ...process.env,
    GOROOT: root,
    GOFLAGS: "-mod=mod",
    GOPROXY: "off",
    CGO_ENABLED: "0",
    GOTOOLCHAIN: "local",
    GOCACHE: cache,
  };
  return (folder: string, command: string, ...args: string[]): string =>
    execFileSync(command === "go" ? go : command, args, { cwd: folder, env, encoding: "utf8", maxBuffer: 2 ** 28 });
};

/** The packages of the standard library that the package of a folder is linked with, and the toolchain's folder. */
export const dependenciesOf = (
  version: GoVersion,
  folder: string,
): { readonly root: string; readonly packages: readonly string[] } => {
  const standard = goRunner(version)(
    folder,
    "go",
    "list",
    "-deps",
    "-f",
    "{{if .Standard}}{{.ImportPath}}{{end}}",
    ".",
  );
  const packages = standard.split("\n").filter((path) => path !== "" && path !== "unsafe");
  return { root: rootOf(version), packages };
};

/** What the source of a folder's package declares, and that of the packages named; imports that can't be found are no matter. */
export const declarationsOf = (
  version: GoVersion,
  folder: string,
  dependencies: readonly string[],
): DeclaredFunction[] => {
  const runGo = goRunner(version);
  const path = join(output, `declarations-${version}`);
  runGo(join(sources, "declarations"), "go", "build", "-buildvcs=false", "-o", path, ".");
  const declared: DeclaredFunction[] = JSON.parse(runGo(folder, path, folder, ...dependencies));
  return declared;
};

export const buildDwarfProgram = (version: GoVersion): DwarfProgram => {
  const runGo = goRunner(version);
  const build = (folder: string, name: string, ...flags: string[]): string => {
    const path = join(output, `${name}-${version}`);
    runGo(join(sources, folder), "go", "build", "-buildvcs=false", "-o", path, ...flags, ".");
    return path;
  };
  const compressed = build("program", "compressed");
  const plain = build("program", "plain", "-ldflags=-compressdwarf=false");
  const folder = join(sources, "program");
  const declared = declarationsOf(version, folder, dependenciesOf(version, folder).packages);
  const layouts: Record<string, ReflectedType> = JSON.parse(run(plain, []));
  return { compressed, plain, layouts, declared };
};
