/**
 * The wire between the BPF programs and us: bpf/abi.h as TypeScript constants, generated from BTF, never typed by hand.
 * Each struct is its size and, per field, offset and size in bytes (arrays: count and stride too).
 */
export * from "./generated.js";
