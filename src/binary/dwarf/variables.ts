/** Package variables: what stands directly below a unit's root and has an address of its own. */
import type { VirtualAddress } from "../../base/index.js";
import type { GoType } from "../gotype.js";
import { AT, TAG } from "./constants.js";
import type { Die } from "./die.js";
import { requireAddress } from "./function.js";
import { parseLocation } from "./location.js";
import type { UnitSearch } from "./names.js";
import type { TypeReader } from "./types.js";

export interface DwarfPackageVariable {
  /** As the linker spells it: `net/http.DefaultClient`. */
  readonly name: string;
  readonly address: VirtualAddress;
  readonly type: GoType;
}

const VARIABLE = new Set<number>([TAG.variable]);

/** The package variables of a file's Go units. */
export class PackageVariables {
  private readonly search: UnitSearch;
  private readonly types: TypeReader;

  constructor(search: UnitSearch, types: TypeReader) {
    this.search = search;
    this.types = types;
  }

  /** The variable with this name, verbatim. Reads the units that hold the name. */
  find(name: string): DwarfPackageVariable | undefined {
    for (const die of this.search.topLevelNamed(name, VARIABLE)) {
      const variable = this.read(die);
      if (variable !== undefined) return variable;
    }
    return undefined;
  }

  /** Every variable, in file order. Reads the top level of every unit. */
  *all(): Generator<DwarfPackageVariable> {
    for (const unit of this.search.units) {
      for (const die of this.search.topLevel(unit)) {
        const variable = die.tag === TAG.variable ? this.read(die) : undefined;
        if (variable !== undefined) yield variable;
      }
    }
  }

  /** Undefined for what only declares a variable, or has it somewhere else than at an address. */
  private read(die: Die): DwarfPackageVariable | undefined {
    const name = die.string(AT.name);
    const location = die.block(AT.location);
    if (name === undefined || location === undefined) return undefined;
    const [piece] = parseLocation(die.unit, location);
    const type = this.types.of(die);
    if (piece?.kind !== "address" || type === undefined) return undefined;
    return { name, address: requireAddress(die, piece.address), type };
  }
}
