/** Parses `/proc/PID/stat` and `/proc/PID/status`; proc(5) has the fields. */
import { FormatError } from "../base/index.js";

export interface ProcessStat {
  readonly command: string;
  /** `R`, `S`, `Z`…; of the first thread. */
  readonly state: string;
  readonly threads: number;
  /** When the process began, in clock ticks since boot: tells a process from a later one with its pid. */
  readonly startTicks: number;
  /** Where the first thread's stack begins: elsewhere after each exec. 0 for those who may not trace the process. */
  readonly stackStart: number;
  /** Where its code begins; 0 while an exec is under way, 1 for those who may not trace the process. */
  readonly codeStart: number;
}

/** Places in the fields after the command, proc(5)'s numbers less 3. */
const STATE = 0;
const THREADS = 17;
const START_TIME = 19;
const START_CODE = 23;
const START_STACK = 25;

export function parseStat(text: string): ProcessStat {
  // The command may hold spaces and parentheses of its own; only the last one closes it.
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  const fields = text.slice(close + 2).split(" ");
  const number = (place: number): number => {
    const value = fields[place] ?? "";
    if (!/^\d+$/.test(value)) throw new FormatError("/proc/PID/stat", close, `field ${place + 3} is "${value}"`);
    return Number(value);
  };
  const state = fields[STATE] ?? "";
  if (open < 0 || close < open || state.length !== 1)
    throw new FormatError("/proc/PID/stat", 0, `not a status line: ${text.trim()}`);
  return {
    command: text.slice(open + 1, close),
    state,
    threads: number(THREADS),
    startTicks: number(START_TIME),
    stackStart: number(START_STACK),
    codeStart: number(START_CODE),
  };
}

export interface ProcessStatus {
  /** The process a thread id belongs to; for a process its own pid. */
  readonly processId: number;
  /** The effective user. */
  readonly userId: number;
  /** Its pid in the innermost pid namespace it is in; what a BPF program compares with that namespace's helper. */
  readonly namespacePid: number;
}

export function parseStatus(text: string): ProcessStatus {
  const fields = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0)
      fields.set(
        line.slice(0, colon),
        line
          .slice(colon + 1)
          .trim()
          .split(/\s+/),
      );
  }
  const number = (name: string, value: string | undefined): number => {
    if (value === undefined || !/^\d+$/.test(value))
      throw new FormatError("/proc/PID/status", 0, `${name} is "${value ?? ""}"`);
    return Number(value);
  };
  const processId = number("Tgid", fields.get("Tgid")?.[0]);
  // Kernels without pid namespaces have no NSpid line.
  const namespacePids = fields.get("NSpid") ?? [String(processId)];
  return {
    processId,
    userId: number("Uid", fields.get("Uid")?.[1]),
    namespacePid: number("NSpid", namespacePids[namespacePids.length - 1]),
  };
}
