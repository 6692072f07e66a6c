/**
 * The command line: turns argv into a request for one command, and whatever that command throws into a message, a hint
 * and an exit status. Knows options and streams; nothing of binaries, probes or kernels.
 */
export { parseDuration } from "./duration.js";
export { run } from "./run.js";
