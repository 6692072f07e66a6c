/**
 * What every layer speaks: branded units, bounded byte reading, errors with codes, absence with reasons.
 * Knows nothing of ELF, Go, kernels or commands.
 */
export { Cursor } from "./cursor.js";
export * from "./errors.js";
export * from "./outcome.js";
export * from "./units.js";
