/** ELF files for the reader tests: the fixture matrix, special builds made here, and programs of the system. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface ElfFixtures extends Disposable {
  readonly directory: string;
  readonly plain: string;
  readonly positionIndependent: string;
  readonly stripped: string;
  readonly compressed: string;
  /** All of the above, the matrix, and programs of the system, Go and C. */
  readonly all: readonly string[];
}

const GO_SOURCE = `package main

import "fmt"

type store struct{ hits int }

//go:noinline
func (s *store) lookup(key string) int { s.hits += len(key); return s.hits }

func main() { fmt.Println((&store{}).lookup("key")) }
`;

const SYSTEM_FILES = ["/usr/bin/etcd", "/usr/bin/prometheus", "/bin/bash", "/lib/x86_64-linux-gnu/libc.so.6"];

/** One program of `make fixtures`, in every Go version and build mode. */
const MATRIX = fileURLToPath(new URL("../../fixtures/frames/", import.meta.url));

/** Runs a tool of the independent side and returns what it prints. */
export const run = (command: string, ...parameters: string[]): string =>
  execFileSync(command, parameters, {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C.UTF-8" },
    maxBuffer: 2 ** 30,
  });

export function buildElfFixtures(): ElfFixtures {
  const directory = mkdtempSync(join(tmpdir(), "gospect-elf-"));
  const source = join(directory, "source");
  mkdirSync(source);
  writeFileSync(join(source, "go.mod"), "module example.com/probe\n\ngo 1.19\n");
  writeFileSync(join(source, "main.go"), GO_SOURCE);
  const build = (name: string, ...flags: string[]): string => {
    const output = join(directory, name);
    execFileSync("go", ["build", "-buildvcs=false", "-o", output, ...flags, "."], {
      cwd: source,
      env: { ...process.env, GOFLAGS: "-mod=mod", GOPROXY: "off", CGO_ENABLED: "0", GOTOOLCHAIN: "local" },
    });
    return output;
  };
  // Only the second has a setting that needs quotes.
  const plain = build("plain", "-ldflags=-compressdwarf=false -B 0x0123456789abcdef");
  const positionIndependent = build("pie", "-buildmode=pie", "-ldflags=-X 'main.unused=a \"b\" c'");
  const stripped = build("stripped", "-ldflags=-s -w");
  const compressed = build("compressed");
  return {
    directory,
    plain,
    positionIndependent,
    stripped,
    compressed,
    all: [
      plain,
      positionIndependent,
      stripped,
      compressed,
      ...readdirSync(MATRIX).map((build) => join(MATRIX, build, "frames")),
      ...SYSTEM_FILES.filter((path) => existsSync(path)),
    ],
    [Symbol.dispose]: () => rmSync(directory, { recursive: true }),
  };
}

/** Deterministic pseudo-random integers below `bound` (mulberry32). */
export function randomFrom(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  };
}
