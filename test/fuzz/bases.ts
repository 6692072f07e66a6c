/**
 * The files that fuzzing starts from: one small Go program and one C program, built here in every way whose bytes differ
 * in kind, and symbol files of the first. None is checked in; built ones stay in build/fuzz until their source or compiler changes.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { type GoVersion, goCommand } from "../fixture.js";

const checkout = fileURLToPath(new URL("../../../", import.meta.url));
const programs = `${checkout}test/fuzz/programs`;

interface GoBase {
  readonly go: GoVersion;
  readonly flags: readonly string[];
}

const PLAIN_DEBUG = "-ldflags=-compressdwarf=false";
const STRIPPED = "-ldflags=-s -w";

const GO_BASES = {
  "go1.19": { go: "1.19", flags: [PLAIN_DEBUG] },
  "go1.19-pie-stripped": { go: "1.19", flags: ["-buildmode=pie", STRIPPED] },
  "go1.22": { go: "1.22", flags: [PLAIN_DEBUG] },
  "go1.22-stripped": { go: "1.22", flags: [STRIPPED] },
  "go1.22-compressed": { go: "1.22", flags: [] },
  "go1.27": { go: "1.27", flags: [PLAIN_DEBUG] },
  "go1.27-pie": { go: "1.27", flags: ["-buildmode=pie", PLAIN_DEBUG] },
  "go1.27-stripped": { go: "1.27", flags: [STRIPPED] },
  "go1.27-pie-stripped": { go: "1.27", flags: ["-buildmode=pie", STRIPPED] },
  // Another linker's program: zeros where relocations belong, no section of its own for the pclntab.
  "go1.27-external": { go: "1.27", flags: ["-buildmode=pie", "-ldflags=-linkmode=external -s -w"] },
} as const satisfies Readonly<Record<string, GoBase>>;

const C_BASES = { c: ["-g", "-O1"], "c-library": ["-g", "-O1", "-shared", "-fPIC"] } as const;

/** Symbol files of Go bases, unpacked. */
const SYMBOL_FILE_BASES = { "gosym-1.19": "go1.19", "gosym-1.27": "go1.27" } as const satisfies Readonly<
  Record<string, keyof typeof GO_BASES>
>;

export type BaseName = keyof typeof GO_BASES | keyof typeof C_BASES | keyof typeof SYMBOL_FILE_BASES;
export const GO_BASE_NAMES = Object.keys(GO_BASES) as readonly (keyof typeof GO_BASES)[];
export const SYMBOL_FILE_BASE_NAMES = Object.keys(SYMBOL_FILE_BASES) as readonly (keyof typeof SYMBOL_FILE_BASES)[];
export const BASE_NAMES: readonly BaseName[] = [...GO_BASE_NAMES, "c", "c-library", ...SYMBOL_FILE_BASE_NAMES];

export const isBaseName = (name: string): name is BaseName => (BASE_NAMES as readonly string[]).includes(name);
const isSymbolFileBase = (name: BaseName): name is keyof typeof SYMBOL_FILE_BASES => name in SYMBOL_FILE_BASES;
const isGoBase = (name: BaseName): name is keyof typeof GO_BASES => name in GO_BASES;

/** Runs `build` with a fresh path unless `path` was made from the same inputs before. */
function buildOnce(path: string, inputs: readonly string[], build: (fresh: string) => void): string {
  const stamp = createHash("sha256").update(inputs.join("\0")).digest("hex");
  if (existsSync(path) && existsSync(`${path}.hash`) && readFileSync(`${path}.hash`, "utf8") === stamp) return path;
  mkdirSync(dirname(path), { recursive: true });
  const fresh = `${path}.${process.pid}`;
  build(fresh);
  rmSync(`${path}.hash`, { force: true });
  renameSync(fresh, path);
  writeFileSync(`${path}.hash`, stamp);
  return path;
}

const known = new Map<BaseName, string>();

/** The path of a base, built when it is not there yet. Throws what the compiler says. */
export function basePath(name: BaseName): string {
  const path = known.get(name) ?? build(name);
  known.set(name, path);
  return path;
}

function build(name: BaseName): string {
  const path = `${checkout}build/fuzz/${name}`;
  if (isGoBase(name)) {
    const { go, flags } = GO_BASES[name];
    const command = goCommand(go);
    const folder = `${programs}/tiny`;
    const source = readFileSync(`${folder}/main.go`, "utf8");
    return buildOnce(path, [source, command, ...flags], (fresh) => {
      const env = { ...process.env, GOTOOLCHAIN: "local", GOFLAGS: "", GOWORK: "off" };
      execFileSync(command, ["build", "-trimpath", "-buildvcs=false", ...flags, "-o", fresh, "."], {
        cwd: folder,
        env,
        stdio: ["ignore", "ignore", "inherit"],
      });
    });
  }
  if (isSymbolFileBase(name)) {
    const program = basePath(SYMBOL_FILE_BASES[name]);
    const writers = `${checkout}build/src/symbols/symbol-file/`;
    const writer = readdirSync(writers).filter((file) => file.endsWith(".js"));
    const inputs = writer.map((file) => readFileSync(`${writers}${file}`, "utf8"));
    const unpack = fileURLToPath(new URL("unpack.js", import.meta.url));
    return buildOnce(path, [readFileSync(program, "latin1"), ...inputs], (fresh) => {
      execFileSync(process.execPath, [unpack, program, fresh], { stdio: ["ignore", "ignore", "inherit"] });
    });
  }
  const source = `${programs}/tiny.c`;
  return buildOnce(path, [readFileSync(source, "utf8"), ...C_BASES[name]], (fresh) => {
    execFileSync("cc", [...C_BASES[name], "-o", fresh, source], { stdio: ["ignore", "ignore", "inherit"] });
  });
}
