/**
 * Answers that took long to derive from a file and depend on nothing else, kept for the next time: the question in, the same
 * bytes out, or nothing. Never an error: without a cache everything works, and takes longer.
 *
 * An answer belongs to the bytes of a file, not to its name, time or build id, which two files may share; so whoever asks
 * has to read the file, and says what it read by its digest.
 */
export { AnswerCache } from "./answers.js";
export { digestOf, type Readable } from "./digest.js";
