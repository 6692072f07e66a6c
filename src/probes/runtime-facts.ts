/**
 * Where the Go runtime of a binary keeps what the BPF programs follow: a goroutine's id, its thread, and, on the thread,
 * the goroutine it runs. From DWARF or a symbol file where there is either, else from a table of releases.
 */
import { type Refusal, UnmeasurableError } from "../base/index.js";
import type { ElfFile, GoBinary, GoType } from "../binary/index.js";
import { architectureOf, decodeFunction } from "../binary/index.js";
import type { GoFunction, SymbolTable } from "../symbols/index.js";
import type { RuntimeFacts } from "./plan.js";

interface Layout {
  readonly goidOffset: number;
  readonly mOffset: number;
  readonly curgOffset: number;
  readonly schedSpOffset: number;
  readonly schedBpOffset: number;
  /** FACT(go1.21..go1.27): there is one; earlier releases do not keep it. Undefined also where no fixture proves it. */
  readonly parentGoidOffset?: number;
  readonly gopcOffset?: number;
}

const BEFORE_GO1_21: Layout = { goidOffset: 152, mOffset: 48, curgOffset: 192, schedSpOffset: 56, schedBpOffset: 104 };
const SINCE_GO1_25: Layout = { goidOffset: 152, mOffset: 48, curgOffset: 184, schedSpOffset: 56, schedBpOffset: 96 };

/**
 * FACT(go1.12..go1.27): offsets in runtime.g and runtime.m, the same on amd64 and arm64; compared by a test with the DWARF
 * of every Go version the fixtures are built with.
 */
const LAYOUTS: readonly { readonly from: number; readonly to: number; readonly layout: Layout }[] = [
  { from: 12, to: 18, layout: BEFORE_GO1_21 },
  { from: 19, to: 19, layout: { ...BEFORE_GO1_21, gopcOffset: 296 } },
  { from: 20, to: 20, layout: BEFORE_GO1_21 },
  { from: 21, to: 22, layout: { ...BEFORE_GO1_21, parentGoidOffset: 272, gopcOffset: 280 } },
  { from: 23, to: 24, layout: { ...BEFORE_GO1_21, goidOffset: 160, parentGoidOffset: 280, gopcOffset: 288 } },
  { from: 25, to: 25, layout: { ...SINCE_GO1_25, parentGoidOffset: 272, gopcOffset: 280 } },
  { from: 26, to: 27, layout: { ...SINCE_GO1_25, parentGoidOffset: 280, gopcOffset: 288 } },
];

/** The first release whose compiler passes arguments, and g, in registers, for each architecture. */
const FIRST_REGISTER_ABI = { amd64: 17, arm64: 18 } as const;

/** Whether arguments, and g, are in registers. */
export const usesRegisterAbi = (binary: GoBinary): boolean =>
  binary.version.major > 1 || binary.version.minor >= FIRST_REGISTER_ABI[binary.arch];

/** Offsets of a release that the table knows; undefined for older and newer ones. */
export const findLayout = (major: number, minor: number): Layout | undefined =>
  major === 1 ? LAYOUTS.find(({ from, to }) => minor >= from && minor <= to)?.layout : undefined;

/** @throws UnmeasurableError `unsupported-version` when neither debug data nor the table know the runtime. */
export function readRuntimeFacts(binary: GoBinary, symbols: SymbolTable): RuntimeFacts {
  const common = { tlsOffset: findTlsOffset(binary, symbols), goroutineInRegister: usesRegisterAbi(binary) };
  const { version } = binary;
  const described = readLayout(symbols);
  if (described !== undefined && symbols.typeSource !== undefined)
    return { ...described, ...common, source: symbols.typeSource };
  const known = findLayout(version.major, version.minor);
  if (known !== undefined) return { ...known, ...common, source: "table" };
  throw new UnmeasurableError("unsupported-version", `${binary.path}: the runtime of ${version.text} is not known`, {
    hint: "Go 1.12 to 1.27 are; other releases are measured when the binary keeps its DWARF (no -s -w), or with --symbols",
  });
}

function readLayout(symbols: SymbolTable): Layout | undefined {
  const g = symbols.findType("runtime.g");
  const m = symbols.findType("runtime.m");
  if (g === undefined || m === undefined) return undefined;
  const goidOffset = offsetOf(g, ["goid"]);
  const mOffset = offsetOf(g, ["m"]);
  const curgOffset = offsetOf(m, ["curg"]);
  const schedSpOffset = offsetOf(g, ["sched", "sp"]);
  const schedBpOffset = offsetOf(g, ["sched", "bp"]);
  if (goidOffset === undefined || mOffset === undefined || curgOffset === undefined) return undefined;
  if (schedSpOffset === undefined || schedBpOffset === undefined) return undefined;
  const parentGoidOffset = offsetOf(g, ["parentGoid"]);
  const gopcOffset = offsetOf(g, ["gopc"]);
  return {
    goidOffset,
    mOffset,
    curgOffset,
    schedSpOffset,
    schedBpOffset,
    ...(parentGoidOffset === undefined ? {} : { parentGoidOffset }),
    ...(gopcOffset === undefined ? {} : { gopcOffset }),
  };
}

function offsetOf(type: GoType, path: readonly string[]): number | undefined {
  let offset = 0;
  let at = type;
  for (const name of path) {
    const field = at.kind === "struct" ? at.fields.find((candidate) => candidate.name === name) : undefined;
    if (field === undefined) return undefined;
    offset += field.offset;
    at = field.type;
  }
  return offset;
}

/** FACT(go1.12..go1.27): Go's own linker keeps g in the word below the thread's FS base. */
const USUAL_TLS_OFFSET = -8;

/** Assembly that takes g from thread-local storage in every release, one or the other in each. */
const READS_G = [
  "runtime.asmcgocall",
  "runtime.cgocallback",
  "runtime.morestack",
  "runtime.rt0_go",
  "runtime.sigtramp",
];

/** What a function's sites take g from. */
export const goroutinePlace = (fn: GoFunction, { goroutineInRegister }: RuntimeFacts): "register" | "tls" =>
  fn.assembly || !goroutineInRegister ? "tls" : "register";

/** Why a function's calls can't be told apart; undefined when they can. */
export const refuseGoroutine = (fn: GoFunction, runtime: RuntimeFacts): Refusal | undefined =>
  goroutinePlace(fn, runtime) === "register" || runtime.tlsOffset !== undefined
    ? undefined
    : {
        code: "goroutine-unknown",
        reason:
          "it does not keep its goroutine in a register, and where threads keep that of a shared library is chosen " +
          "when the library is loaded",
        hint: "functions that are written in Go can be measured",
      };

const DYNAMIC_ENTRY_SIZE = 16;
const DT_FLAGS = 30n;
const DF_STATIC_TLS = 16;

/**
 * Whether the loader chooses where g is, and writes it into the library's offset table. FACT(go1.19..go1.27): C shared
 * libraries read it from there, whether they are loaded with the program or at run time; linkers mark them as such. Two
 * loads of one library may differ, so its file does not tell.
 */
function isPlacedByLoader(elf: ElfFile): boolean {
  const dynamic = elf.segments.find(({ type }) => type === "dynamic");
  if (dynamic === undefined) return false;
  const bytes = elf.readVirtual(dynamic.virtualAddress, dynamic.fileSize);
  for (let at = 0; at + DYNAMIC_ENTRY_SIZE <= bytes.length; at += DYNAMIC_ENTRY_SIZE)
    if (bytes.readBigUInt64LE(at) === DT_FLAGS) return (bytes.readUInt32LE(at + 8) & DF_STATIC_TLS) !== 0;
  return false;
}

/**
 * Where g is, from the thread's FS base: as the code itself has it, because an external linker chooses. An amd64 number;
 * arm64 programs keep g in a register at all sites that matter.
 */
function findTlsOffset(binary: GoBinary, symbols: SymbolTable): number | undefined {
  if (binary.arch !== "amd64") return USUAL_TLS_OFFSET;
  if (isPlacedByLoader(binary.elf)) return undefined;
  const segment = binary.elf.segments.find((candidate) => candidate.type === "tls");
  // One word of thread-local data is g itself, and it ends at the FS base.
  if (segment === undefined || segment.memorySize === 8) return USUAL_TLS_OFFSET;
  for (const fn of READS_G.flatMap((name) => symbols.findByName(name))) {
    const bytes = binary.elf.readVirtual(fn.entry, fn.end - fn.entry);
    const offset = findTlsOperand(decodeFunction(architectureOf("amd64"), bytes, fn.entry) ?? []);
    if (offset !== undefined) return offset;
  }
  return USUAL_TLS_OFFSET;
}

/** The offset in `mov %fs:-8,%rcx`, or in `mov $-8,%rcx; mov %fs:(%rcx),%rcx`, whatever the register. */
function findTlsOperand(code: readonly { readonly bytes: Buffer }[]): number | undefined {
  let loaded: number | undefined;
  for (const { bytes } of code) {
    const text = bytes.toString("hex");
    if (/^64(?:48|4c)8b[0-3][4c]25.{8}$/.test(text)) return bytes.readInt32LE(5);
    if (loaded !== undefined && /^64(?:48|4d)8b..$/.test(text)) return loaded;
    loaded = /^(?:48|49)c7c[0-7].{8}$/.test(text) ? bytes.readInt32LE(3) : undefined;
  }
  return undefined;
}
