/**
 * Turns the bytes of an ELF file into what a Go binary says about itself: headers, sections and segments, symbols, build
 * info and ids, pclntab, moduledata, DWARF, machine code.
 *
 * Everything is read lazily by bounded reads; bytes that are not what their format demands throw a FormatError. Knows
 * nothing of running processes, kernels, probes or what anybody wants to measure.
 */
export type * from "./gotype.js";
