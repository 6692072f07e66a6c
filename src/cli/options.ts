/** The options of cli.md, and what of their values can be judged without a program to measure. */
import { InvalidArgumentError, Option } from "commander";
import { UsageError } from "../base/index.js";
import { parseDuration } from "./duration.js";

/** What commander collects of a command line; every option is absent unless given. */
export interface Given {
  readonly pid?: number;
  readonly exe?: string;
  readonly duration?: number;
  readonly by?: readonly string[];
  readonly of?: string;
  readonly value?: string;
  readonly where?: string;
  readonly show?: readonly string[];
  readonly match?: readonly string[];
  readonly maxOverhead?: number;
  readonly net?: true;
  readonly stack?: true;
  readonly linear?: true;
  readonly sig?: readonly string[];
  readonly symbols?: string;
  readonly names?: true;
  /** False with --no-cache; commander's answer without it is true. */
  readonly cache?: boolean;
  readonly output?: string;
  readonly json?: true;
  readonly quiet?: true;
  readonly verbose?: true;
}

const SHAPE = "write FUNC=func(SIGNATURE): --sig 'main.Lookup=func(tenant string, n int) error'";

function parsePid(text: string): number {
  const pid = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (pid < 1 || pid > 2 ** 31 - 1)
    throw new UsageError(`'${text}' is not a process id`, { hint: "pgrep NAME finds it" });
  return pid;
}

function parseSignature(text: string, earlier: readonly string[] = []): readonly string[] {
  if (!/^.+=\s*func\b/.test(text)) throw new UsageError(`malformed --sig '${text}'`, { hint: SHAPE });
  return [...earlier, text];
}

function parseExpression(text: string, earlier: readonly string[] = []): readonly string[] {
  if (text.trim() === "") throw new UsageError("--by wants an expression", { hint: "a parameter's name: --by tenant" });
  return [...earlier, text];
}

function parseShown(text: string, earlier: readonly string[] = []): readonly string[] {
  if (text.trim() === "") throw new UsageError("--show wants an expression", { hint: "a field: --show req.URL.Path" });
  return [...earlier, text];
}

/** Conditions given one by one must all hold. */
function parseCondition(text: string, earlier?: string): string {
  if (text.trim() === "") {
    throw new UsageError("--where wants a condition", { hint: "--where 'tenant == \"acme\" && $duration > 10ms'" });
  }
  return earlier === undefined ? text : `(${earlier}) && (${text})`;
}

/** An option of which the last would otherwise silently win. */
const once =
  <T>(name: string, parse: (text: string) => T) =>
  (text: string, earlier?: T): T => {
    if (earlier !== undefined) throw new UsageError(`${name} is given twice`, { hint: "give it once" });
    return parse(text);
  };

const measured =
  (name: "--of" | "--value") =>
  (text: string): string => {
    if (text.trim() !== "") return text;
    throw new UsageError(`${name} wants an expression`, { hint: `a parameter's name: ${name} size` });
  };

/** A share of 1; 1 for all there is. */
function parseShare(text: string): number {
  const percent = /^(\d+(?:\.\d+)?)\s*%$/.exec(text)?.[1];
  const share = Number(percent ?? Number.NaN) / 100;
  if (share > 0 && share <= 1) return share;
  throw new UsageError(`'${text}' is not a share of the target's time`, {
    hint: "--max-overhead 3%; 100% lets probes cost what they cost",
  });
}

function matched(text: string, earlier: readonly string[] = []): readonly string[] {
  if (text.trim() !== "") return [...earlier, text];
  throw new UsageError("--match wants an expression", { hint: "an argument that both ends have: --match arg0" });
}

export function parseProbe(text: string, earlier: readonly string[] = []): readonly string[] {
  if (text.trim() === "") {
    throw new UsageError("an empty name", {
      hint: "name a Go function, a glob, a /regular expression/, usdt:PROVIDER:NAME or c:SYMBOL",
    });
  }
  return [...earlier, text];
}

export const nonEmpty = (text: string): string => {
  if (text === "") throw new InvalidArgumentError("It must not be empty.");
  return text;
};

/** Options that mean the same in every command that has them. */
export const option = {
  pid: () => new Option("-p, --pid <pid>", "a running process").argParser(once("--pid", parsePid)),
  exe: (text: string) => new Option("-e, --exe <file>", text).argParser(once("--exe", nonEmpty)),
  duration: () =>
    new Option("-d, --duration <time>", "500ms, 30s, 2m; else until Ctrl-C or the target's end").argParser(
      once("--duration", parseDuration),
    ),
  by: () => new Option("--by <expr>", "split by this value of each call; repeatable").argParser(parseExpression),
  of: () =>
    new Option("--of <expr>", "measure this value of each call instead of its duration").argParser(
      once("--of", measured("--of")),
    ),
  value: () =>
    new Option("--value <expr>", "sum up this value of each call instead of its duration").argParser(
      once("--value", measured("--value")),
    ),
  where: () =>
    new Option("--where <cond>", "only calls of which this is true: '$duration > 10ms'; repeatable").argParser(
      parseCondition,
    ),
  show: () => new Option("--show <expr>", "this value of each call too; repeatable").argParser(parseShown),
  match: () =>
    new Option(
      "--match <expr>",
      "ends of spans belong together by this value, else by goroutine or thread: usdt:P:A..usdt:P:B --match arg0; repeatable",
    ).argParser(matched),
  maxOverhead: () =>
    new Option(
      "--max-overhead <share>",
      "of the target's CPU time, or one CPU's, that probes may take: beyond, they rest; 3% unless told",
    ).argParser(once("--max-overhead", parseShare)),
  net: () => new Option("--net", "durations without what the probes inside took"),
  sig: () =>
    new Option("--sig <func=signature>", "argument types, for a stripped binary; repeatable").argParser(parseSignature),
  symbols: () =>
    new Option("--symbols <file>", "what gospect symbols wrote of the build before it was stripped").argParser(
      nonEmpty,
    ),
};
