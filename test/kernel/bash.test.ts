/** What is typed into bash: its `readline`, a function in C that the program exports, returns the line. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Fixture } from "../fixture.js";
import { withoutKernel } from "./measuring.js";
import { Run, until } from "./programs.js";
import type { TraceLine } from "./tracing.js";

const options = { skip: withoutKernel };
const BASH = "/bin/bash";
const LINE = "str(ret)";
const QUESTION = ["trace", "c:readline", "-e", BASH, "--show", LINE];

/** A bash on a terminal of its own, which leaves no history behind. */
class Shell implements Disposable {
  private readonly terminal = new Fixture("script", [
    ...["--quiet", "--command", `HISTFILE= exec ${BASH} --norc --noprofile -i`],
    "/dev/null",
  ]);

  /** Of bash itself. */
  pid(): Promise<number> {
    const { pid } = this.terminal;
    return until("bash runs", () => {
      const child = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8"));
      return child > 0 && readFileSync(`/proc/${child}/comm`, "utf8") === "bash\n" ? child : undefined;
    });
  }

  /**
   * Waits until bash reads keys: it takes the terminal out of its usual mode for that, in which control-D, for one, is
   * the terminal's own affair.
   */
  async reads(): Promise<void> {
    const terminal = `/proc/${await this.pid()}/fd/0`;
    await until("bash reads keys", () =>
      / -icanon /.test(execFileSync("stty", ["-F", terminal, "-a"], { encoding: "utf8" })) ? true : undefined,
    );
  }

  /** Types keys and the return key. */
  type(keys: string): void {
    this.terminal.send(keys);
  }

  /** Waits for a line of output that is this, whatever the terminal is told before it. */
  async prints(wanted: string): Promise<void> {
    for (;;) {
      const line = (await this.terminal.nextLine()).replace(/\r$/, "");
      if (line.split("\r").at(-1) === wanted) return;
    }
  }

  end(): Promise<void> {
    return this.terminal.waitForEnd();
  }

  [Symbol.dispose](): void {
    this.terminal[Symbol.dispose]();
  }
}

/** Keys, and the line that they make. */
const TYPED: readonly (readonly [keys: string, line: string])[] = [
  ["echo one", "echo one"],
  ["", ""],
  ["  : 'quotes \" and $dollars' # comment", "  : 'quotes \" and $dollars' # comment"],
  [": Grüße, 世界", ": Grüße, 世界"],
  // Typing errors: backspace, and control-A to go to the beginning.
  [": rubbich\x7f\x7fsh", ": rubbish"],
  ["three\x01: ", ": three"],
];

test("lines are told as they were typed, in every bash of the machine", options, async () => {
  using older = new Shell();
  await older.pid();
  older.type("echo older-is-ready");
  await older.prints("older-is-ready");
  await older.reads();
  await using run = await Run.start(...QUESTION, "--json");
  using younger = new Shell();
  for (const [keys] of TYPED) younger.type(keys);
  const pids = [await older.pid(), await younger.pid()];
  // This one is waiting in readline since before the run: the line is the end of a call that had no beginning.
  older.type(": unseen");
  older.type(": seen");
  for (const shell of [older, younger]) {
    shell.type("exit");
    await shell.end();
  }
  const lines = (await run.stop()).stdout.trimEnd().split("\n");
  const calls = lines.map((line): TraceLine & { readonly tid: number } => JSON.parse(line));
  assert.deepEqual(
    pids.map((pid) => calls.filter(({ tid }) => tid === pid).map(({ show }) => show[LINE])),
    [
      [": seen", "exit"],
      [...TYPED.map(([, line]) => line), "exit"],
    ],
  );
});

test("a line for people; the end of input is no line", options, async () => {
  await using run = await Run.start(...QUESTION);
  using shell = new Shell();
  const pid = await shell.pid();
  shell.type("echo 'typed'");
  await shell.prints("typed");
  await shell.reads();
  shell.type("\x04");
  await shell.end();
  const { stdout } = await run.stop();
  const told = stdout.split("\n").filter((line) => line.includes(` ${pid}/t${pid} `));
  assert.deepEqual(
    told.map((line) => line.replace(/^.* (?=c:readline)/, "")),
    [`c:readline(?)  str(ret)="echo 'typed'"`, "c:readline(?)  str(ret)=(unreadable: nil pointer)"],
  );
});
