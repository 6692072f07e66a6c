/**
 * What moves on a terminal while a run lasts: a page that is drawn over itself, and a line of progress. Nothing of it
 * stays; on anything but a terminal nothing is drawn.
 */
import type { TextOutput } from "./streams.js";

const CLEAR_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";
/** Lines longer than the window end at its edge, whatever widths their characters have. */
const NO_WRAP = "\x1b[?7l";
const WRAP = "\x1b[?7h";
const up = (lines: number): string => (lines === 0 ? "\r" : `\r\x1b[${lines}A`);

/** Text redrawn in place on one terminal. */
export class LiveText {
  private readonly output: TextOutput;
  private drawn = false;
  /** Cursor lines below the page's first. */
  private below = 0;

  constructor(output: TextOutput) {
    this.output = output;
  }

  /** Draws `lines` over what was drawn before, as many as the window holds: a line that scrolled away stays. */
  draw(lines: readonly string[]): void {
    const size = this.output.size();
    if (size === undefined) return;
    const shown = lines.slice(0, Math.max(1, size.rows - 1));
    const page = shown.map((line) => `${line}${CLEAR_LINE}`).join("\r\n");
    this.output.write(`${NO_WRAP}${up(this.below)}${page}${CLEAR_BELOW}${WRAP}`);
    this.below = Math.max(0, shown.length - 1);
    this.drawn = true;
  }

  /** Takes everything drawn off the screen; the cursor is where it was before the first `draw`. */
  clear(): void {
    if (!this.drawn) return;
    this.output.write(`${up(this.below)}${CLEAR_BELOW}`);
    this.drawn = false;
    this.below = 0;
  }
}
