/** Where a command's results go: stdout, or the file of `--output`. */
import type { TextStyle } from "../export/index.js";
import { OutputFile } from "./output-file.js";
import type { Streams, TextOutput } from "./streams.js";

/** LIMIT: columns of text that goes to no terminal. */
const PLAIN_WIDTH = 120;

export const styleOf = (output: TextOutput): TextStyle => ({
  colour: output.color,
  width: output.size()?.columns ?? PLAIN_WIDTH,
});

export interface Results extends Disposable {
  /** How text for this destination should look. */
  readonly style: TextStyle;
  finish(data: string | Buffer): void;
}

/** Opens the file now, so that a destination that cannot be written fails before anything is measured. */
export function openResults(output: string | undefined, streams: Streams): Results {
  if (output === undefined || output === "-") {
    return {
      style: styleOf(streams.out),
      finish: (data) => streams.out.write(data),
      [Symbol.dispose]: () => undefined,
    };
  }
  const file = OutputFile.open(output);
  return {
    style: { colour: false, width: PLAIN_WIDTH },
    finish: (data) => file.finish(data),
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}
