/**
 * Names and addresses of one Go binary, both ways: what can be probed, where it is, and what an address means.
 * Turns a GoBinary into a SymbolTable; knows nothing of probes, kernels or processes.
 */
export { openSymbolTable } from "./binary-symbols.js";
export { collapseTypeArguments, withoutImportPath } from "./name.js";
export { nearestNames } from "./nearest.js";
export type { Frame, GoFunction, InlinedCopy, SymbolTable } from "./table.js";
