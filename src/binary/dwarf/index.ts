/**
 * Turns the debug sections of a Go binary (DWARF 4 up to Go 1.24, DWARF 5 from Go 1.25) into functions with their
 * signatures, types, inlined copies, package variables and lines.
 *
 * Everything is read when asked for: a question about one function walks the units that can hold it. Knows ELF only as a
 * source of sections, and nothing of pclntab, probes or processes.
 */
import { Dwarf } from "./dwarf.js";
import { DebugSections, type SectionReader } from "./sections.js";

export { Dwarf } from "./dwarf.js";
export { DwarfFunction } from "./function.js";
export type { InlinedCopy } from "./inlined.js";
export type { LinePosition, Statement } from "./line-table.js";
export type { DwarfVariable } from "./locals.js";
export type { LocationPiece } from "./location.js";
export type { AddressRange } from "./ranges.js";
export type { ScopeAtAddress } from "./scopes.js";
export type { SectionReader } from "./sections.js";
export type { DwarfPackageVariable } from "./variables.js";

/** The debug data of a file; undefined when it was stripped. Reads the unit headers, and nothing below them. */
export const openDwarf = (elf: SectionReader): Dwarf | undefined => {
  const sections = new DebugSections(elf);
  return sections.info.length === 0 ? undefined : new Dwarf(sections);
};
