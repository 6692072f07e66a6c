/** Where a command's results go: stdout, or the file of `--output`. */
import { UsageError } from "../base/index.js";
import type { CallStyle } from "../export/index.js";
import { OutputFile } from "./output-file.js";
import type { Streams, TextOutput } from "./streams.js";

/** LIMIT: columns of text that goes to no terminal. */
const PLAIN_WIDTH = 120;

/** How calls are written on a stream: colours and short values only where a person looks. */
export const styleOf = (output: TextOutput): CallStyle => ({
  colour: output.color,
  width: output.size()?.columns ?? PLAIN_WIDTH,
  values: output.isTerminal ? "short" : "whole",
});

/** Results all at once. */
export type Whole = string | Buffer | readonly Buffer[] | Iterable<string>;

export interface Results extends Disposable {
  /** How text for this destination should look. */
  readonly style: CallStyle;
  /** Writes a part of them, while more is to come. */
  append(data: string | Buffer): void;
  /** Bytes that were written and are still on their way to somebody who reads slowly. */
  backlog(): number;
  /** Writes them, or the rest; of pieces none before all of them could be made. */
  finish(data: Whole): void;
}

/** LIMIT: characters encoded together: a large program's list would double its memory to become one string. */
const PIECE_LENGTH = 2 ** 16;

/** Text as its bytes, which take half the room and are out of the garbage collector's sight. */
export function encode(pieces: Iterable<string>): readonly Buffer[] {
  const encoded: Buffer[] = [];
  let text = "";
  for (const piece of pieces) {
    text += piece;
    if (text.length < PIECE_LENGTH) continue;
    encoded.push(Buffer.from(text));
    text = "";
  }
  encoded.push(Buffer.from(text));
  return encoded;
}

const isEncoded = (data: Iterable<unknown>): data is readonly Buffer[] =>
  Array.isArray(data) && data.every((piece) => Buffer.isBuffer(piece));

function piecesOf(data: Whole): readonly (string | Buffer)[] {
  if (typeof data === "string" || Buffer.isBuffer(data)) return [data];
  return isEncoded(data) ? data : encode(data);
}

/** Where text or JSON goes. Throws a UsageError for a name that only a profile can bear. */
export function textOutput(output: string | undefined): string | undefined {
  if (output?.endsWith(".pb.gz") === true) {
    throw new UsageError(`${output} is a profile's name, and these results are text`, {
      hint: "a profile comes from gospect profile, or from the replay of its recording",
    });
  }
  return output;
}

/** Opens the file now, so that a destination that cannot be written fails before anything is measured. */
export function openResults(output: string | undefined, streams: Streams): Results {
  if (output === undefined || output === "-") {
    return {
      style: styleOf(streams.out),
      append: (data) => streams.out.write(data),
      backlog: () => streams.out.backlog(),
      finish: (data) => {
        for (const piece of piecesOf(data)) streams.out.write(piece);
      },
      [Symbol.dispose]: () => undefined,
    };
  }
  const file = OutputFile.open(output);
  return {
    style: { colour: false, width: PLAIN_WIDTH, values: "whole" },
    append: (data) => file.append(data),
    backlog: () => 0,
    finish: (data) => file.finish(...piecesOf(data)),
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}
