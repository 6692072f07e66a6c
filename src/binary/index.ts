/**
 * Turns the bytes of an ELF file into what it says about itself: headers, sections and segments, symbols and their versions,
 * libraries, USDT notes, machine code; and of a Go binary build info and ids, pclntab, moduledata, DWARF, run-time types.
 *
 * Everything is read lazily by bounded reads; bytes that are not what their format demands throw a FormatError. Knows
 * nothing of running processes, kernels, probes or what anybody wants to measure.
 */

export { type BuildInfo, findBuildInfo, type GoModule, type GoVersion, parseGoVersion } from "./build-info.js";
export * from "./code/index.js";
export type {
  Dwarf,
  DwarfFunction,
  DwarfPackageVariable,
  DwarfVariable,
  InlinedCopy,
  LinePosition,
  LocationPiece,
  ScopeAtAddress,
  Statement,
} from "./dwarf/index.js";
export { ElfFile, type ElfSection, type ElfSegment, type ElfSegmentType, type Machine, openElf } from "./elf.js";
export {
  type ElfSymbol,
  type ElfSymbolBinding,
  type ElfSymbolKind,
  ElfSymbolTable,
  openElfSymbolTable,
  readElfSymbols,
} from "./elf-symbols.js";
export { type CodeObject, GoBinary, openCodeFile, openCodeSource, openGoBinary, openGoSource } from "./gobinary.js";
export type * from "./gotype.js";
export type { ImageReader } from "./image.js";
export type { AddressRange, ItabLinks, Moduledata, TypeLinks } from "./moduledata.js";
export { type LinkedLibraries, readLinkedLibraries } from "./needed-libraries.js";
export { type ElfNote, findGnuBuildId, findGoBuildId, parseNotes, readNoteSection } from "./notes.js";
export { Pclntab, type PclntabFunction, type SourceFrame } from "./pclntab.js";
export type { PclntabFormat } from "./pclntab-format.js";
export type { InlinedPlaceInCode } from "./pclntab-inlining.js";
export type { SourceLine } from "./pclntab-lines.js";
export { type GoTables, readGoTables } from "./pclntab-locate.js";
export { type GoProbe, type GoProbes, type RefusedGoProbe, readGoProbes } from "./probe-variables.js";
export type { Itab, RuntimeTypes } from "./runtime-types/index.js";
export { type ByteSource, memorySource, openFileSource } from "./source.js";
export type { SourceCall, SourceStretch } from "./source-stretches.js";
export { stampNotes } from "./stamp.js";
export { readSymbolVersions, type SymbolVersion, type SymbolVersions } from "./symbol-versions.js";
export {
  type RefusedNote,
  readUsdtNotes,
  type UsdtNote,
  type UsdtNotes,
  type UsdtSemaphore,
} from "./usdt.js";
export type { UsdtArgument } from "./usdt-arguments.js";
export type { IndexPart, MachineRegister, UsdtLocation, UsdtSize } from "./usdt-location.js";
