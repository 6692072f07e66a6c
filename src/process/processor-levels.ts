/** The levels of x86-64 (System V ABI, "Micro-Architecture Levels") for which a library may exist beside the plain one. */
import { closeSync, openSync, readSync } from "node:fs";

/** What each level adds to the one below it, in the kernel's names for what glibc asks of the processor. */
const LEVELS: readonly { readonly name: string; readonly adds: readonly string[] }[] = [
  { name: "x86-64-v2", adds: ["cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"] },
  { name: "x86-64-v3", adds: ["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"] },
  { name: "x86-64-v4", adds: ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"] },
];

/** Levels above the least that a processor has, the highest first; none where `/proc/cpuinfo` is not of an x86-64. */
export function processorLevels(cpuinfo: string): readonly string[] {
  const flags = new Set(/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(" "));
  const missing = LEVELS.findIndex(({ adds }) => !adds.every((flag) => flags.has(flag)));
  return LEVELS.slice(0, missing === -1 ? LEVELS.length : missing)
    .map(({ name }) => name)
    .reverse();
}

/** LIMIT: bytes of `/proc/cpuinfo` that are read: one processor's take some 2,000, and making those of all takes time. */
const MAX_CPUINFO = 1 << 14;

/** Those of the processor that runs this; none where the kernel does not tell. */
export function readProcessorLevels(): readonly string[] {
  try {
    const bytes = Buffer.alloc(MAX_CPUINFO);
    const file = openSync("/proc/cpuinfo", "r");
    try {
      return processorLevels(bytes.toString("latin1", 0, readSync(file, bytes)));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (error instanceof Error && "code" in error) return [];
    throw error;
  }
}
