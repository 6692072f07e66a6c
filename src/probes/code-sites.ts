/** From instructions at virtual addresses to sites at file offsets, of probed functions and of the runtime itself. */
import type { Outcome, VirtualAddress } from "../base/index.js";
import { found, hex, refused } from "../base/index.js";
import {
  architectureOf,
  type EntryPlacement,
  findCalls,
  findSites,
  type GoBinary,
  type Instruction,
} from "../binary/index.js";
import type { GoFunction, SymbolTable } from "../symbols/index.js";
import type { Site, SiteKind } from "./plan.js";

export interface ProbeSites {
  readonly entry: Site;
  readonly exits: readonly Site[];
}

// LIMIT: code of one function. The largest that compilers make have a few MB; a damaged table may claim the whole file.
const MAX_FUNCTION_BYTES = 2 ** 24;

/** What a stack check calls. */
const STACK_GROWERS = ["runtime.morestack", "runtime.morestack_noctxt", "runtime.morestackc"];

/** Finds sites in the functions of one binary. */
export class SiteFinder {
  private readonly binary: GoBinary;
  private readonly symbols: SymbolTable;
  private readonly stackGrowers: ReadonlySet<number>;

  constructor(binary: GoBinary, symbols: SymbolTable) {
    this.binary = binary;
    this.symbols = symbols;
    this.stackGrowers = entriesOf(STACK_GROWERS, symbols);
  }

  /** Refused as `findSites` of src/binary/code refuses, or `no-code` when the file holds no bytes for the function. */
  find(fn: GoFunction): Outcome<ProbeSites> {
    const bytes = this.read(fn);
    if (!bytes.ok) return bytes;
    const sites = findSites(architectureOf(this.binary.arch), bytes.value, fn.entry, {
      growsStack: (target) => this.stackGrowers.has(target),
      assembly: fn.assembly,
    });
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

  private read(fn: GoFunction): Outcome<Buffer> {
    const size = fn.end - fn.entry;
    if (size > MAX_FUNCTION_BYTES) return refused("undecodable", `it claims ${size} bytes of code`);
    if (this.binary.elf.toFileOffset(fn.entry) === undefined) {
      return refused("no-code", `its address ${hex(fn.entry)} is not in an executable part of the file`);
    }
    return found(this.binary.elf.readVirtual(fn.entry, size));
  }

  private site(kind: SiteKind, instruction: Instruction, placement?: EntryPlacement): Outcome<Site> {
    const { address, bytes, text } = instruction;
    const offset = this.binary.elf.toFileOffset(address);
    const last = this.binary.elf.toFileOffset((address + bytes.length - 1) as VirtualAddress);
    if (offset === undefined || last !== offset + bytes.length - 1) {
      return refused("no-code", `\`${text}\` at ${hex(address)} is not in an executable part of the file`);
    }
    const site: Site = { kind, address, offset, bytes, instruction: text };
    return found(placement === undefined ? site : { ...site, placement });
  }
}

const entriesOf = (names: readonly string[], symbols: SymbolTable): ReadonlySet<number> =>
  new Set(names.flatMap((name) => symbols.findByName(name).map((fn) => fn.entry)));
