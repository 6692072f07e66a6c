/** The file that a target runs: from a pid, a path, or a command's name. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { UnmeasurableError } from "../base/index.js";
import { openProcess, type TargetProcess } from "../process/index.js";
import type { TargetChoice } from "./request.js";

export interface TargetFile {
  /** What to open. */
  readonly path: string;
  /** What to call it. */
  readonly displayPath: string;
  /** Of a running target. */
  readonly process: TargetProcess | undefined;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** As a shell finds it: a name with a slash is a path, any other is looked for in PATH. */
function findProgram(name: string): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const candidates = name.includes("/") ? [name] : folders.map((folder) => join(folder === "" ? "." : folder, name));
  const program = candidates.find(isProgram);
  if (program !== undefined) return program;
  const hint = name.includes("/") ? "is it there, and executable?" : "it is not in PATH: write its path";
  throw new UnmeasurableError("no-such-program", `no program ${name}`, { hint });
}

/** Throws an UnmeasurableError when there is no such process or program; whether a file exists shows when it is read. */
export function targetFile(target: TargetChoice): TargetFile {
  if (target.kind === "pid") {
    const process = openProcess(target.pid);
    return { path: process.executable.path, displayPath: process.executable.displayPath, process };
  }
  const path = target.kind === "exe" ? target.path : findProgram(target.command);
  return { path, displayPath: path, process: undefined };
}
