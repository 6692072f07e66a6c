/**
 * Sites in native code: where a C function is entered, and the instruction of a USDT note.
 *
 * Code that C compilers and assemblers write keeps few of Go's promises, and needs few: its stack never moves, so that the
 * end of a call is a uretprobe, and the first instruction is the entry. What must hold is that an instruction begins at the
 * site, that the kernel takes it, and that nothing in the function leads back to it.
 */
import { FormatError, found, hex, type Outcome, refused, type VirtualAddress } from "../base/index.js";
import {
  type Architecture,
  architectureOf,
  decodeFunction,
  type ElfFile,
  type Instruction,
  type InstructionKind,
  type UsdtNote,
} from "../binary/index.js";
import type { CodeFile, NativeFunction } from "../symbols/index.js";
import type { Site, SiteKind } from "./plan.js";
import { findReturnHazard, findThrowing } from "./return-hazards.js";

export interface FunctionSites {
  /** Of kind `function`. */
  readonly entry: Site;
  /** Of kind `function-return`: the same instruction, for the uretprobe. */
  readonly exit: Site;
}

// LIMIT: code of one function. The largest that compilers make have a few MB; a damaged table may claim the whole file.
const MAX_FUNCTION_BYTES = 2 ** 24;

/** LIMIT: of a function whose size nothing tells, as assembly often leaves it; looked at up to where control must go elsewhere. */
const MAX_UNSIZED_BYTES = 2 ** 10;

const MAX_INSTRUCTION_BYTES = 15;

/** LIMIT: names in a hint. */
const MAX_VARIANTS = 3;

const ENDBR64 = "f30f1efa";

/**
 * Where calls of a C function begin and end. Refused: `ifunc`, `no-code`, `undecodable`, `unprobeable`, `re-entered`; and
 * `unsafe-return` where a uretprobe would break the program, unless exits are `unneeded`: then there must be none.
 */
export function findFunctionSites(
  file: CodeFile,
  fn: NativeFunction,
  exits: "needed" | "unneeded" = "needed",
): Outcome<FunctionSites> {
  if (fn.kind === "ifunc") return refusedIfunc(file, fn);
  const hazard = exits === "needed" ? findHazard(file.elf, fn) : undefined;
  if (hazard !== undefined) return hazard;
  const code = decodeNative(file.elf, fn);
  if (!code.ok) return code;
  const instruction = entryOf(file.elf, code.value);
  if (!instruction.ok) return instruction;
  const entry = siteOf(file.elf, "function", instruction.value);
  if (!entry.ok) return entry;
  return found({ entry: entry.value, exit: { ...entry.value, kind: "function-return" } });
}

/**
 * The site of a USDT note: the note's own address, never the byte after it. Refused: `no-code`, `undecodable`, `misplaced`
 * where nothing bears out that an instruction begins there, `unprobeable`.
 */
export function findUsdtSite(file: CodeFile, note: UsdtNote): Outcome<Site> {
  const { elf } = file;
  const bytes = readCode(elf, note.address, MAX_INSTRUCTION_BYTES);
  if (!bytes.ok) return bytes;
  const [instruction] = decodeFunction(architectureOf(elf.machine), bytes.value, note.address, 1) ?? [];
  if (instruction === undefined) return refused("undecodable", `there is no instruction at ${hex(note.address)}`);
  const misplaced = findMisplacement(file, instruction);
  if (misplaced !== undefined) return refused("misplaced", misplaced);
  const site = siteOf(elf, "place", instruction);
  if (!site.ok || note.semaphore === undefined) return site;
  return found({ ...site.value, semaphore: note.semaphore.offset });
}

/**
 * Why a uprobe on what looks like an instruction might break the program. The kernel does not check where an instruction
 * begins. Where a function has the place, decoding that from its start does; elsewhere only what probes are made of counts.
 */
function findMisplacement({ elf, functions }: CodeFile, { address, text }: Instruction): string | undefined {
  const fn = functions.findByAddress(address);
  const starts = fn === undefined || fn.size === 0 ? undefined : instructionsOf(elf, fn);
  if (fn !== undefined && starts !== undefined) {
    if (starts.has(address)) return undefined;
    return `${hex(address)} is in the middle of an instruction of ${fn.name}`;
  }
  if (text.startsWith("nop")) return undefined;
  return `nothing bears out that \`${text}\` at ${hex(address)} is an instruction`;
}

/** Where the instructions of a function begin that was asked about last: a file may say that thousands of probes are in one. */
const lastDecoded = new WeakMap<
  ElfFile,
  { readonly of: VirtualAddress; readonly starts: ReadonlySet<number> | undefined }
>();

function instructionsOf(elf: ElfFile, fn: NativeFunction): ReadonlySet<number> | undefined {
  const last = lastDecoded.get(elf);
  if (last?.of === fn.address) return last.starts;
  const code = decodeNative(elf, fn);
  const starts = code.ok ? new Set(code.value.map(({ address }) => address)) : undefined;
  lastDecoded.set(elf, { of: fn.address, starts });
  return starts;
}

function findHazard(elf: ElfFile, fn: NativeFunction): Outcome<FunctionSites> | undefined {
  const reason =
    fn.address === elf.entryPoint
      ? "the program begins with it: nothing has called it"
      : (findReturnHazard(fn) ?? findThrowing(elf));
  if (reason === undefined) return undefined;
  const hint = "its calls can be measured where they begin: hist --of EXPR, profile --value EXPR";
  return refused("unsafe-return", `a uretprobe would break it: ${reason}`, hint);
}

function refusedIfunc(file: CodeFile, fn: NativeFunction): Outcome<FunctionSites> {
  const variants = file.functions
    .all()
    .filter(({ name, kind }) => kind === "function" && isVariant(name, fn.name))
    .map(({ name }) => `c:${name}`);
  const shown = [...new Set(variants)].slice(0, MAX_VARIANTS);
  return refused(
    "ifunc",
    "which code it is gets chosen when the program is loaded: the symbol leads to what chooses",
    shown.length === 0 ? undefined : `probe what may be chosen: ${shown.join(", ")}`,
  );
}

/** FACT(glibc): the variants of `memcpy` are called `__memcpy_avx_unaligned`, `__memcpy_sse2` and so on. */
const isVariant = (name: string, ifunc: string): boolean =>
  name.replace(/^_+/, "").startsWith(`${ifunc.replace(/^_+/, "")}_`) &&
  /(?:sse|avx|evex|erms|generic|neon|sve)/.test(name);

/** The function's instructions: all where its size is known, else those that are sure to follow one another. */
function decodeNative(elf: ElfFile, fn: NativeFunction): Outcome<readonly Instruction[]> {
  if (fn.size > MAX_FUNCTION_BYTES) return refused("undecodable", `it claims ${fn.size} bytes of code`);
  const bytes = readCode(elf, fn.address, fn.size === 0 ? MAX_UNSIZED_BYTES : fn.size);
  if (!bytes.ok) return bytes;
  const architecture = architectureOf(elf.machine);
  const code =
    fn.size === 0
      ? decodeRun(architecture, bytes.value, fn.address)
      : bytes.value.length === fn.size
        ? decodeFunction(architecture, bytes.value, fn.address)
        : undefined;
  if (code === undefined || code.length === 0)
    return refused("undecodable", `what is at ${hex(fn.address)} is not understood as instructions from end to end`);
  return found(code);
}

/** Where control does not go on with the next instruction. */
const ENDS_RUN: ReadonlySet<InstructionKind> = new Set(["return", "jump", "indexed-jump", "indirect-jump", "trap"]);

/** From the start up to the first instruction that control does not pass. */
function decodeRun(architecture: Architecture, bytes: Buffer, address: VirtualAddress): readonly Instruction[] {
  const run: Instruction[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [next] = decodeFunction(architecture, bytes.subarray(at), (address + at) as VirtualAddress, 1) ?? [];
    if (next === undefined) return run;
    run.push(next);
    if (ENDS_RUN.has(next.kind)) return run;
    at += next.bytes.length;
  }
  return run;
}

/** At most `length` bytes of code, fewer where the segment ends. */
function readCode(elf: ElfFile, address: VirtualAddress, length: number): Outcome<Buffer> {
  const segment = elf.findLoad(address);
  const room = segment === undefined ? 0 : segment.virtualAddress + segment.fileSize - address;
  if (segment === undefined || elf.toFileOffset(address) === undefined)
    return refused("no-code", `its address ${hex(address)} is not in an executable part of the file`);
  try {
    return found(elf.readVirtual(address, Math.min(length, room)));
  } catch (error) {
    if (error instanceof FormatError) return refused("no-code", error.message);
    throw error;
  }
}

/**
 * The first instruction; behind an `endbr64`, which the kernel would have to step out of line, the second, where no jump
 * leads there. Registers and stack are the same at both.
 */
function entryOf(elf: ElfFile, code: readonly Instruction[]): Outcome<Instruction> {
  const architecture = architectureOf(elf.machine);
  const [first, second] = code;
  if (first === undefined) return refused("no-code", "it has no instructions");
  const targets = new Set(code.flatMap(({ kind, target }) => (kind === "call" ? [] : (target ?? []))));
  const passes = (instruction: Instruction): boolean =>
    !targets.has(instruction.address) && architecture.uprobeObjection(instruction.bytes) === undefined;
  const isMark = elf.machine === "amd64" && first.bytes.toString("hex") === ENDBR64;
  if (isMark && second !== undefined && passes(second)) return found(second);
  if (!targets.has(first.address)) return found(first);
  return refused(
    "re-entered",
    `a jump of its own leads back to \`${first.text}\` at ${hex(first.address)}, its beginning: calls could not be told apart`,
  );
}

function siteOf(elf: ElfFile, kind: SiteKind, { address, bytes, text }: Instruction): Outcome<Site> {
  const where = `\`${text}\` at ${hex(address)}`;
  const objection = architectureOf(elf.machine).uprobeObjection(bytes);
  if (objection !== undefined) return refused("unprobeable", `the kernel takes no uprobe on ${where}: ${objection}`);
  const offset = elf.toFileOffset(address);
  const last = elf.toFileOffset((address + bytes.length - 1) as VirtualAddress);
  if (offset === undefined || last !== offset + bytes.length - 1)
    return refused("no-code", `${where} is not in an executable part of the file`);
  return found({ kind, address, offset, bytes, instruction: text });
}
