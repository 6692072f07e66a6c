import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveText } from "../../src/commands/display.js";
import type { TextOutput } from "../../src/commands/index.js";

const ESCAPE = "\x1b";
const TOKEN = new RegExp(`${ESCAPE}\\[\\??\\d*[A-Za-z]|[\\s\\S]`, "g");
const UP = new RegExp(`^${ESCAPE}\\[\\d+A$`);

/** As much of a terminal as LiveText uses: cursor moves and clearing; rows below the window do not exist. */
class Terminal implements TextOutput {
  readonly isTerminal = true;
  readonly color = true;
  readonly lines: string[] = [""];
  private row = 0;
  private column = 0;
  private readonly rows: number;

  constructor(rows: number) {
    this.rows = rows;
  }

  size(): { columns: number; rows: number } {
    return { columns: 20, rows: this.rows };
  }

  backlog(): number {
    return 0;
  }

  write(data: string | Buffer): void {
    for (const [token] of String(data).matchAll(TOKEN)) this.apply(token);
    assert.ok(this.lines.length <= this.rows, "nothing scrolls away");
  }

  private apply(token: string): void {
    const line = this.lines[this.row] ?? "";
    if (token === "\r") this.column = 0;
    else if (token === "\n") {
      this.row++;
      this.lines[this.row] ??= "";
    } else if (token === "\x1b[K") this.lines[this.row] = line.slice(0, this.column);
    else if (token === "\x1b[J") {
      this.lines[this.row] = line.slice(0, this.column);
      this.lines.length = this.row + 1;
    } else if (UP.test(token)) this.row -= Number(token.slice(2, -1));
    else if (!token.startsWith("\x1b")) {
      this.lines[this.row] = line.slice(0, this.column) + token + line.slice(this.column + 1);
      this.column++;
    }
  }
}

test("a page is drawn over the one before", () => {
  const terminal = new Terminal(10);
  const live = new LiveText(terminal);
  live.draw(["a long first line", "second", "third"]);
  assert.deepEqual(terminal.lines, ["a long first line", "second", "third"]);
  live.draw(["short"]);
  assert.deepEqual(terminal.lines, ["short"]);
  live.draw(["one", "two"]);
  assert.deepEqual(terminal.lines, ["one", "two"]);
  live.clear();
  assert.deepEqual(terminal.lines, [""]);
});

test("a page longer than the window is cut", () => {
  const terminal = new Terminal(4);
  const live = new LiveText(terminal);
  live.draw(["1", "2", "3", "4", "5"]);
  live.draw(["a", "b", "c", "d", "e"]);
  assert.deepEqual(terminal.lines, ["a", "b", "c"]);
});

test("nothing is drawn on anything but a terminal", () => {
  let written = "";
  const output: TextOutput = {
    isTerminal: false,
    backlog: () => 0,
    color: false,
    size: () => undefined,
    write: (data) => {
      written += String(data);
    },
  };
  const live = new LiveText(output);
  live.draw(["page"]);
  live.clear();
  assert.equal(written, "");
});
