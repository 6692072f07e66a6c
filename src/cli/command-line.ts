/** A command line as words and as one text: where the command of a run begins, and how a shell would have to be told. */

export interface CommandLine {
  /** Every word after the program's own name. */
  readonly words: readonly string[];
  /** Those that are ours: before `--`. */
  readonly own: readonly string[];
  /** What follows `--`; undefined without one. */
  readonly command: readonly string[] | undefined;
}

export function splitCommandLine(words: readonly string[]): CommandLine {
  const dashes = words.indexOf("--");
  if (dashes < 0) return { words, own: words, command: undefined };
  return { words, own: words.slice(0, dashes), command: words.slice(dashes + 1) };
}

/** A word that no POSIX shell takes for anything but itself. */
const PLAIN = /^[\w%+,./:@-][\w%+,./:=@-]*$/;

const quote = (word: string): string => (PLAIN.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** A line that makes a shell run gospect with these words. */
export const formatCommandLine = (words: readonly string[]): string => ["gospect", ...words].map(quote).join(" ");
