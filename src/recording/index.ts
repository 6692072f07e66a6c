/**
 * Runs as files: what a session read out of the kernel, with as much of the plan and of the names as printing needs, so that
 * the same text, JSON or profile comes out again on any machine. Knows nothing of kernels, processes or binaries.
 */
export type { RecordedCommand, RunDescription, RunView } from "./description.js";
export { namesOf, RememberedNames, type RunNames } from "./names.js";
export { openRecordedRun, type RecordedRun, readRecordedRun } from "./reader.js";
export { RunWriter } from "./writer.js";
