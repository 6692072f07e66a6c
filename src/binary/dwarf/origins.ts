/** Entries that describe one thing together: a copy, and what it was copied from. */
import { FormatError } from "../../base/index.js";
import { AT } from "./constants.js";
import type { Die } from "./die.js";
import type { Dwarf } from "./dwarf.js";

/** LIMIT: abstract origin → specification → … ; two links are the most any compiler writes. */
const MAX_ORIGINS = 8;

/** The entries that describe one thing: the entry itself, then what it was copied from. */
export const originsOf = (dwarf: Dwarf, die: Die): readonly Die[] => {
  const chain = [die];
  for (let last = die; ; ) {
    const next = last.number(AT.abstractOrigin) ?? last.number(AT.specification);
    if (next === undefined) return chain;
    if (chain.length > MAX_ORIGINS) throw new FormatError(".debug_info", die.offset, "origins never end");
    last = dwarf.dieAt(next);
    chain.push(last);
  }
};

/** What the first of them says that says anything. */
export const first = <T>(chain: readonly Die[], read: (die: Die) => T | undefined): T | undefined => {
  for (const die of chain) {
    const value = read(die);
    if (value !== undefined) return value;
  }
  return undefined;
};

export const nameOf = (dwarf: Dwarf, die: Die): string =>
  first(originsOf(dwarf, die), (entry) => entry.string(AT.name)) ?? "";
