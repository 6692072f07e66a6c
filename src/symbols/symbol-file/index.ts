/**
 * Symbol files: what debug data say of one build — functions, lines, inlining, signatures, types, package variables — for
 * the stripped binary of the same build. In a tenth of their size, or a sixth to a quarter of what they take in a file, where Go
 * compresses them: two thirds of it are lines and inlining. Turns a GoBinary into bytes, and such bytes into what a SymbolTable
 * is made of. format.ts describes the bytes.
 */
import { openFileSource } from "../../binary/index.js";
import { SymbolFile } from "./read.js";

export { SymbolFile } from "./read.js";
export { writeSymbolFile } from "./write.js";

/** Opens the symbol file at `path`; the caller disposes. Throws as openFileSource and SymbolFile do. */
export const openSymbolFile = (path: string): SymbolFile => new SymbolFile(openFileSource(path));
