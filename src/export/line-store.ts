/** Lines of text that wait for what is to stand before them. As bytes: strings would take the garbage collector's time. */

/** LIMIT: characters encoded together. */
const PIECE_LENGTH = 2 ** 17;

/** Keeps lines until all of them are taken. */
export class LineStore {
  private readonly pieces: Buffer[] = [];
  private pending: string[] = [];
  private length = 0;

  /** `line` has no line end in it. */
  add(line: string): void {
    this.pending.push(line);
    this.length += line.length;
    if (this.length >= PIECE_LENGTH) this.flush();
  }

  /** The lines in their order. What was taken is no longer kept. */
  *take(): Generator<string> {
    this.flush();
    for (let piece = this.pieces.shift(); piece !== undefined; piece = this.pieces.shift())
      yield* piece.toString().split("\n");
  }

  private flush(): void {
    if (this.pending.length > 0) this.pieces.push(Buffer.from(this.pending.join("\n")));
    this.pending = [];
    this.length = 0;
  }
}
