/** From instructions at virtual addresses to sites at file offsets, of probed functions and of the runtime itself. */
import type { FileOffset, Outcome, VirtualAddress } from "../base/index.js";
import { FormatError, found, hex, refused } from "../base/index.js";
import {
  analyzeFlow,
  architectureOf,
  type CodeContext,
  type ControlFlow,
  type EntryPlacement,
  type FlowContext,
  findCalls,
  findSites,
  type GoBinary,
  type Instruction,
  summarizeSites,
} from "../binary/index.js";
import type { GoFunction, SymbolTable } from "../symbols/index.js";
import type { Site, SiteKind } from "./plan.js";

export interface ProbeSites {
  readonly entry: Site;
  readonly exits: readonly Site[];
}

/** Where a function is entered, and how many ways lead out of it. */
export interface SiteSummary {
  readonly entry: { readonly offset: FileOffset; readonly instruction: () => string };
  readonly exitCount: number;
}

// LIMIT: code of one function. The largest that compilers make have a few MB; a damaged table may claim the whole file.
const MAX_FUNCTION_BYTES = 2 ** 24;

/** What a stack check calls. */
const STACK_GROWERS = ["runtime.morestack", "runtime.morestack_noctxt", "runtime.morestackc"];

/** FACT(go1.19..go1.27): what compiled code calls where a panic or a fatal error is sure. `panicCheck1` does return. */
const NEVER_RETURNS = /^runtime\.(?:panic(?!Check)\w+|goPanic\w+|gopanic|throw|fatal\w*)$/;

/**
 * FACT(go1.19..go1.27): these save where their caller goes on, and take up another stack. The caller is gone on with by
 * runtime.gogo, behind their backs; what stands after their call on the other stack is for the case that this fails.
 */
const CHANGE_STACKS: ReadonlySet<string> = new Set(["runtime.mcall", "runtime.morestack"]);

const WORD = 8;

/** FACT(go1.19..go1.27): the linker aligns functions to 32 bytes on amd64 and 16 on arm64, and pads with one byte value. */
const FUNCTION_ALIGNMENT = 16;

/** Finds sites in the functions of one binary. */
export class SiteFinder {
  private readonly binary: GoBinary;
  private readonly symbols: SymbolTable;
  private readonly stackGrowers: ReadonlySet<number>;
  private deferRunners: ReadonlySet<number> | undefined;
  private readonly flows = new Map<number, Outcome<ControlFlow>>();

  constructor(binary: GoBinary, symbols: SymbolTable) {
    this.binary = binary;
    this.symbols = symbols;
    this.stackGrowers = entriesOf(STACK_GROWERS, symbols);
  }

  /**
   * Refused as `findSites` of src/binary/code refuses, `no-code` when the file holds no bytes for the function, or
   * `misplaced` when the function table does not fit the code. Where exits are `unneeded` there may be none.
   */
  find(fn: GoFunction, wanted: CodeContext["exits"] = "needed"): Outcome<ProbeSites> {
    const bytes = this.readReturning(fn, wanted);
    if (!bytes.ok) return bytes;
    const sites = findSites(architectureOf(this.binary.arch), bytes.value, fn.entry, this.contextOf(fn, wanted));
    if (!sites.ok) return sites;
    const entry = this.site("entry", sites.value.entry.instruction, sites.value.entry.place);
    if (!entry.ok) return entry;
    const exits: Site[] = [];
    for (const exit of sites.value.exits) {
      const site = this.site(exit.kind, exit.instruction);
      if (!site.ok) return site;
      exits.push(site.value);
    }
    return found({ entry: entry.value, exits });
  }

  /** The ways that control takes through it. Refused as `analyzeFlow` of src/binary/code refuses, and as `find` does. */
  flow(fn: GoFunction): Outcome<ControlFlow> {
    const known = this.flows.get(fn.entry);
    if (known !== undefined) return known;
    const bytes = this.read(fn);
    const flow = bytes.ok
      ? analyzeFlow(architectureOf(this.binary.arch), bytes.value, fn.entry, this.flowContext())
      : bytes;
    this.flows.set(fn.entry, flow);
    return flow;
  }

  /** A site in the middle of a function. Refused: `unprobeable`, `no-code`. */
  place(instruction: Instruction): Outcome<Site> {
    const objection = architectureOf(this.binary.arch).uprobeObjection(instruction.bytes);
    if (objection === undefined) return this.site("place", instruction);
    const where = `\`${instruction.text}\` at ${hex(instruction.address)}`;
    return refused("unprobeable", `the kernel takes no uprobe on ${where}: ${objection}`);
  }

  private flowContext(): FlowContext {
    const { image } = this.binary;
    this.deferRunners ??= entriesOf(["runtime.deferreturn"], this.symbols);
    const deferRunners = this.deferRunners;
    return {
      growsStack: (target) => this.stackGrowers.has(target),
      neverReturns: (target) => {
        const fn = this.symbols.findByAddress(target as VirtualAddress);
        return fn?.entry === target && NEVER_RETURNS.test(fn.name);
      },
      runsDeferred: (target) => deferRunners.has(target),
      readWord: (address) => {
        try {
          const word = image.read(address, WORD).readBigUInt64LE();
          return word <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(word) : undefined;
        } catch (error) {
          if (error instanceof FormatError) return undefined;
          throw error;
        }
      },
    };
  }

  /** As `find`, for a look at many functions. */
  summarize(fn: GoFunction): Outcome<SiteSummary> {
    const bytes = this.readReturning(fn, "needed");
    if (!bytes.ok) return bytes;
    const summary = summarizeSites(
      architectureOf(this.binary.arch),
      bytes.value,
      fn.entry,
      this.contextOf(fn, "needed"),
    );
    if (!summary.ok) return summary;
    const { entry, exitCount } = summary.value;
    const { instruction } = entry;
    const offset = this.offsetOf(instruction);
    if (!offset.ok) return offset;
    return found({ entry: { offset: offset.value, instruction: () => instruction.text }, exitCount });
  }

  private contextOf(fn: GoFunction, exits: CodeContext["exits"]): CodeContext {
    return { growsStack: (target) => this.stackGrowers.has(target), assembly: fn.assembly, exits };
  }

  /**
   * Where the runtime function `name` calls `callee`; empty when there is no such place.
   * FACT(go1.17..go1.27): runtime.recovery sets g.sched to where the goroutine goes on before it calls runtime.gogo;
   * runtime.Goexit has run all deferred calls when it calls runtime.goexit1.
   */
  findRuntimeCalls(kind: "recovery" | "goexit", name: string, callee: string): readonly Site[] {
    const targets = entriesOf([callee], this.symbols);
    return this.symbols.findByName(name).flatMap((fn) => {
      const bytes = this.read(fn);
      if (!bytes.ok || fn.wrapper) return [];
      const calls = findCalls(architectureOf(this.binary.arch), bytes.value, fn.entry, (target) => targets.has(target));
      return (calls ?? []).flatMap((call) => {
        const site = this.site(kind, call);
        return site.ok ? [site.value] : [];
      });
    });
  }

  /** As `read`; where exits are needed, of a function that comes to them. */
  private readReturning(fn: GoFunction, exits: CodeContext["exits"]): Outcome<Buffer> {
    if (exits === "needed" && CHANGE_STACKS.has(fn.name))
      return refused("no-return", "it leaves for another stack, and its caller goes on without its return");
    return this.read(fn);
  }

  /** The function's code, once the bytes before and behind it bear out that it begins and ends there. */
  private read(fn: GoFunction): Outcome<Buffer> {
    const { pclntab } = this.binary;
    const start = pclntab.paddingBefore(fn.index);
    const size = pclntab.roomEndOf(fn.index) - start;
    if (size > MAX_FUNCTION_BYTES) return refused("undecodable", `it claims ${size} bytes of code`);
    if (this.binary.elf.toFileOffset(fn.entry) === undefined) {
      return refused("no-code", `its address ${hex(fn.entry)} is not in an executable part of the file`);
    }
    const bytes = this.binary.elf.readVirtual(start, size);
    const [from, to] = [fn.entry - start, fn.end - start];
    const { padding } = architectureOf(this.binary.arch);
    const isPadding = (part: Buffer): boolean => part.every((byte) => byte === padding);
    // Decoding that starts at a wrong byte may well find instructions, and a probe on one of those breaks the program.
    if (fn.entry % FUNCTION_ALIGNMENT !== 0 || !isPadding(bytes.subarray(0, from)) || !isPadding(bytes.subarray(to))) {
      return refused(
        "misplaced",
        `the function table puts it at ${hex(fn.entry)}, where the code does not bear it out`,
      );
    }
    return found(bytes.subarray(from, to));
  }

  private site(kind: SiteKind, instruction: Instruction, placement?: EntryPlacement): Outcome<Site> {
    const offset = this.offsetOf(instruction);
    if (!offset.ok) return offset;
    const { address, bytes, text } = instruction;
    const site: Site = { kind, address, offset: offset.value, bytes, instruction: text };
    return found(placement === undefined ? site : { ...site, placement });
  }

  /** Where the instruction is in the file, all of it. */
  private offsetOf(instruction: Instruction): Outcome<FileOffset> {
    const { address, bytes } = instruction;
    const offset = this.binary.elf.toFileOffset(address);
    const last = this.binary.elf.toFileOffset((address + bytes.length - 1) as VirtualAddress);
    if (offset !== undefined && last === offset + bytes.length - 1) return found(offset);
    return refused("no-code", `\`${instruction.text}\` at ${hex(address)} is not in an executable part of the file`);
  }
}

const entriesOf = (names: readonly string[], symbols: SymbolTable): ReadonlySet<number> =>
  new Set(names.flatMap((name) => symbols.findByName(name).map((fn) => fn.entry)));
