/** Variables of a function or of a block in it. */
import { FormatError, type VirtualAddress } from "../../base/index.js";
import type { GoVariable } from "../gotype.js";
import { fitsRegisters } from "./captures.js";
import { AT, TAG } from "./constants.js";
import type { Die } from "./die.js";
import type { Dwarf } from "./dwarf.js";
import { type LocationPiece, locationAt } from "./location.js";
import { first, originsOf } from "./origins.js";

/** Go's own names for what the source leaves unnamed: `~r0` results, `~p0` (go1.22) and `~b0` (before) blanks. */
const sourceName = (name: string): string => (name === "_" || /^~[rpb]\d+$/.test(name) ? "" : name);

/** A parameter, a result or a local variable of a function. */
export interface DwarfVariable extends GoVariable {
  readonly role: "parameter" | "result" | "local";
  /** The line that declares it; undefined where the debug data do not say. */
  readonly declarationLine: number | undefined;
  /** Of a captured variable: where its closure's context holds it, or its address. */
  readonly contextOffset: number | undefined;
  /**
   * Whether a place in one piece is that of the whole value. FACT(go1.19..go1.27): of a value that may be kept apart by
   * parts, the compiler writes the places of the parts one after the other, and leaves out parts that it never needed without
   * saying which. One that is not, or that has one place in all of its function, is in memory as a whole.
   */
  readonly isWhole: boolean;
  /** Where it lives when the instruction at `address` is about to run; undefined where the compiler recorded no place. */
  locationAt(address: VirtualAddress): readonly LocationPiece[] | undefined;
}

/** Those directly below `die`, a function or a block, in file order. */
export function readVariables(dwarf: Dwarf, die: Die): readonly DwarfVariable[] {
  const variables: DwarfVariable[] = [];
  const entriesOf = new Map<string, Die[]>();
  for (const child of die.children()) {
    if (child.tag !== TAG.formalParameter && child.tag !== TAG.variable) continue;
    const chain = originsOf(dwarf, child);
    const name = first(chain, (entry) => entry.string(AT.name)) ?? "";
    if (name === ".dict") continue;
    const offset = first(chain, (entry) => entry.number(AT.type));
    if (offset === undefined) throw new FormatError(".debug_info", child.offset, `variable ${name} has no type`);
    const isResult = (first(chain, (entry) => entry.number(AT.variableParameter)) ?? 0) !== 0;
    const role = child.tag === TAG.variable ? "local" : isResult ? "result" : "parameter";
    // FACT(go1.19..go1.24): a result that a deferred call may change is listed twice, once for its register and once for
    // its place on the stack. Before renaming, no two results have one name.
    const entries = [child];
    if (role !== "local") {
      const listed = entriesOf.get(name);
      if (listed !== undefined) {
        listed.push(child);
        continue;
      }
      entriesOf.set(name, entries);
    }
    const type = dwarf.typeAt(offset);
    variables.push({
      name: sourceName(name),
      type,
      role,
      declarationLine: first(chain, (entry) => entry.number(AT.declarationLine)),
      contextOffset: first(chain, (entry) => entry.number(AT.goClosureOffset)),
      isWhole: !fitsRegisters(type) || entries.every((entry) => entry.block(AT.location) !== undefined),
      locationAt: (address) => first(entries, (entry) => locationAt(entry, address)),
    });
  }
  return variables;
}
