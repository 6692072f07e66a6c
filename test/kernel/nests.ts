/**
 * The program of C in nests/, built in a folder of its own, and plans for it that are made by hand from what `nm` says: what
 * a session does does not hang on how probes are chosen.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileOffset, type VirtualAddress, virtualAddress } from "../../src/base/index.js";
import { architectureOf, decodeFunction, type ElfFile, openElf, openFileSource } from "../../src/binary/index.js";
import {
  type FetchStep,
  FILE_WINDOW,
  type PlannedFile,
  type PlannedProbe,
  type ProbePlan,
  type Recipe,
  type Site,
  type SiteKind,
} from "../../src/probes/index.js";
import { checkout, type Fixture } from "../fixture.js";

/** What the program says of itself after each command. */
export interface Answer {
  readonly result: number;
  readonly first: number;
  readonly second: number;
  readonly semaphores: readonly [number, number];
}

export async function command(native: Fixture, words: string): Promise<Answer> {
  native.send(words);
  return await native.nextMessage<Answer>();
}

/** Where `name` is in memory, as `nm` has it. */
export type Symbols = ReadonlyMap<string, VirtualAddress>;

export interface NativeFile {
  readonly path: string;
  readonly elf: ElfFile;
  readonly symbols: Symbols;
}

async function openNative(path: string): Promise<NativeFile> {
  const symbols = new Map<string, VirtualAddress>();
  for (const line of execFileSync("nm", [path], { encoding: "utf8" }).split("\n")) {
    const [, address, name] = /^([0-9a-f]+) \w (\S+)$/.exec(line) ?? [];
    if (address !== undefined && name !== undefined) symbols.set(name, virtualAddress(Number.parseInt(address, 16)));
  }
  return { path, elf: await openElf(openFileSource(path)), symbols };
}

/** The program and its library, as files 0 and 1. */
export class Native implements Disposable {
  readonly files: readonly NativeFile[];
  private readonly folder: string;

  private constructor(folder: string, files: readonly NativeFile[]) {
    this.folder = folder;
    this.files = files;
  }

  static async build(...flags: readonly string[]): Promise<Native> {
    const folder = mkdtempSync(join(tmpdir(), "gospect-native-"));
    const source = (name: string): string => join(checkout, "test", "kernel", "nests", name);
    const common = ["-O1", "-fno-omit-frame-pointer", "-fcf-protection=none"];
    const [library, program] = [join(folder, "libside.so"), join(folder, "native")];
    execFileSync("cc", [...common, "-shared", "-fPIC", "-o", library, source("side.c")]);
    execFileSync("cc", [
      ...common,
      ...flags,
      "-o",
      program,
      source("native.c"),
      library,
      `-Wl,-rpath,${folder}`,
      "-pthread",
    ]);
    return new Native(folder, [await openNative(program), await openNative(library)]);
  }

  get path(): string {
    return this.file(0).path;
  }

  file(number: number): NativeFile {
    const file = this.files[number];
    if (file === undefined) throw new Error(`no file ${number}`);
    return file;
  }

  address(symbol: string, file = 0): VirtualAddress {
    const address = this.file(file).symbols.get(symbol);
    if (address === undefined) throw new Error(`${this.file(file).path} has no symbol ${symbol}`);
    return address;
  }

  /** The function that an address of the run is in. */
  nameOf(address: number): string | undefined {
    const symbols = this.files[Math.floor(address / FILE_WINDOW)]?.symbols ?? new Map<string, VirtualAddress>();
    const within = address % FILE_WINDOW;
    return [...symbols].filter(([, at]) => at <= within).sort(([, a], [, b]) => b - a)[0]?.[0];
  }

  /** Of a variable, in the file. */
  dataOffset(symbol: string): ReturnType<typeof fileOffset> {
    const address = this.address(symbol);
    const segment = this.file(0).elf.findLoad(address);
    if (segment === undefined) throw new Error(`${symbol} is in no segment`);
    return fileOffset(segment.fileOffset + (address - segment.virtualAddress));
  }

  site(symbol: string, kind: SiteKind, file = 0): Site {
    const address = this.address(symbol, file);
    const { elf } = this.file(file);
    const offset = elf.toFileOffset(address);
    if (offset === undefined) throw new Error(`${symbol} is no code`);
    return { kind, address, offset, bytes: instructionAt(elf, address), instruction: "" };
  }

  plan(
    probes: readonly PlannedProbe[],
    more: Partial<Pick<ProbePlan, "dimensions" | "measure" | "runtime">> = {},
  ): ProbePlan {
    const planned = ({ path, elf }: NativeFile): PlannedFile => ({
      path,
      access: path,
      goBuildId: undefined,
      gnuBuildId: undefined,
      positionIndependent: true,
      imageBase: elf.imageBase,
    });
    const libraries = probes.some(({ file }) => file > 0) ? [planned(this.file(1))] : [];
    return {
      target: { ...planned(this.file(0)), arch: "amd64", goVersion: undefined },
      libraries,
      runtime: undefined,
      dimensions: [],
      measure: { kind: "duration" },
      probes,
      refused: [],
      runtimeSites: [],
      warnings: [],
      ...more,
    };
  }

  [Symbol.dispose](): void {
    for (const { elf } of this.files) elf.source[Symbol.dispose]();
    rmSync(this.folder, { recursive: true });
  }
}

/** The bytes of the first instruction. */
function instructionAt(elf: ElfFile, address: VirtualAddress): Buffer {
  const [instruction] = decodeFunction(architectureOf("amd64"), elf.readVirtual(address, 16), address, 1) ?? [];
  if (instruction === undefined) throw new Error(`no instruction at ${address}`);
  return instruction.bytes;
}

const probeAt = (
  name: string,
  file: number,
  entry: Site,
): Pick<
  PlannedProbe,
  "name" | "function" | "signature" | "file" | "entry" | "goroutine" | "inlinedCopies" | "value" | "notes"
> => ({
  name,
  function: { name, address: entry.address, size: 0, file: undefined, line: undefined, wrapper: false },
  signature: undefined,
  file,
  entry,
  goroutine: "none",
  inlinedCopies: 0,
  value: undefined,
  notes: [],
});

const LONG = { kind: "int", name: "int64", size: 8, signed: true } as const;

/** A recipe of these steps. */
export const recipe = (phase: Recipe["phase"], ...steps: readonly FetchStep[]): Recipe => ({
  phase,
  type: LONG,
  steps,
});

/** Of an integer register. */
export const register = (phase: Recipe["phase"], name: "di" | "si" | "ax"): Recipe =>
  recipe(phase, { op: "register", register: name });

export interface Asked {
  readonly recipes?: readonly Recipe[];
  readonly match?: Recipe;
  readonly file?: number;
}

/** A C function, as probe `number` of its plan. */
export const cFunction = (
  native: Native,
  symbol: string,
  number: number,
  { recipes = [], file = 0 }: Asked = {},
): PlannedProbe => ({
  ...probeAt(`c:${symbol}`, file, native.site(symbol, "function", file)),
  kind: "call",
  identity: "thread",
  nest: number,
  exits: [native.site(symbol, "function-return", file)],
  recipes,
});

/** An end of a span whose first probe is `nest`. */
export const spanEnd = (
  native: Native,
  kind: "span-begin" | "span-end",
  symbol: string,
  nest: number,
  { recipes = [], match }: Asked = {},
): PlannedProbe => ({
  ...probeAt("span", 0, native.site(symbol, kind)),
  kind,
  identity: match === undefined ? "thread" : "value",
  nest,
  exits: [],
  recipes,
  ...(match === undefined ? {} : { match }),
});

/** A place with a semaphore. */
export const place = (
  native: Native,
  symbol: string,
  semaphore: string,
  { recipes = [] }: Asked = {},
): PlannedProbe => {
  const entry = { ...native.site(symbol, "place"), semaphore: native.dataOffset(semaphore) };
  return {
    ...probeAt(symbol, 0, entry),
    kind: "place",
    identity: "thread",
    place: { kind: "usdt", file: undefined, line: undefined, within: entry.address },
    exits: [],
    recipes,
  };
};
