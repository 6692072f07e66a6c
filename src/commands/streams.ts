/** Where a command prints, as a value: tests and the real process hand in their own. */

export interface TextOutput {
  /** After the reader went away this does nothing. */
  write(data: string | Buffer): void;
  /** Bytes that were written and are still on their way: a pipe's reader is slow. */
  backlog(): number;
  readonly isTerminal: boolean;
  /** Escape sequences for colour are welcome. */
  readonly color: boolean;
  /** Of the terminal; read anew each time, since windows are resized. Undefined when it is none. */
  size(): { readonly columns: number; readonly rows: number } | undefined;
}

export interface Streams {
  /** Results. */
  readonly out: TextOutput;
  /** Progress, warnings, the closing balance. */
  readonly err: TextOutput;
  /**
   * Aborted when the run should end well: by a signal, whose name is then the reason, or because nobody reads stdout any
   * more. Watches from the first call on.
   */
  interruption(): AbortSignal;
}
