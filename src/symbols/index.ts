/**
 * Names and addresses of a file's code, both ways: what can be probed, where it is, and what an address means. Turns a
 * GoBinary, alone or with a symbol file, into a SymbolTable, and any ELF file into a CodeFile with its C functions; knows
 * nothing of probes, kernels or processes.
 */
import type { GoBinary } from "../binary/index.js";
import type { SymbolFile } from "./symbol-file/index.js";

export { openSymbolTable, type SymbolTableOptions } from "./binary-symbols.js";
export { collapseTypeArguments, withoutImportPath } from "./name.js";
export { type NativeFunction, type NativeFunctions, versionedName } from "./native-functions.js";
export { nearestNames } from "./nearest.js";
export { CodeFile, type GoProgram, goProgram, type Program } from "./program.js";
export type { SymbolFile } from "./symbol-file/index.js";
export type { Frame, GoFunction, InlinedCopy, PackageVariable, SymbolTable } from "./table.js";

/** Opens the symbol file at `path`; the caller disposes. Its code is loaded when there is one to open. */
export const openSymbolFile = async (path: string): Promise<SymbolFile> =>
  (await import("./symbol-file/index.js")).openSymbolFile(path);

/** The bytes of a symbol file. @throws UnmeasurableError `no-debug-data` for a stripped binary */
export const writeSymbolFile = async (binary: GoBinary): Promise<Buffer> =>
  (await import("./symbol-file/index.js")).writeSymbolFile(binary);
