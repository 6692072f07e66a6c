/** The location and function tables of a profile: ids from 1 in order of first use, without gaps, as Parca demands. */
import { Function as FunctionRecord, Line, Location, type Mapping, type StringTable } from "pprof-format";
import { hex, type VirtualAddress, virtualAddress } from "../base/index.js";
import type { Frame } from "../symbols/index.js";

/** Source frames at an address, innermost inlined call first; empty when nothing is known there. */
export type Symbolizer = (address: VirtualAddress) => readonly Frame[];

type NamedPlace = Pick<Frame, "function" | "file" | "line" | "startLine">;

/** Ids of addresses, given when first asked for. */
export class LocationTable {
  readonly locations: Location[] = [];
  readonly functions: FunctionRecord[] = [];
  private readonly probedIds = new Map<string, number>();
  private readonly callerIds = new Map<VirtualAddress, number | undefined>();
  private readonly namedIds = new Map<string, number>();
  private readonly functionIds = new Map<string, number>();
  private readonly strings: StringTable;
  private readonly mappings: readonly Mapping[];
  private readonly symbolize: Symbolizer;

  constructor(strings: StringTable, mappings: readonly Mapping[], symbolize: Symbolizer) {
    this.strings = strings;
    this.mappings = mappings;
    this.symbolize = symbolize;
  }

  /**
   * The innermost frame: the probed function, at one of its sites. What else was inlined around that instruction is left
   * out, for the function itself is what was measured.
   */
  probed(site: VirtualAddress, name: string): number {
    const key = `${site} ${name}`;
    const known = this.probedIds.get(key);
    if (known !== undefined) return known;
    const frame = this.symbolize(site).at(-1) ?? unknownPlace(name);
    const id = this.add(site, [{ ...frame, function: name }]);
    this.probedIds.set(key, id);
    return id;
  }

  /**
   * A frame above it, by its return address. The location is the byte before: it belongs to the call, where the return
   * address may already be on another line, or in another function. Wrappers are left out, as in Go's own profiles;
   * undefined when nothing else is there.
   */
  caller(returnAddress: VirtualAddress): number | undefined {
    if (this.callerIds.has(returnAddress)) return this.callerIds.get(returnAddress);
    const id = this.addCaller(virtualAddress(returnAddress - 1));
    this.callerIds.set(returnAddress, id);
    return id;
  }

  private addCaller(address: VirtualAddress): number | undefined {
    const frames = this.symbolize(address);
    if (frames.length === 0) return this.add(address, [unknownPlace(hex(address))]);
    const written = frames.filter(({ wrapper }) => !wrapper);
    return written.length === 0 ? undefined : this.add(address, written);
  }

  /** A frame that is only a name. */
  named(name: string): number {
    const known = this.namedIds.get(name);
    if (known !== undefined) return known;
    const id = this.add(undefined, [unknownPlace(name)]);
    this.namedIds.set(name, id);
    return id;
  }

  private add(address: VirtualAddress | undefined, frames: readonly NamedPlace[]): number {
    const id = this.locations.length + 1;
    this.locations.push(
      Location.create({
        id,
        ...(address === undefined ? {} : { mappingId: this.mappingOf(address), address }),
        line: frames.map((frame) => Line.create({ functionId: this.functionId(frame), line: frame.line ?? 0 })),
      }),
    );
    return id;
  }

  /** 0 for what lies in none of them, as the format has it. */
  private mappingOf(address: VirtualAddress): number | bigint {
    return (
      this.mappings.find(({ memoryStart, memoryLimit }) => address >= memoryStart && address < memoryLimit)?.id ?? 0
    );
  }

  private functionId(frame: NamedPlace): number {
    const key = `${frame.function}\n${frame.file ?? ""}\n${frame.startLine ?? 0}`;
    const known = this.functionIds.get(key);
    if (known !== undefined) return known;
    const id = this.functions.length + 1;
    this.functionIds.set(key, id);
    const name = this.strings.dedup(frame.function);
    this.functions.push(
      FunctionRecord.create({
        id,
        name,
        systemName: name,
        filename: this.strings.dedup(frame.file ?? ""),
        startLine: frame.startLine ?? 0,
      }),
    );
    return id;
  }
}

const unknownPlace = (name: string): NamedPlace => ({
  function: name,
  file: undefined,
  line: undefined,
  startLine: undefined,
});
