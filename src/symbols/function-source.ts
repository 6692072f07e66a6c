/** What a symbol table is made of: a pclntab has the functions, a symbol file all of it. */
import type { VirtualAddress } from "../base/index.js";
import type { GoType, Signature } from "../binary/index.js";
import type { Frame, PackageVariable } from "./table.js";

/** Functions by number, in address order. Names are the linker's, as pclntab has them. */
export interface FunctionTable {
  readonly functionCount: number;
  nameOf(index: number): string;
  names(): readonly string[];
  entryOf(index: number): VirtualAddress;
  /** Exclusive, without padding. */
  endOf(index: number): VirtualAddress;
  isAssembly(index: number): boolean;
  isWrapper(index: number): boolean;
  /** Functions of exactly this name, ascending. */
  findIndexesByName(name: string): readonly number[];
  /** Functions whose name contains this text, ascending. */
  findIndexesByPart(text: string): readonly number[];
  /** The last function that begins at or before the address, if any does and the address is not behind all code. */
  findIndexByAddress(pc: VirtualAddress): number | undefined;
  placeOf(index: number): { readonly file: string | undefined; readonly line: number | undefined };
  /** Innermost first, for an address in a function's code. */
  inlineTreeAt(pc: VirtualAddress): readonly Frame[];
  /** By name; names without copies are absent. */
  inlinedCopyCounts(): ReadonlyMap<string, number>;
  inlinedCopyCountsOf(names: Iterable<string>): ReadonlyMap<string, number>;
}

/** What stripping takes away. */
export interface DebugSource {
  /** Where signatures and types come from; undefined when there are none. */
  readonly typeSource: "dwarf" | "symbol-file" | undefined;
  /** A function's names in the ELF symbol table; empty without one. */
  linkNamesOf(index: number): readonly string[];
  signatureOf(index: number): Signature | undefined;
  findType(name: string): GoType | undefined;
  findVariable(name: string): PackageVariable | undefined;
  /** Of all package variables, in no particular order. */
  variableNames(): Iterable<string>;
}

export interface FunctionSource extends FunctionTable, DebugSource {}
