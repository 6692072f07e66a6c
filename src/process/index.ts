/**
 * Turns /proc into values: what a pid is, which file it runs, where that file and its libraries are mapped, how much CPU it
 * used; and says where libraries are looked for before there is a process.
 *
 * Only reads, files and links of /proc and what the dynamic linker is configured by; knows nothing of ELF, Go, BPF or what
 * is measured.
 */
export { type CodeFileOfProcess, codeFilesOf, type MappedFile, readCodeFiles } from "./code-files.js";
export { parseLibraryCache } from "./library-cache.js";
export {
  type LibraryMachine,
  LibrarySearch,
  type LibrarySeeker,
  type LoaderEnvironment,
  readLoaderEnvironment,
} from "./library-search.js";
export { type FileSegment, findLoadBias, type Mapping, mappingsOfFile, parseMappings } from "./mappings.js";
export { ProcessMemory } from "./memory.js";
export { type PidNamespace, readPidNamespace } from "./namespace.js";
export { openProcess, type ProcessExecutable, processExists, TargetProcess, threadExists } from "./process.js";
export { processorLevels, readProcessorLevels } from "./processor-levels.js";
export { findShadowStack, hasShadowStack } from "./shadow-stack.js";
