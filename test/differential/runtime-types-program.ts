/** A program full of types, built with and without debug data, and what its own reflection says of their methods. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { checkout, type GoVersion, goCommand } from "../fixture.js";

const source = join(checkout, "test/differential/runtime-types-go");
const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "gospect", "go-build");

/** The folder that all programs of this process are built into; removed when the process ends. */
const output = mkdtempSync(join(tmpdir(), "gospect-types-"));
process.on("exit", () => rmSync(output, { recursive: true, force: true }));

export interface ReflectedMethod {
  /** As `go tool nm` names it. */
  readonly symbol: string;
  /** `func(main.Row, []int) error`, the receiver first, as reflection prints it. */
  readonly type: string;
}

export interface TypesProgram {
  readonly plain: string;
  readonly stripped: string;
  readonly methods: readonly ReflectedMethod[];
}

/** `*main.Row` has methods called `main.(*Row).Sum`; those of types without a name are in package `go`. */
const symbolOf = (receiver: string, method: string): string => {
  const [, star = "", name = ""] = /^(\*?)main\.(.*)$/.exec(receiver) ?? [];
  return star === "" ? `main.${name}.${method}` : `main.(*${name}).${method}`;
};

export function buildTypesProgram(version: GoVersion): TypesProgram {
  const go = goCommand(version);
  const env = { ...process.env, GOFLAGS: "-mod=mod", GOPROXY: "off", CGO_ENABLED: "0", GOTOOLCHAIN: "local" };
  const build = (name: string, ...flags: readonly string[]): string => {
    const path = join(output, `${name}-${version}`);
    execFileSync(go, ["build", "-buildvcs=false", "-o", path, ...flags, "."], {
      cwd: source,
      env: { ...env, GOCACHE: cache },
    });
    return path;
  };
  const plain = build("plain");
  const printed = execFileSync(plain, { encoding: "utf8" }).trim().split("\n");
  const methods = printed.map((line): ReflectedMethod => {
    const { receiver = "", method = "", type = "" } = JSON.parse(line) as Record<string, string | undefined>;
    return { symbol: symbolOf(receiver, method), type };
  });
  return { plain, stripped: build("stripped", "-ldflags=-s -w", "-buildmode=pie"), methods };
}
