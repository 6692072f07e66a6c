/**
 * Names of addresses, live or recorded. While a run is recorded, whatever is asked here is remembered with its answer: what
 * printing asks once, replaying asks again.
 */
import type { CapturedNames } from "../aggregate/index.js";
import type { Symbolizer } from "../export/index.js";
import type { Frame } from "../symbols/index.js";
import { address, type Codec, list, map, natural, object, optional, text, truth } from "./codec.js";

/** Everything that is printed of addresses. */
export interface RunNames extends CapturedNames {
  readonly symbolize: Symbolizer;
}

export interface NameTable {
  readonly frames: ReadonlyMap<number, readonly Frame[]>;
  readonly functions: ReadonlyMap<number, string>;
  /** By address of the type's descriptor, and of the itab. */
  readonly types: ReadonlyMap<number, string>;
  readonly tables: ReadonlyMap<number, string>;
}

const frame = object<Frame>({
  function: text,
  file: optional(text),
  line: optional(natural),
  startLine: optional(natural),
  inlined: truth,
  wrapper: truth,
});

export const nameTable: Codec<NameTable> = object<NameTable>({
  frames: map(address, list(frame)),
  functions: map(address, text),
  types: map(address, text),
  tables: map(address, text),
});

export const namesOf = (table: NameTable): RunNames => ({
  symbolize: (address) => table.frames.get(address) ?? [],
  functionName: (address) => table.functions.get(address),
  typeName: (address, isTable) => (isTable ? table.tables : table.types).get(address),
});

/**
 * Answers from memory what was asked before, and asks `source` the rest. What has no name is not remembered: of such
 * addresses a program may show any number.
 */
export class RememberedNames implements RunNames, NameTable {
  readonly frames = new Map<number, readonly Frame[]>();
  readonly functions = new Map<number, string>();
  readonly types = new Map<number, string>();
  readonly tables = new Map<number, string>();
  private readonly source: RunNames;

  constructor(source: RunNames) {
    this.source = source;
  }

  readonly symbolize: Symbolizer = (address) => {
    const known = this.frames.get(address);
    if (known !== undefined) return known;
    const frames = this.source.symbolize(address);
    if (frames.length > 0) this.frames.set(address, frames);
    return frames;
  };

  functionName(address: number): string | undefined {
    return remember(this.functions, address, () => this.source.functionName(address));
  }

  typeName(address: number, table: boolean): string | undefined {
    return remember(table ? this.tables : this.types, address, () => this.source.typeName(address, table));
  }
}

function remember(names: Map<number, string>, address: number, ask: () => string | undefined): string | undefined {
  const name = names.get(address) ?? ask();
  if (name !== undefined) names.set(address, name);
  return name;
}
